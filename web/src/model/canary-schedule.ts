// When a canary runs: expressions as CloudWatch writes them, and what they mean.

export type Schedule =
  | { kind: "once" }
  | { kind: "rate"; minutes: number }
  | { kind: "cron"; fields: string }
  /** Not understood here, kept as it is. */
  | { kind: "other"; expression: string };

export function parseSchedule(expression: string | undefined): Schedule {
  const text = (expression ?? "").trim();
  const rate = /^rate\(\s*(\d+)\s+(minute|hour)s?\s*\)$/.exec(text);
  if (rate) {
    const minutes = Number(rate[1]) * (rate[2] === "hour" ? 60 : 1);
    return minutes === 0 ? { kind: "once" } : { kind: "rate", minutes };
  }
  const cron = /^cron\((.*)\)$/.exec(text);
  return cron ? { kind: "cron", fields: cron[1]!.trim() } : { kind: "other", expression: text };
}

export function printSchedule(schedule: Schedule): string {
  switch (schedule.kind) {
    case "once":
      return "rate(0 minute)";
    case "rate":
      if (schedule.minutes % 60 === 0 && schedule.minutes >= 60) return rate(schedule.minutes / 60, "hour");
      return rate(schedule.minutes, "minute");
    case "cron":
      return `cron(${schedule.fields.trim().replace(/\s+/g, " ")})`;
    case "other":
      return schedule.expression;
  }
}

function rate(count: number, unit: string): string {
  return `rate(${count} ${unit}${count === 1 ? "" : "s"})`;
}

/** Seconds from one run to the next; of a cron expression only what is known for sure: nothing. */
export function secondsBetween(expression: string | undefined): number | undefined {
  const schedule = parseSchedule(expression);
  return schedule.kind === "rate" ? schedule.minutes * 60 : undefined;
}

export type CronMeaning =
  /** Every so many minutes, on certain days. */
  | { kind: "minutes"; every: number; days: readonly number[] | undefined }
  /** At one minute of every hour. */
  | { kind: "hourly"; minute: number; days: readonly number[] | undefined }
  /** At a time of a day. */
  | { kind: "daily"; hour: number; minute: number; days: readonly number[] | undefined }
  /** At a time of one day of the month. */
  | { kind: "monthly"; hour: number; minute: number; day: number };

/** What the usual expressions mean; of others it is better to show the expression itself. Days count from 0, Sunday. */
export function meaningOf(fields: string): CronMeaning | undefined {
  const [minutes, hours, dayOfMonth, month, dayOfWeek, year] = fields.trim().split(/\s+/);
  if (month !== "*" || (year !== undefined && year !== "*")) return undefined;
  const minute = whole(minutes, 59);
  const hour = whole(hours, 23);
  if (dayOfMonth !== "*" && dayOfMonth !== "?") {
    const day = whole(dayOfMonth, 31);
    if (day === undefined || minute === undefined || hour === undefined) return undefined;
    return dayOfWeek === "?" ? { kind: "monthly", hour, minute, day } : undefined;
  }
  const days = daysOf(dayOfWeek);
  if (days === "unknown") return undefined;
  if (minute !== undefined && hour !== undefined) return { kind: "daily", hour, minute, days };
  if (hours !== "*") return undefined;
  if (minute !== undefined) return { kind: "hourly", minute, days };
  if (minutes === "*") return { kind: "minutes", every: 1, days };
  const every = /^(?:\*|0)\/(\d+)$/.exec(minutes ?? "");
  return every ? { kind: "minutes", every: Number(every[1]), days } : undefined;
}

function whole(text: string | undefined, most: number): number | undefined {
  return text !== undefined && /^\d+$/.test(text) && Number(text) <= most ? Number(text) : undefined;
}

const names = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/** Names, or numbers from 1 for Sunday; undefined is every day. */
function daysOf(text: string | undefined): number[] | undefined | "unknown" {
  if (text === "*" || text === "?") return undefined;
  const found: number[] = [];
  for (const part of (text ?? "").toUpperCase().split(",")) {
    const [from, to] = part.split("-").map((day) => {
      const named = names.indexOf(day);
      return named >= 0 ? named : /^[1-7]$/.test(day) ? Number(day) - 1 : -1;
    });
    if (from === undefined || from < 0 || (to !== undefined && to < from)) return "unknown";
    for (let day = from; day <= (to ?? from); day += 1) found.push(day);
  }
  const all = [...new Set(found)].sort((a, b) => a - b);
  return all.length === 7 ? undefined : all;
}

/** Six fields, one of the days a question mark, as CloudWatch wants it. */
export function isCron(fields: string): boolean {
  const parts = fields.trim().split(/\s+/);
  if (parts.length !== 6 || parts.some((part) => !/^[0-9A-Za-z*?,/#-]+$/.test(part))) return false;
  return (parts[2] === "?") !== (parts[4] === "?");
}
