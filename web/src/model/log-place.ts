// A line of a log as an address has it: its time, and a short sum of its message. Not every answer of the API says an event's id, and
// two lines of one millisecond are told apart well enough.

export interface LogPlace {
  /** Milliseconds. */
  time: number;
  /** Absent: whatever is nearest to the time. */
  sum?: string | undefined;
}

/** FNV-1a. */
function sumOf(message: string): string {
  let sum = 0x811c9dc5;
  for (let i = 0; i < message.length; i += 1) sum = Math.imul(sum ^ message.charCodeAt(i), 0x01000193);
  return (sum >>> 0).toString(36);
}

export function printLogPlace(line: { timestamp: number; message: string }): string {
  return `${line.timestamp}~${sumOf(line.message)}`;
}

export function parseLogPlace(text: string | undefined): LogPlace | undefined {
  const match = /^(\d{1,15})(?:~([0-9a-z]+))?$/.exec(text ?? "");
  return match ? { time: Number(match[1]), sum: match[2] } : undefined;
}

export function isAt(place: LogPlace | undefined, line: { timestamp: number; message: string }): boolean {
  return place?.sum !== undefined && place.time === line.timestamp && place.sum === sumOf(line.message);
}

/** Of lines in the order of time: the first that is meant, or else the one nearest in time. */
export function indexOfPlace(lines: readonly { timestamp: number; message: string }[], place: LogPlace): number {
  const exact = lines.findIndex((line) => isAt(place, line));
  if (exact >= 0) return exact;
  let best = -1;
  lines.forEach((line, i) => {
    if (best < 0 || Math.abs(line.timestamp - place.time) < Math.abs(lines[best]!.timestamp - place.time)) best = i;
  });
  return best;
}

/** What a field of date and time has, in the zone of the console. */
export function parseDateTime(text: string, zone: "local" | "utc"): number | undefined {
  const match = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)$/.exec(text.trim());
  const time = match ? Date.parse(`${match[1]}T${match[2]}${zone === "utc" ? "Z" : ""}`) : NaN;
  return Number.isNaN(time) ? undefined : time;
}
