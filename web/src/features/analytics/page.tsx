// Analytics: a set of traces, perhaps beside a second one, by their attributes or critical paths.

import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import SpaceBetween from "@cloudscape-design/components/space-between";

import { CliButton } from "../../app/cli-button";
import { ErrorState } from "../../app/error-state";
import { filterErrorOf } from "../../app/filter-error";
import { NoData } from "../../app/no-data";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { TimeRangeControl } from "../../app/time-range-control";
import { useScan, type Scan } from "../../app/use-scan";
import { PageLoading } from "../../components/page-loading";
import { formatCount } from "../../model/format";
import { CriticalPathView } from "./critical-path-view";
import { SetComparison } from "./set-comparison";
import { SetQuery } from "./set-query";
import { useAnalyticsUrl, type AnalyticsUrl } from "./use-analytics-url";

/** How many traces of a set are looked at before someone asks for more. */
const bound = 2000;

export function AnalyticsPage() {
  const text = useText();
  const url = useAnalyticsUrl();
  const { window } = useTimeRange();
  const scan = useScan(window, url.filter.a, bound);
  const t = text.analytics;
  const criticalPath = url.view === "critical-path";
  return (
    <SpaceBetween size="s">
      <Header
        variant="h1"
        description={criticalPath ? t.pathDescription : t.description}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <CliButton
              operation="get-trace-summaries"
              options={[
                ["start-time", window.start],
                ["end-time", window.end],
                ["filter-expression", url.filter.a],
              ]}
            />
            <TimeRangeControl />
          </SpaceBetween>
        }
      >
        {t.title}
      </Header>
      <SegmentedControl
        label={text.map.view}
        selectedId={url.view}
        onChange={({ detail }) =>
          url.setView(detail.selectedId === "critical-path" ? "critical-path" : "attributes")
        }
        options={[
          { id: "attributes", text: t.views.attributes },
          { id: "critical-path", text: t.views.criticalPath },
        ]}
      />
      {criticalPath ? (
        <OneSet url={url} scan={scan} />
      ) : url.comparing ? (
        <TwoSets url={url} scan={scan} />
      ) : (
        <OneSet url={url} scan={scan} />
      )}
    </SpaceBetween>
  );
}

interface SetProps {
  url: AnalyticsUrl;
  scan: Scan;
}

function OneSet({ url, scan }: SetProps) {
  const text = useText();
  const criticalPath = url.view === "critical-path";
  return (
    <SpaceBetween size="s">
      <Container>
        <SetQuery side="a" url={url} scan={scan} plain={criticalPath} />
        {!criticalPath && (
          <div className="m-links m-set-actions">
            <Button onClick={url.startComparing}>{text.analytics.compare}</Button>
            <span className="m-live-none">{text.analytics.bound(formatCount(bound))}</span>
          </div>
        )}
      </Container>
      <Failure url={url} scan={scan} side="a" />
      {!scan.error && <ResultOfA url={url} scan={scan} />}
    </SpaceBetween>
  );
}

function ResultOfA({ url, scan }: SetProps) {
  const text = useText();
  if (scan.pending) return <PageLoading label={text.common.loading} />;
  if (scan.summaries.length === 0 && !scan.running)
    return <NoData {...(url.filter.a ? { onClearFilter: () => url.setFilter("a", "") } : {})} />;
  return url.view === "critical-path" ? (
    <CriticalPathView filter={url.filter.a} scan={scan} />
  ) : (
    <SetComparison url={url} a={scan} b={undefined} />
  );
}

function TwoSets({ url, scan }: SetProps) {
  const text = useText();
  const scanB = useScan(url.windowB, url.filter.b, bound);
  const failed = scan.error ?? scanB.error;
  return (
    <SpaceBetween size="s">
      <div className="m-compare">
        <Container fitHeight>
          <SetQuery side="a" url={url} scan={scan} />
        </Container>
        <Container fitHeight>
          <SetQuery side="b" url={url} scan={scanB} />
        </Container>
      </div>
      <span className="m-live-none">{text.analytics.bound(formatCount(bound))}</span>
      <Failure url={url} scan={scan} side="a" />
      <Failure url={url} scan={scanB} side="b" />
      {failed ? null : scanB.pending ? (
        <PageLoading label={text.common.loading} />
      ) : scan.summaries.length === 0 ? (
        <ResultOfA url={url} scan={scan} />
      ) : (
        <SetComparison url={url} a={scan} b={scanB} />
      )}
    </SpaceBetween>
  );
}

/** A mistake in the filter is told at its box, everything else here. */
function Failure({ url, scan, side }: SetProps & { side: "a" | "b" }) {
  if (!scan.error || filterErrorOf(scan.error, url.filter[side])) return null;
  return <ErrorState error={scan.error} onRetry={scan.retry} />;
}
