// The form of a mute rule: what is typed, and what is sent.

import type { MuteRule, MuteRuleInput } from "../api/alarm";
import {
  dailyTimesOf,
  epochOf,
  isCron,
  isMuteDuration,
  parseMuteSchedule,
  printDailyTimes,
  printDuration,
  printMuteSchedule,
  secondsOfDuration,
} from "./mute-rule";

export type MuteDays = "every" | "weekdays" | "weekends" | "custom";

export interface MuteDraft {
  name: string;
  description: string;
  kind: "once" | "again";
  /** Of a clock in the time zone: `yyyy-MM-dd`, `hh:mm`. */
  fromDate: string;
  fromTime: string;
  toDate: string;
  toTime: string;
  days: MuteDays;
  /** When it begins on each of the days. */
  clock: string;
  cron: string;
  /** In minutes. */
  minutes: string;
  zone: string;
  alarms: string[];
  /** Dates, or empty. */
  starts: string;
  expires: string;
}

const dayLists: Record<Exclude<MuteDays, "custom">, readonly number[] | undefined> = {
  every: undefined,
  weekdays: [1, 2, 3, 4, 5],
  weekends: [0, 6],
};

/** From the next full hour on, for two hours; or each night. */
export function newMuteDraft(now: Date, zone: string, alarms: string[]): MuteDraft {
  const clock = (ms: number) => clockOf(ms / 1000, zone);
  const from = Math.ceil(now.getTime() / 3_600_000) * 3_600_000;
  const [fromDate, fromTime] = clock(from);
  const [toDate, toTime] = clock(from + 2 * 3_600_000);
  return {
    name: "",
    description: "",
    kind: "once",
    fromDate,
    fromTime,
    toDate,
    toTime,
    days: "every",
    clock: "22:00",
    cron: "0 22 * * *",
    minutes: "480",
    zone,
    alarms,
    starts: "",
    expires: "",
  };
}

/** Date and time as a clock in the zone shows them. */
export function clockOf(epochSeconds: number, zone: string): [date: string, time: string] {
  const parts = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
  }).formatToParts(new Date(epochSeconds * 1000));
  const of = (type: string) => parts.find((part) => part.type === type)?.value ?? "";
  return [`${of("year")}-${of("month")}-${of("day")}`, `${of("hour")}:${of("minute")}`];
}

export function draftOfRule(rule: MuteRule, now: Date): MuteDraft {
  const { Expression, Duration, Timezone } = rule.Rule.Schedule;
  const zone = Timezone ?? "UTC";
  const draft = {
    ...newMuteDraft(now, zone, rule.MuteTargets?.AlarmNames ?? []),
    name: rule.Name,
    description: rule.Description ?? "",
    starts: rule.StartDate === undefined ? "" : clockOf(rule.StartDate, zone)[0],
    expires: rule.ExpireDate === undefined ? "" : clockOf(rule.ExpireDate, zone)[0],
  };
  const seconds = secondsOfDuration(Duration) ?? 3600;
  const schedule = parseMuteSchedule(Expression);
  if (schedule?.kind === "once") {
    const [fromDate, fromTime] = schedule.at.split("T") as [string, string];
    const start = epochOf(schedule.at, zone) ?? 0;
    const [toDate, toTime] = clockOf(start + seconds, zone);
    return { ...draft, kind: "once", fromDate, fromTime, toDate, toTime };
  }
  const cron = schedule?.cron ?? "";
  const times = dailyTimesOf(cron);
  const days = times && (["every", "weekdays", "weekends"] as const).find((each) => dayLists[each]?.join() === times.days?.join());
  const two = (value: number) => String(value).padStart(2, "0");
  return {
    ...draft,
    kind: "again",
    cron,
    days: days ?? "custom",
    clock: times ? `${two(times.hour)}:${two(times.minute)}` : draft.clock,
    minutes: String(Math.round(seconds / 60)),
  };
}

export type MuteMistake = "name" | "targets" | "times" | "cron" | "duration" | "clock";

export function muteMistakes(draft: MuteDraft): Set<MuteMistake> {
  const found = new Set<MuteMistake>();
  if (draft.name.trim() === "" || draft.name.length > 255) found.add("name");
  if (draft.alarms.length === 0) found.add("targets");
  if (draft.kind === "once") {
    if (!isMuteDuration(onceSeconds(draft))) found.add("times");
    return found;
  }
  if (draft.days === "custom" ? !isCron(draft.cron) : false) found.add("cron");
  if (draft.days !== "custom" && !isClock(draft.clock)) found.add("clock");
  if (!isMuteDuration(Number(draft.minutes.trim() || NaN) * 60)) found.add("duration");
  return found;
}

const isClock = (text: string) => /^([01]?\d|2[0-3]):[0-5]\d$/.test(text.trim());

function onceSeconds(draft: MuteDraft): number {
  const from = epochOf(`${draft.fromDate}T${draft.fromTime.slice(0, 5)}`, draft.zone);
  const to = epochOf(`${draft.toDate}T${draft.toTime.slice(0, 5)}`, draft.zone);
  return from === undefined || to === undefined ? NaN : to - from;
}

export function muteInput(draft: MuteDraft): MuteRuleInput {
  const day = (date: string) => epochOf(`${date}T00:00`, draft.zone);
  const starts = draft.starts ? day(draft.starts) : undefined;
  const expires = draft.expires ? day(draft.expires) : undefined;
  return {
    Name: draft.name.trim(),
    ...(draft.description.trim() ? { Description: draft.description.trim() } : {}),
    Rule: { Schedule: { ...scheduleOf(draft), Timezone: draft.zone } },
    MuteTargets: { AlarmNames: draft.alarms },
    ...(starts === undefined ? {} : { StartDate: starts }),
    ...(expires === undefined ? {} : { ExpireDate: expires }),
  };
}

function scheduleOf(draft: MuteDraft): { Expression: string; Duration: string } {
  if (draft.kind === "once")
    return {
      Expression: printMuteSchedule({ kind: "once", at: `${draft.fromDate}T${draft.fromTime.slice(0, 5)}` }),
      Duration: printDuration(onceSeconds(draft)),
    };
  const [hour, minute] = draft.clock.split(":").map(Number);
  const cron =
    draft.days === "custom"
      ? draft.cron
      : printDailyTimes({ hour: hour ?? 0, minute: minute ?? 0, days: dayLists[draft.days] });
  return {
    Expression: printMuteSchedule({ kind: "again", cron }),
    Duration: printDuration(Number(draft.minutes) * 60),
  };
}
