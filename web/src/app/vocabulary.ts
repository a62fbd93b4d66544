// Words that the filter box can complete to: those of the newest traces in the time range.

import { useMemo } from "react";

import { useTraceSummaries } from "../api/hook";
import type { Vocabulary } from "../model/filter-completion";
import { vocabularyOf } from "../model/trace-summary";
import { useTimeRange } from "./time-range";

export function useVocabulary(): Vocabulary {
  const { window } = useTimeRange();
  const page = useTraceSummaries(window, "").data?.pages[0];
  return useMemo(() => vocabularyOf(page?.TraceSummaries ?? []), [page]);
}
