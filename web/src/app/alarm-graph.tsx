// The chart of an alarm, with words and times as a person likes them: of the past of an alarm, and of one that is being made.

import { useMemo } from "react";

import type { AlarmPreview, MetricAlarmInput } from "../api/alarm";
import { AlarmChart } from "../components/alarm-chart";
import { isBreaching, type StateSpan } from "../model/alarm";
import { formatClock, formatCount, formatTime } from "../model/format";
import type { Window } from "../model/time-range";
import { chartWords } from "./chart-words";
import { useSettings } from "./settings";

interface PreviewChartProps {
  title: string;
  /** Absent: there are only states. */
  input: MetricAlarmInput | undefined;
  preview: AlarmPreview | undefined;
  spans: readonly StateSpan[];
  window: Window;
  onZoom?: (start: number, end: number) => void;
  height?: number;
}

export function PreviewChart({ title, input, preview, spans, window, onZoom, height }: PreviewChartProps) {
  const { text, zone } = useSettings();
  const t = text.alarm;
  const band = preview?.Band ?? undefined;
  const series = useMemo(
    () => (preview?.Series ?? []).map(({ Label, Times, Values }) => ({ name: Label, times: Times, values: Values })),
    [preview],
  );
  const limits = useMemo(
    () => new Map(band?.Times.map((time, i) => [time, { lower: band.Lower[i], upper: band.Upper[i] }])),
    [band],
  );
  const threshold = band ? undefined : (preview?.Threshold ?? undefined);
  const isBad = (s: number, i: number) => {
    const line = series[s]!;
    const limit = band ? (limits.get(line.times[i]!) ?? {}) : { threshold };
    return isBreaching(input?.ComparisonOperator, line.values[i]!, limit);
  };
  return (
    <AlarmChart
      title={title}
      series={input ? (series.length > 0 ? series : [{ name: "", times: [], values: [] }]) : []}
      band={band && { times: band.Times, lower: band.Lower, upper: band.Upper }}
      threshold={threshold}
      isBad={isBad}
      spans={spans}
      period={preview?.Period ?? 60}
      window={window}
      format={formatCount}
      formatTime={(time) =>
        window.end - window.start > 86_400 ? formatTime(time, zone).slice(5, 16) : formatClock(time, zone)
      }
      onZoom={onZoom}
      {...(height === undefined ? {} : { height })}
      words={{
        ...chartWords(text),
        time: text.common.time,
        threshold: t.chart.threshold,
        band: t.chart.band,
        breaching: t.chart.breaching,
        state: t.chart.state,
        unknown: t.chart.unknown,
        noValues: t.chart.noValues,
        states: t.states,
      }}
    />
  );
}
