// The critical paths of all traces of a filter, summed by service and entity.

import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import SpaceBetween from "@cloudscape-design/components/space-between";

import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import type { Scan } from "../../app/use-scan";
import { PageLoading } from "../../components/page-loading";
import { formatCount } from "../../model/format";
import { PathTable } from "./path-table";
import { pathStep, usePathSum, type PathSumState } from "./use-path-sum";

export function CriticalPathView({ filter, scan }: { filter: string; scan: Scan }) {
  const text = useText();
  const state = usePathSum(scan, filter);
  const t = text.analytics;
  const nothing = state.sum.totals.size === 0;
  return (
    <SpaceBetween size="s">
      <PathProgress state={state} more={!scan.running && scan.paused} />
      {state.error && <ErrorState error={state.error} onRetry={state.retry} />}
      {nothing && state.running ? (
        <PageLoading label={t.pathLooking} />
      ) : nothing && !state.error ? (
        <Container>
          <Alert type="info">{t.pathNone}</Alert>
        </Container>
      ) : (
        !nothing && <PathTable sum={state.sum} filter={filter} />
      )}
    </SpaceBetween>
  );
}

function PathProgress({ state, more }: { state: PathSumState; more: boolean }) {
  const text = useText();
  const t = text.analytics;
  const { done, wanted, rest, running } = state;
  const [one, all] = [formatCount(done), formatCount(wanted + rest)];
  const looked = more ? t.pathLookedMore(one, all) : t.pathLooked(one, all);
  const open = wanted - done;
  return (
    <div className="m-scan" data-testid="path-progress">
      {running && (
        <div className="m-scan-bar">
          <ProgressBar
            value={wanted > 0 ? Math.round((done / wanted) * 100) : 0}
            ariaLabel={t.pathLooking}
          />
        </div>
      )}
      <span role="status">{looked}</span>
      {running ? (
        <Button variant="inline-link" onClick={state.stop}>
          {t.pathStop}
        </Button>
      ) : (
        open + rest > 0 && (
          <Button variant="inline-link" onClick={state.more}>
            {t.pathMore(formatCount(open > 0 ? open : Math.min(rest, pathStep)))}
          </Button>
        )
      )}
      {state.inProgress > 0 && <span>{t.pathRunning(state.inProgress)}</span>}
      {state.missing > 0 && <span>{t.pathMissing(state.missing)}</span>}
    </div>
  );
}
