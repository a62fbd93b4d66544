import { useMemo } from "react";
import { useNavigate } from "react-router";

import type { TraceSummary } from "../../api/xray";
import { chartWords } from "../../app/chart-words";
import { useSettings } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { HeatMap, type HeatPoint } from "../../components/heat-map";
import { HistogramChart } from "../../components/histogram-chart";
import { formatClock, formatDuration } from "../../model/format";
import { toBars } from "../../model/histogram";
import { choose, stateOfSummary, type ChartChoice } from "../../model/trace-summary";
import { tracePath } from "../../path";

interface DistributionProps {
  summaries: readonly TraceSummary[];
  choice: ChartChoice;
  onChoice: (choice: ChartChoice) => void;
}

export function Distribution({ summaries, choice, onChoice }: DistributionProps) {
  const { text, zone } = useSettings();
  const { window, printed } = useTimeRange();
  const navigate = useNavigate();
  const points = useMemo(
    () =>
      summaries.flatMap((s): HeatPoint[] =>
        s.ResponseTime === undefined || s.StartTime === undefined
          ? []
          : [{ id: s.Id, time: s.StartTime, value: s.ResponseTime, state: stateOfSummary(s) }],
      ),
    [summaries],
  );
  // Each chart shows what the other one has chosen.
  const bars = useMemo(
    () =>
      toBars(
        choose(summaries, { time: choice.time }).flatMap((s) =>
          s.ResponseTime === undefined ? [] : [{ Value: s.ResponseTime, Count: 1 }],
        ),
        40,
      ),
    [summaries, choice.time],
  );
  const shared = { ...chartWords(text), count: text.common.count };
  const box =
    choice.time || choice.responseTime
      ? {
          start: choice.time?.start ?? window.start,
          end: choice.time?.end ?? window.end,
          from: choice.responseTime?.from ?? 0,
          to: choice.responseTime?.to ?? Infinity,
        }
      : undefined;
  return (
    <div className="m-two">
      <HistogramChart
        title={text.traces.distribution}
        bars={bars}
        format={formatDuration}
        range={choice.responseTime}
        onRange={(responseTime) => onChoice({ ...choice, responseTime })}
        words={{
          ...shared,
          value: text.traces.columns.responseTime,
        }}
        height={150}
      />
      <HeatMap
        title={text.traces.overTime}
        points={points}
        window={window}
        format={formatDuration}
        formatTime={(t) => formatClock(t, zone, window.end - window.start < 600)}
        box={box}
        onBox={(b) =>
          onChoice(
            b
              ? { responseTime: { from: b.from, to: b.to }, time: { start: b.start, end: b.end } }
              : {},
          )
        }
        onPick={(id) => void navigate(tracePath(id, { range: printed }))}
        stateName={(state) => (state === "in-progress" ? text.state.inProgress : text.state[state])}
        words={{
          ...shared,
          time: text.common.time,
          state: text.traces.columns.state,
          value: text.traces.columns.responseTime,
          help: text.traces.overTimeHelp,
          fewToMany: text.traces.fewToMany,
          withFailures: text.traces.withFailures,
        }}
        height={150}
      />
    </div>
  );
}
