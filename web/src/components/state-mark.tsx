// A state as a shape, so that colour is never the only sign.

import type { SegmentState } from "../model/segment";

const glyphs: Record<SegmentState, React.ReactNode> = {
  ok: <path d="M4.5 8.4 7 10.8 11.6 5.6" fill="none" stroke="#fff" strokeWidth="1.8" />,
  error: <path d="M8 4.2v4.6M8 10.7v1.6" stroke="#fff" strokeWidth="1.9" />,
  throttle: <path d="M5 5.2h6L8 8l3 2.8H5L8 8z" fill="#fff" />,
  fault: <path d="M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6" stroke="#fff" strokeWidth="1.9" />,
  "in-progress": (
    <path d="M4.2 8h.1M8 8h.1M11.8 8h.1" stroke="#fff" strokeWidth="2" strokeLinecap="round" />
  ),
};

const shapes: Record<SegmentState, React.ReactNode> = {
  ok: <circle cx="8" cy="8" r="7.2" />,
  error: <path d="M8 .6 15.8 14.6H.2z" />,
  throttle: <rect x="2.2" y="2.2" width="11.6" height="11.6" rx="1.5" transform="rotate(45 8 8)" />,
  fault: <path d="M4.9.7h6.2L15.3 4.9v6.2L11.1 15.3H4.9L.7 11.1V4.9z" />,
  "in-progress": <circle cx="8" cy="8" r="7.2" />,
};

export function StateMark({
  state,
  label,
  size = 16,
}: {
  state: SegmentState;
  label?: string;
  size?: number;
}) {
  const offset = state === "error" ? "translate(0 1.2)" : undefined;
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      className={`m-mark m-fill-${state}`}
      {...(label ? { role: "img", "aria-label": label } : { "aria-hidden": true })}
    >
      {label && <title>{label}</title>}
      {shapes[state]}
      <g transform={offset}>{glyphs[state]}</g>
    </svg>
  );
}
