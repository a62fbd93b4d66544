// How many events the query looked at, over time. What is chosen in it becomes the time of the page.

import { useMemo } from "react";

import { useLogQuery } from "../../api/hook";
import type { QueryInput } from "../../api/logs";
import { chartWords } from "../../app/chart-words";
import { useSettings } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { TimeBars } from "../../components/time-bars";
import { formatClock, formatCount, formatTime } from "../../model/format";
import { histogramQuery, stepFor } from "../../model/insights-query";
import { barsOf, tableOf } from "../../model/log-query";

/** `waits`: whether the query can be understood at all is not known yet. */
export function QueryHistogram({ input, waits }: { input: QueryInput; waits: boolean }) {
  const { text, zone } = useSettings();
  const t = text.log;
  const { setRange } = useTimeRange();
  const window = { start: input.startTime, end: input.endTime };
  const seconds = window.end - window.start;
  const step = stepFor(seconds);
  const counts = useLogQuery(
    waits ? undefined : { ...input, queryString: histogramQuery(input.queryString, step.text) },
  );
  const bars = useMemo(() => barsOf(tableOf(counts.data?.results ?? [])), [counts.data]);
  // What cannot be counted over time is told by the query itself.
  if (counts.error) return null;
  const sum = bars.reduce((total, { value }) => total + value, 0);
  return (
    <div data-testid="query-histogram" style={{ opacity: counts.isPending ? 0.5 : 1 }}>
      <TimeBars
        title={t.overTime}
        bars={bars}
        step={step.seconds}
        window={window}
        formatTime={(time) =>
          seconds > 86400 ? formatTime(time, zone).slice(5, 16) : formatClock(time, zone, step.seconds < 60)
        }
        onChoose={(start, end) => setRange({ kind: "absolute", start, end })}
        words={{ ...chartWords(text), time: text.common.time, count: text.common.count }}
        action={<span className="m-live-none">{counts.isPending ? text.common.loading : t.eventsChoose(formatCount(sum))}</span>}
      />
    </div>
  );
}
