// The time range that all pages share, as it is written in the URL:
// an ISO duration ("PT15M": up to now) or "<start>~<end>" in epoch seconds.

export type TimeRange =
  { kind: "relative"; seconds: number } | { kind: "absolute"; start: number; end: number };

export const defaultTimeRange: TimeRange = { kind: "relative", seconds: 30 * 60 };

export function parseTimeRange(text: string | null | undefined): TimeRange {
  if (!text) return defaultTimeRange;
  const relative = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(text);
  if (relative) {
    const [, d, h, m, s] = relative.map((part) => Number(part ?? 0));
    const seconds = d! * 86400 + h! * 3600 + m! * 60 + s!;
    if (seconds > 0) return { kind: "relative", seconds };
  }
  const absolute = /^(\d+(?:\.\d+)?)~(\d+(?:\.\d+)?)$/.exec(text);
  if (absolute) {
    const start = Number(absolute[1]);
    const end = Number(absolute[2]);
    if (end > start) return { kind: "absolute", start, end };
  }
  return defaultTimeRange;
}

export function printTimeRange(range: TimeRange): string {
  if (range.kind === "absolute") return `${range.start}~${range.end}`;
  const days = Math.floor(range.seconds / 86400);
  const h = Math.floor((range.seconds % 86400) / 3600);
  const m = Math.floor((range.seconds % 3600) / 60);
  const s = range.seconds % 60;
  const time = `${h ? `${h}H` : ""}${m ? `${m}M` : ""}${s ? `${s}S` : ""}`;
  return `P${days ? `${days}D` : ""}${time ? `T${time}` : ""}`;
}

export interface Window {
  start: number;
  end: number;
}

export function resolveTimeRange(range: TimeRange, nowSeconds: number): Window {
  if (range.kind === "absolute") return { start: range.start, end: range.end };
  // The window is half-open on whole seconds: include what arrived this second.
  const end = Math.ceil(nowSeconds) + 1;
  return { start: end - range.seconds, end };
}

const WHOLE_MINUTES_FROM = 15 * 60;
const LONGEST = 6 * 3600;

// A window that begins and ends with a minute: the server answers whole minutes from sums, at once. Short windows stay as
// they are, since minutes would show, and so do windows that would become too long to ask for.
export function wholeMinutes(window: Window): Window {
  if (window.end - window.start < WHOLE_MINUTES_FROM) return window;
  const whole = { start: Math.ceil(window.start / 60) * 60, end: Math.ceil(window.end / 60) * 60 };
  return whole.end - whole.start > LONGEST ? window : whole;
}

/** The whole minutes that a window touches. */
export function toMinutes(window: Window): Window {
  return { start: Math.floor(window.start / 60) * 60, end: Math.ceil(window.end / 60) * 60 };
}

const wider = [3600, 6 * 3600, 86400, 7 * 86400, 28 * 86400];

/** The next longer range that a page may offer, in seconds. */
export function nextWider(seconds: number, most = 7 * 86400): number | undefined {
  return wider.find((each) => each > seconds && each <= most);
}

export function periodFor(window: Window): 60 | 300 {
  return window.end - window.start > 3 * 3600 ? 300 : 60;
}
