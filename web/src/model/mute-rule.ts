// When a mute rule mutes: `at(2026-11-28T22:00)` once, or `cron(0 22 * * 1-5)` again and again, each time for a while.

export type MuteSchedule =
  | { kind: "once"; /** `yyyy-MM-ddThh:mm` */ at: string }
  | { kind: "again"; /** Minute, hour, day of the month, month, day of the week. */ cron: string };

export function parseMuteSchedule(expression: string): MuteSchedule | undefined {
  const once = /^at\(\s*(\d{4}-\d\d-\d\dT\d\d:\d\d)(?::\d\d)?\s*\)$/.exec(expression.trim());
  if (once) return { kind: "once", at: once[1]! };
  const again = /^cron\(([^)]*)\)$/.exec(expression.trim());
  return again ? { kind: "again", cron: again[1]!.trim().replace(/\s+/g, " ") } : undefined;
}

export function printMuteSchedule(schedule: MuteSchedule): string {
  return schedule.kind === "once" ? `at(${schedule.at})` : `cron(${schedule.cron.trim().replace(/\s+/g, " ")})`;
}

/** Five fields of digits, names of days and months, and the usual marks. */
export function isCron(fields: string): boolean {
  const parts = fields.trim().split(/\s+/);
  return parts.length === 5 && parts.every((part) => /^[\dA-Za-z*,/?#L-]+$/.test(part));
}

/** ISO 8601: `PT2H30M`, `P1D`. Undefined: not of this form. */
export function secondsOfDuration(text: string): number | undefined {
  const found = /^P(?=\d|T\d)(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(text);
  if (!found) return undefined;
  const [, days, hours, minutes, seconds] = found.map((part) => Number(part ?? 0));
  return days! * 86_400 + hours! * 3600 + minutes! * 60 + seconds!;
}

export function printDuration(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor((seconds % 86_400) / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const time = `${hours ? `${hours}H` : ""}${minutes ? `${minutes}M` : ""}`;
  return `P${days ? `${days}D` : ""}${time ? `T${time}` : ""}`;
}

/** From a minute to 15 days (AWS). */
export function isMuteDuration(seconds: number): boolean {
  return Number.isInteger(seconds) && seconds >= 60 && seconds <= 15 * 86_400;
}

/** What usual expressions mean. Days count from 0, Sunday. */
export interface DailyTimes {
  hour: number;
  minute: number;
  days: readonly number[] | undefined;
}

export function dailyTimesOf(cron: string): DailyTimes | undefined {
  const [minute, hour, dayOfMonth, month, dayOfWeek] = cron.split(/\s+/);
  if (!/^\d+$/.test(minute ?? "") || !/^\d+$/.test(hour ?? "")) return undefined;
  if (!/^[*?]$/.test(dayOfMonth ?? "") || month !== "*") return undefined;
  const days = daysOf(dayOfWeek ?? "*");
  return days === "unknown" ? undefined : { hour: Number(hour), minute: Number(minute), days };
}

export function printDailyTimes({ hour, minute, days }: DailyTimes): string {
  return `${minute} ${hour} * * ${days === undefined ? "*" : days.join(",")}`;
}

const dayNames = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/** Of an expression with five fields, Sunday is 0 or 7; undefined is every day. */
function daysOf(text: string): number[] | undefined | "unknown" {
  if (text === "*" || text === "?") return undefined;
  const found = new Set<number>();
  for (const part of text.toUpperCase().split(",")) {
    const [from, to] = part.split("-").map((day) => {
      const named = dayNames.indexOf(day);
      return named >= 0 ? named : /^[0-7]$/.test(day) ? Number(day) : -1;
    });
    if (from === undefined || from < 0 || (to !== undefined && to < from)) return "unknown";
    for (let day = from; day <= (to ?? from); day += 1) found.add(day % 7);
  }
  return found.size === 7 ? undefined : [...found].sort((a, b) => a - b);
}

/** Seconds since the epoch of a clock's `yyyy-MM-ddThh:mm` in a time zone. */
export function epochOf(clock: string, zone: string): number | undefined {
  // Browsers read much that is no such time.
  const asUtc = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(clock) ? Date.parse(`${clock}:00Z`) : NaN;
  if (Number.isNaN(asUtc)) return undefined;
  try {
    // What the clock of the zone shows then tells how far it is off; asked twice, where it changes in between.
    let guess = asUtc - offsetAt(asUtc, zone);
    guess = asUtc - offsetAt(guess, zone);
    return guess / 1000;
  } catch {
    return undefined;
  }
}

/** Milliseconds that the clock of a zone is ahead of UTC. */
function offsetAt(time: number, zone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  }).formatToParts(new Date(time));
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  const shown = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
  return shown - Math.floor(time / 1000) * 1000;
}

/** When a schedule begins next, at or after a time, within two weeks. Of unusual expressions nothing is known. */
export function nextStart(schedule: MuteSchedule, zone: string, now: number): number | undefined {
  if (schedule.kind === "once") {
    const at = epochOf(schedule.at, zone);
    return at !== undefined && at >= now ? at : undefined;
  }
  const times = dailyTimesOf(schedule.cron);
  if (!times) return undefined;
  const two = (value: number) => String(value).padStart(2, "0");
  for (let day = -1; day <= 14; day += 1) {
    const date = new Date(now * 1000 + day * 86_400_000);
    if (times.days && !times.days.includes(date.getUTCDay())) continue;
    const clock = `${date.toISOString().slice(0, 10)}T${two(times.hour)}:${two(times.minute)}`;
    const at = epochOf(clock, zone);
    if (at !== undefined && at >= now) return at;
  }
  return undefined;
}
