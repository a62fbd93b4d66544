import { useMemo, useState } from "react";

import { useTimeSeries } from "../../api/hook";
import { chartWords } from "../../app/chart-words";
import { ErrorState } from "../../app/error-state";
import { useSettings } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { MetricChart, type Series } from "../../components/metric-chart";
import { PageLoading } from "../../components/page-loading";
import { formatClock, formatCount, formatDuration } from "../../model/format";
import { toTimeSeries } from "../../model/time-series";
import { periodFor } from "../../model/time-range";

/** Latency, requests and failures over time, with one crosshair for the three. */
export function PaneCharts({ selector, group }: { selector: string; group: string | undefined }) {
  const { text, zone } = useSettings();
  const { window, setRange } = useTimeRange();
  const period = periodFor(window);
  const query = useTimeSeries(window, selector, period, group);
  const [cursor, setCursor] = useState<number | undefined>(undefined);
  const data = useMemo(
    () => toTimeSeries(query.data ?? [], window, period),
    [query.data, window, period],
  );
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (query.isPending) return <PageLoading label={text.common.loading} rows={3} />;
  const shared = {
    times: data.times,
    window,
    cursor,
    onCursor: setCursor,
    formatTime: (time: number) => formatClock(time, zone, window.end - window.start < 600),
    onZoom: (start: number, end: number) =>
      setRange({ kind: "absolute", start, end: Math.max(end, start + 60) }),
    words: { ...chartWords(text), time: text.common.time },
  };
  const failures: Series[] = [
    { name: text.state.fault, className: "m-stroke-fault", points: data.fault },
    { name: text.state.error, className: "m-stroke-error", points: data.error, dash: "6 3" },
    {
      name: text.state.throttle,
      className: "m-stroke-throttle",
      points: data.throttle,
      dash: "2 3",
    },
  ];
  return (
    <div className="m-cards">
      <MetricChart
        {...shared}
        title={text.map.latency}
        format={(v) => formatDuration(v)}
        series={[
          { name: text.common.averageLatency, className: "m-line-a", points: data.average },
          { name: "p90", className: "m-line-c", points: data.p90, dash: "6 3" },
          { name: "p99", className: "m-line-b", points: data.p99, dash: "2 3" },
        ]}
      />
      <MetricChart
        {...shared}
        title={text.map.requestsChart}
        format={(v) => formatCount(v)}
        series={[{ name: text.common.requests, className: "m-line-a", points: data.total }]}
      />
      <MetricChart
        {...shared}
        title={text.map.failures}
        format={(v) => formatCount(v)}
        series={failures}
      />
    </div>
  );
}
