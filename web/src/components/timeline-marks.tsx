// Small marks at moments of a timeline. For the pointer: what they lead to is a list elsewhere, which the keyboard reaches.

import { memo } from "react";

import type { Zoom } from "./timeline-ruler";

export interface TimelineMark {
  key: string;
  /** Epoch seconds. */
  time: number;
  /** Each has a colour and a form. */
  tone: "error" | "warning" | "other";
  title: string;
}

interface TimelineMarksProps {
  marks: readonly TimelineMark[];
  zoom: Zoom;
  /** Marks beyond it stand at its edges: what was written a moment too late belongs to it all the same. */
  whole: Zoom;
  onMark?: ((mark: TimelineMark) => void) | undefined;
}

/** More of them would be a line, and slow. */
const most = 200;
const weight = { error: 2, warning: 1, other: 0 } as const;

export const TimelineMarks = memo(function TimelineMarks({ marks, zoom, whole, onMark }: TimelineMarksProps) {
  const span = Math.max(1e-9, zoom.end - zoom.start);
  const placed = marks
    .map((mark) => ({
      mark,
      at: (Math.min(whole.end, Math.max(whole.start, mark.time)) - zoom.start) / span,
    }))
    .filter(({ at }) => at >= 0 && at <= 1)
    .slice(0, most)
    // The worst ones are drawn over the others.
    .sort((a, b) => weight[a.mark.tone] - weight[b.mark.tone]);
  return placed.map(({ mark, at }) => (
    <span
      key={mark.key}
      className={`m-time-mark m-time-mark-${mark.tone}`}
      style={{ left: `${at * 100}%` }}
      title={mark.title}
      data-testid="timeline-mark"
      data-tone={mark.tone}
      // The row and the ruler below have gestures of their own.
      onPointerDown={(event) => event.stopPropagation()}
      onClick={(event) => {
        event.stopPropagation();
        onMark?.(mark);
      }}
    />
  ));
});
