// The lines of a trace, asked for with the page: the timeline marks them, the tab lists them.

import { useMemo } from "react";

import { useTraceLines } from "../../api/hook";
import type { TimelineMark } from "../../components/timeline-marks";
import { ownTraceLogQuery, traceLinesOf, type TraceLine } from "../../model/trace-log";
import type { Waterfall } from "../../model/waterfall";

export interface TraceLogs {
  lines: readonly TraceLine[];
  error: Error | null;
  isPending: boolean;
  retry: () => void;
}

export interface TraceLogMarks {
  byRow: ReadonlyMap<string, readonly TimelineMark[]>;
  ruler: readonly TimelineMark[];
}

/** Clocks of services differ, and what was buffered is written late: lines that long before and after are looked for. */
const widened = 300;

export function useTraceLogs(waterfall: Waterfall): TraceLogs {
  const query = useTraceLines(
    {
      queryString: ownTraceLogQuery([waterfall.id]),
      startTime: Math.floor(waterfall.start) - widened,
      endTime: Math.ceil(waterfall.end) + widened,
    },
    waterfall.end,
  );
  const results = query.data?.results;
  const lines = useMemo(() => traceLinesOf(results ?? [], waterfall), [results, waterfall]);
  return { lines, error: query.error, isPending: query.isPending, retry: () => void query.refetch() };
}

/** Marks of the lines; the key of one begins with its line as an address has it, and a blank. */
export function marksOf(lines: readonly TraceLine[]): TraceLogMarks {
  const byRow = new Map<string, TimelineMark[]>();
  const ruler: TimelineMark[] = [];
  for (const line of lines) {
    const mark: TimelineMark = {
      key: line.key,
      time: line.timestamp / 1000,
      tone: line.level,
      title: line.message.slice(0, 300),
    };
    if (!line.node) ruler.push(mark);
    else if (byRow.has(line.node.key)) byRow.get(line.node.key)!.push(mark);
    else byRow.set(line.node.key, [mark]);
  }
  return { byRow, ruler };
}
