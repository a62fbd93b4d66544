// What the page shows is in the address: both sets, the chosen response times, and the view.

import { useMemo } from "react";

import { useTimeRange } from "../../app/time-range";
import { useUrlState } from "../../app/url-state";
import { and, rangeTerms } from "../../model/filter";
import {
  parseTimeRange,
  printTimeRange,
  resolveTimeRange,
  type TimeRange,
  type Window,
} from "../../model/time-range";
import type { Side } from "../../model/trace-compare";

export interface ResponseTimes {
  from: number;
  to: number;
}

const beforeValue = "before";

export type RangeChoice = "same" | "before" | "own";

export interface AnalyticsUrl {
  filter: Record<Side, string>;
  comparing: boolean;
  windowB: Window;
  rangeChoice: RangeChoice;
  rangeB: TimeRange;
  responseTimes: ResponseTimes | undefined;
  view: "attributes" | "critical-path";
  setFilter(side: Side, filter: string): void;
  refine(side: Side, term: string): void;
  startComparing(): void;
  stopComparing(): void;
  setRangeChoice(choice: RangeChoice): void;
  setRangeB(range: TimeRange): void;
  choose(responseTimes: ResponseTimes | undefined): void;
  /** The chosen response times become a part of A's filter. */
  applyChoice(): void;
  /** A: the chosen response times. B: what else the filter finds. */
  compareRest(): void;
  setView(view: AnalyticsUrl["view"]): void;
}

export function useAnalyticsUrl(): AnalyticsUrl {
  const url = useUrlState();
  const { range, window, now } = useTimeRange();
  const filter = useMemo(
    () => ({ a: url.get("filter") ?? "", b: url.get("filterB") ?? "" }),
    [url],
  );
  const printedB = url.get("rangeB");
  const rangeB = useMemo(
    () => (printedB && printedB !== beforeValue ? parseTimeRange(printedB) : range),
    [printedB, range],
  );
  const windowB = useMemo(
    () =>
      !printedB
        ? window
        : printedB === beforeValue
          ? { start: 2 * window.start - window.end, end: window.start }
          : resolveTimeRange(rangeB, now),
    [printedB, rangeB, window, now],
  );
  const rt = url.get("rt");
  const responseTimes = useMemo(() => parseChoice(rt), [rt]);
  const setFilter = (side: Side, value: string) =>
    url.set(
      side === "a"
        ? { filter: value.trim() || undefined, rt: undefined }
        : { filterB: value.trim() || undefined },
      { push: true },
    );
  const terms = responseTimes ? rangeTerms("responsetime", responseTimes) : [];
  return {
    filter,
    comparing: url.get("compare") !== undefined,
    windowB,
    rangeChoice: !printedB ? "same" : printedB === beforeValue ? "before" : "own",
    rangeB,
    responseTimes,
    view: url.get("view") === "critical-path" ? "critical-path" : "attributes",
    setFilter,
    // The chosen response times stay: a value narrows them further.
    refine: (side, term) =>
      url.set(
        { [side === "a" ? "filter" : "filterB"]: and(filter[side], term) },
        { push: true },
      ),
    startComparing: () =>
      url.set({ compare: "on", filterB: filter.a || undefined }, { push: true }),
    stopComparing: () =>
      url.set({ compare: undefined, filterB: undefined, rangeB: undefined }, { push: true }),
    setRangeChoice: (choice) =>
      url.set({
        rangeB:
          choice === "same"
            ? undefined
            : choice === "before"
              ? beforeValue
              : printTimeRange({ kind: "absolute", ...wholeSeconds(windowB) }),
      }),
    setRangeB: (next) => url.set({ rangeB: printTimeRange(next) }),
    choose: (next) =>
      url.set({
        rt: next && `${Number(next.from.toPrecision(4))}~${Number(next.to.toPrecision(4))}`,
      }),
    applyChoice: () => setFilter("a", terms.reduce(and, filter.a)),
    compareRest: () =>
      url.set(
        {
          filter: terms.reduce(and, filter.a),
          compare: "on",
          filterB: and(filter.a, `!(${terms.join(" AND ")})`),
          rangeB: undefined,
          rt: undefined,
        },
        { push: true },
      ),
    setView: (view) =>
      url.set({ view: view === "attributes" ? undefined : view }, { push: true }),
  };
}

function wholeSeconds({ start, end }: Window): Window {
  return { start: Math.floor(start), end: Math.ceil(end) };
}

function parseChoice(text: string | undefined): ResponseTimes | undefined {
  const [from, to] = (text ?? "").split("~").map(Number);
  return from !== undefined && to !== undefined && to > from ? { from, to } : undefined;
}
