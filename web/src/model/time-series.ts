// Buckets of GetTimeSeriesServiceStatistics as lines. A bucket without requests has no
// latency (a gap) but has a request count, zero, once the first request was seen.

import type { TimeSeriesServiceStatistics } from "../api/xray";
import { percentile } from "./histogram";
import { outcomeOf } from "./statistics";
import type { Window } from "./time-range";

type Points = (number | undefined)[];

export interface TimeSeries {
  times: number[];
  total: Points;
  average: Points;
  p90: Points;
  p99: Points;
  fault: Points;
  error: Points;
  throttle: Points;
}

export function toTimeSeries(
  buckets: readonly TimeSeriesServiceStatistics[],
  window: Window,
  period: number,
): TimeSeries {
  const byTime = new Map(buckets.map((b) => [Math.floor(b.Timestamp / period) * period, b]));
  const series: TimeSeries = {
    times: [],
    total: [],
    average: [],
    p90: [],
    p99: [],
    fault: [],
    error: [],
    throttle: [],
  };
  for (let time = Math.ceil(window.start / period) * period; time < window.end; time += period) {
    const bucket = byTime.get(time);
    const outcome = outcomeOf(bucket?.ServiceSummaryStatistics ?? bucket?.EdgeSummaryStatistics);
    const histogram = bucket?.ResponseTimeHistogram ?? [];
    series.times.push(time);
    series.total.push(outcome.total);
    series.fault.push(outcome.fault);
    series.error.push(outcome.error);
    series.throttle.push(outcome.throttle);
    series.average.push(outcome.averageSeconds);
    series.p90.push(percentile(histogram, 90));
    series.p99.push(percentile(histogram, 99));
  }
  return series;
}
