// The time range that all pages share, and the clock that moves it.

import { useQueryClient } from "@tanstack/react-query";
import {
  createContext,
  use,
  useCallback,
  useEffect,
  useMemo,
  useState,
  type ReactNode,
} from "react";

import { rangeParameter } from "../path";
import {
  parseTimeRange,
  printTimeRange,
  resolveTimeRange,
  type TimeRange,
  type Window,
} from "../model/time-range";
import { useSettings } from "./settings";
import { useUrlState } from "./url-state";

interface SharedTimeRange {
  range: TimeRange;
  /** As in the URL, to hand on to links. */
  printed: string | undefined;
  window: Window;
  now: number;
  setRange(range: TimeRange): void;
  refresh(): void;
}

const windowed: ReadonlySet<string> = new Set([
  "ServiceGraph",
  "TimeSeries",
  "TraceSummaries",
  "InsightSummaries",
  "MetricData",
  "StateChanges",
  "Runtimes",
  "CanaryFigures",
]);

const TimeRangeContext = createContext<SharedTimeRange | undefined>(undefined);

export function TimeRangeProvider({ children }: { children: ReactNode }) {
  const url = useUrlState();
  const queries = useQueryClient();
  const { refresh: every } = useSettings();
  const [now, setNow] = useState(() => Date.now() / 1000);
  const printed = url.get(rangeParameter);
  const range = useMemo(() => parseTimeRange(printed), [printed]);
  const window = useMemo(() => resolveTimeRange(range, now), [range, now]);

  const refresh = useCallback(() => {
    const next = Date.now() / 1000;
    setNow(next);
    // A window that moves on asks anew by itself; asking for the old one too is waste. One that
    // stays (an absolute one, or the second has not passed yet) must be asked for again.
    const stays = resolveTimeRange(range, next).end === window.end;
    void queries.invalidateQueries({
      predicate: (query) => stays || !windowed.has(String(query.queryKey[0])),
    });
  }, [queries, range, window.end]);

  useEffect(() => {
    if (every <= 0) return;
    // A page in the background asks for nothing.
    const timer = setInterval(
      () => document.visibilityState === "visible" && refresh(),
      every * 1000,
    );
    return () => clearInterval(timer);
  }, [every, refresh]);

  const value = useMemo<SharedTimeRange>(
    () => ({
      range,
      printed,
      window,
      now,
      setRange: (next) => {
        setNow(Date.now() / 1000);
        url.set({ [rangeParameter]: printTimeRange(next) }, { push: true });
      },
      refresh,
    }),
    [range, printed, window, now, url, refresh],
  );
  return <TimeRangeContext value={value}>{children}</TimeRangeContext>;
}

export function useTimeRange(): SharedTimeRange {
  const range = use(TimeRangeContext);
  if (!range) throw new Error("no TimeRangeProvider above");
  return range;
}
