// One trace: facts, its map, the segment timeline, and the details of a row.

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo, useState } from "react";
import { useNavigate, useParams } from "react-router";

import { useHealth, useTrace } from "../../api/hook";
import type { Trace } from "../../api/xray";
import { CliButton } from "../../app/cli-button";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { useUrlState } from "../../app/url-state";
import { CopyButton } from "../../components/copy-button";
import { PageLoading } from "../../components/page-loading";
import { normalizeTraceId } from "../../model/trace-id";
import { buildWaterfall } from "../../model/waterfall";
import { tracesPath } from "../../path";
import { CompareDialog } from "./compare-dialog";
import { Facts } from "./facts";
import { RawTrace } from "./raw-trace";
import { SegmentPane } from "./segment-pane";
import { TraceMap } from "./trace-map";
import { TraceTimeline } from "./trace-timeline";
import { useTraceLogs } from "./use-trace-logs";

export function TracePage() {
  const text = useText();
  const { id = "" } = useParams();
  const traceId = normalizeTraceId(id) ?? id;
  const query = useTrace(traceId);
  const [comparing, setComparing] = useState(false);
  return (
    <SpaceBetween size="s">
      <Header
        variant="h1"
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button disabled={!query.data} onClick={() => setComparing(true)}>
              {text.compare.compareWith}
            </Button>
            <CliButton operation="batch-get-traces" options={[["trace-ids", [traceId]]]} />
            <CopyButton
              label={text.trace.copyLink}
              done={text.common.copied}
              failed={text.common.copyFailed}
              value={() => location.href}
            />
            <Button
              iconName="refresh"
              ariaLabel={text.range.refresh}
              onClick={() => void query.refetch()}
            />
          </SpaceBetween>
        }
      >
        {text.trace.title}
      </Header>
      {query.error ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : query.isPending ? (
        <PageLoading label={text.trace.loadingTrace} />
      ) : query.data === null ? (
        <NotFound id={traceId} onRetry={() => void query.refetch()} />
      ) : (
        <TraceBody
          trace={query.data}
          at={query.dataUpdatedAt / 1000}
          comparing={comparing}
          onCompared={() => setComparing(false)}
        />
      )}
    </SpaceBetween>
  );
}

interface TraceBodyProps {
  trace: Trace;
  at: number;
  comparing: boolean;
  onCompared: () => void;
}

function TraceBody({ trace, at, comparing, onCompared }: TraceBodyProps) {
  const text = useText();
  const url = useUrlState();
  const waterfall = useMemo(() => buildWaterfall(trace, at), [trace, at]);
  const selected = url.get("segment");
  const node = selected ? waterfall.byId.get(selected) : undefined;
  const logs = useTraceLogs(waterfall);
  const select = (key: string | undefined, tab?: string, line?: string) =>
    url.set({ segment: key, line, ...(tab || !key ? { tab } : {}) });
  // Lines are of the whole trace: to see them, no row has to be chosen.
  const paneNode = node ?? (url.get("tab") === "logs" ? waterfall.root : undefined);
  return (
    <SpaceBetween size="m">
      {trace.LimitExceeded && <Alert type="warning">{text.trace.limit}</Alert>}
      {waterfall.unreadable > 0 && (
        <Alert type="warning">{text.trace.unreadable(waterfall.unreadable)}</Alert>
      )}
      <Facts waterfall={waterfall} />
      <TraceMap
        traceId={trace.Id}
        onNode={(name) =>
          select([...waterfall.byId.values()].find((n) => !n.parent && n.service === name)?.key)
        }
      />
      <TraceTimeline waterfall={waterfall} selected={selected} onSelect={select} logs={logs} />
      <RawTrace trace={trace} waterfall={waterfall} />
      {comparing && <CompareDialog waterfall={waterfall} onClose={onCompared} />}
      {paneNode && (
        <SegmentPane
          waterfall={waterfall}
          node={paneNode}
          isChosen={node !== undefined}
          onSelect={select}
          logs={logs}
        />
      )}
    </SpaceBetween>
  );
}

function NotFound({ id, onRetry }: { id: string; onRetry: () => void }) {
  const text = useText();
  const navigate = useNavigate();
  const { printed } = useTimeRange();
  const health = useHealth();
  return (
    <Box padding={{ vertical: "xxl" }} textAlign="center" data-testid="trace-not-found">
      <SpaceBetween size="s">
        <Box variant="h2">{text.trace.notFound}</Box>
        <div className="m-mono">{id}</div>
        <Box color="text-body-secondary">
          {text.trace.notFoundText(String(health.data?.store?.retention_days ?? 30))}
        </Box>
        <SpaceBetween direction="horizontal" size="xs" className="m-center">
          <Button onClick={onRetry}>{text.common.retry}</Button>
          <Button onClick={() => void navigate(tracesPath({ range: printed }))}>
            {text.trace.back}
          </Button>
        </SpaceBetween>
      </SpaceBetween>
    </Box>
  );
}
