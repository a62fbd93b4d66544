import { useMemo, useState } from "react";

import { chartWords } from "../../app/chart-words";
import { useSettings } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { spanText } from "../../app/time-range-control";
import type { Scan } from "../../app/use-scan";
import { MetricChart, type Series } from "../../components/metric-chart";
import { SetHistogram } from "../../components/set-histogram";
import { formatClock, formatCount, formatDuration } from "../../model/format";
import { bucketsOf, countOverTime, toSetBars } from "../../model/set-chart";
import type { Window } from "../../model/time-range";
import type { AnalyticsUrl } from "./use-analytics-url";

interface SetChartsProps {
  url: AnalyticsUrl;
  a: Scan;
  b: Scan | undefined;
}

export function SetCharts({ url, a, b }: SetChartsProps) {
  const { text } = useSettings();
  const t = text.analytics;
  const bars = useMemo(
    () => toSetBars(a.summaries, b?.summaries ?? [], 40),
    [a.summaries, b?.summaries],
  );
  return (
    <div className="m-two m-two-even">
      <SetHistogram
        title={t.distribution}
        bars={bars}
        two={b !== undefined}
        format={formatDuration}
        range={url.responseTimes}
        onRange={url.choose}
        words={{
          ...chartWords(text),
          value: t.responseTime,
          a: b ? t.tracesOf(text.compare.sideA) : t.traces,
          b: t.tracesOf(text.compare.sideB),
          count: text.common.count,
        }}
      />
      <OverTime url={url} a={a} b={b} />
    </div>
  );
}

/** Back to where the set was looked through: what lies before is unknown. */
function lookedBackTo(scan: Scan, window: Window): number {
  return window.end - scan.progress * (window.end - window.start);
}

function OverTime({ url, a, b }: SetChartsProps) {
  const { text, zone } = useSettings();
  const { window, setRange } = useTimeRange();
  const [cursor, setCursor] = useState<number | undefined>(undefined);
  const t = text.analytics;
  const { windowB } = url;
  const shift = window.start - windowB.start;
  const shown = useMemo(() => {
    const span = Math.max(
      window.end - window.start,
      b ? windowB.end - windowB.start : 0,
    );
    return { start: window.start, end: window.start + span };
  }, [window, windowB, b]);
  const buckets = useMemo(() => bucketsOf(shown), [shown]);
  const series = useMemo(() => {
    const inA = countOverTime(a.summaries, buckets, {
      from: lookedBackTo(a, window),
      end: window.end,
      shift: 0,
    });
    const list: Series[] = [
      {
        name: b ? t.tracesOf(text.compare.sideA) : t.traces,
        className: "m-line-a",
        points: inA,
      },
    ];
    if (b)
      list.push({
        name: t.tracesOf(text.compare.sideB),
        className: "m-line-b",
        dash: "6 3",
        points: countOverTime(b.summaries, buckets, {
          from: lookedBackTo(b, windowB),
          end: windowB.end,
          shift,
        }),
      });
    return list;
  }, [a, b, buckets, shift, t, text, window, windowB]);
  return (
    <div>
      <MetricChart
        title={t.overTime}
        times={buckets.times}
        series={series}
        window={shown}
        format={formatCount}
        formatTime={(time) => formatClock(time, zone, shown.end - shown.start < 600)}
        onZoom={(start, end) =>
          setRange({ kind: "absolute", start, end: Math.max(end, start + 60) })
        }
        cursor={cursor}
        onCursor={setCursor}
        words={{ ...chartWords(text), time: text.common.time }}
      />
      {b && Math.abs(shift) >= 1 && (
        <div className="m-live-none">{t.shifted(spanText(text, Math.abs(Math.round(shift))))}</div>
      )}
    </div>
  );
}
