// The charts of a page: what is used against what is reserved, with what happened marked on them.

import { useMemo, useState } from "react";

import type { MetricDataResult } from "../../api/cloudwatch";
import type { StateChange } from "../../api/ecs";
import { chartWords } from "../../app/chart-words";
import { changeText, formatUnit, isBad, roundUnit } from "../../app/container-words";
import { useSettings } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { MetricChart, type Series } from "../../components/metric-chart";
import { marksOf, pointsOf, timesOf, type ChartQuery } from "../../model/container";
import { formatClock } from "../../model/format";
import { toMinutes } from "../../model/time-range";

/** Used, reserved, and a third one: told apart by colour and form. */
const looks: readonly Pick<Series, "className" | "dash" | "filled">[] = [
  { className: "m-line-a", filled: true },
  { className: "m-line-b", dash: "6 3" },
  { className: "m-line-c", dash: "2 3" },
];

interface ChartsProps {
  charts: readonly ChartQuery[];
  results: readonly MetricDataResult[];
  changes: readonly StateChange[];
  period: number;
}

export function Charts({ charts, results, changes, period }: ChartsProps) {
  const { text, zone } = useSettings();
  const t = text.container;
  const { window, setRange } = useTimeRange();
  const [cursor, setCursor] = useState<number | undefined>(undefined);
  const times = useMemo(() => timesOf(window, period), [window, period]);
  const marks = useMemo(
    () =>
      marksOf(changes, window).map(({ time, kinds }) => ({
        time,
        label: kinds.map((kind) => changeText(text, kind)).join(", "),
        bad: kinds.some((change) => isBad({ change })) || isAnyBad(changes, time),
      })),
    [changes, window, text],
  );
  const of = new Map(results.map((result) => [result.Id, result]));
  return (
    <div className="m-charts" data-testid="container-charts">
      {charts.map((chart) => (
        <MetricChart
          key={chart.key}
          title={t.charts[chart.key]}
          times={times}
          series={chart.series.map(({ key, id }, i) => ({
            name: t.series[key as keyof typeof t.series],
            points: pointsOf(of.get(id), times),
            ...looks[i % looks.length]!,
          }))}
          window={window}
          unitOf={(top) => roundUnit(top, chart.unit)}
          format={(value) => formatUnit(value, chart.unit)}
          formatTime={(time) => formatClock(time, zone)}
          cursor={cursor}
          onCursor={setCursor}
          onZoom={(start, end) => {
            setCursor(undefined);
            setRange({ kind: "absolute", ...toMinutes({ start, end }) });
          }}
          words={{ ...chartWords(text), time: text.common.time }}
          marks={marks}
        />
      ))}
    </div>
  );
}

function isAnyBad(changes: readonly StateChange[], time: number): boolean {
  return changes.some((change) => change.time === time && isBad(change));
}
