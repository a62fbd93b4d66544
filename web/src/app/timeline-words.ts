import { useMemo } from "react";

import { useText } from "./settings";
import { typeText } from "./type-text";
import type { TimelineWords } from "../components/timeline-row";
import type { Catalogue } from "../i18n/en";
import type { SegmentState } from "../model/segment";

export function segmentStateText(text: Catalogue, state: SegmentState): string {
  return state === "in-progress" ? text.state.inProgress : text.state[state];
}

export function useTimelineWords(): TimelineWords {
  const text = useText();
  return useMemo(() => {
    const { inferred, inferredHelp, orphan, orphanHelp, inProgress, inProgressHelp, group, bar } =
      text.trace;
    const state = (s: SegmentState) => segmentStateText(text, s);
    return {
      inferred,
      inferredHelp,
      orphan,
      orphanHelp,
      inProgress,
      inProgressHelp,
      group,
      bar,
      type: (type) => typeText(text, type),
      state,
      onPath: text.criticalPath.onPath,
      offPath: text.criticalPath.offPath,
      below: (s) => text.state.below(state(s)),
    };
  }, [text]);
}
