import { expect, test } from "vitest";

import type { MuteRule } from "../api/alarm";
import { draftOfRule, muteInput, muteMistakes, newMuteDraft } from "./mute-form";
import {
  dailyTimesOf,
  epochOf,
  isCron,
  nextStart,
  parseMuteSchedule,
  printDuration,
  printMuteSchedule,
  secondsOfDuration,
} from "./mute-rule";

test("schedules are read as they are written", () => {
  for (const text of ["at(2026-11-28T22:00)", "cron(0 22 * * 1-5)"])
    expect(printMuteSchedule(parseMuteSchedule(text)!)).toBe(text);
  expect(parseMuteSchedule("rate(1 hour)")).toBeUndefined();
  expect(isCron("0 22 * * MON-FRI")).toBe(true);
  expect(isCron("0 22 * *")).toBe(false);
});

test("durations are read as they are written", () => {
  for (const [text, seconds] of [["PT1M", 60], ["PT2H30M", 9000], ["P1D", 86_400], ["P1DT1H", 90_000]] as const) {
    expect(secondsOfDuration(text)).toBe(seconds);
    expect(printDuration(seconds)).toBe(text);
  }
  expect(secondsOfDuration("P")).toBeUndefined();
  expect(secondsOfDuration("2h")).toBeUndefined();
});

test("a clock of a zone is a time, in winter and in summer", () => {
  expect(epochOf("2026-01-15T12:00", "Europe/Berlin")).toBe(Date.parse("2026-01-15T11:00Z") / 1000);
  expect(epochOf("2026-07-15T12:00", "Europe/Berlin")).toBe(Date.parse("2026-07-15T10:00Z") / 1000);
  expect(epochOf("2026-07-15T12:00", "Asia/Tokyo")).toBe(Date.parse("2026-07-15T03:00Z") / 1000);
  expect(epochOf("x", "UTC")).toBeUndefined();
});

test("the next time of a schedule", () => {
  const now = Date.parse("2026-11-28T18:00Z") / 1000; // a Saturday
  const again = (cron: string) => ({ kind: "again" as const, cron });
  expect(nextStart(again("0 22 * * *"), "UTC", now)).toBe(Date.parse("2026-11-28T22:00Z") / 1000);
  expect(nextStart(again("0 9 * * 1-5"), "UTC", now)).toBe(Date.parse("2026-11-30T09:00Z") / 1000);
  expect(nextStart(again("0 2 * * *"), "Asia/Tokyo", now)).toBe(Date.parse("2026-11-29T17:00Z") / 1000);
  expect(nextStart(again("0 9 1 * *"), "UTC", now)).toBeUndefined();
  expect(nextStart({ kind: "once", at: "2026-11-28T17:00" }, "UTC", now)).toBeUndefined();
  expect(dailyTimesOf("30 9 * * SAT,SUN")).toEqual({ hour: 9, minute: 30, days: [0, 6] });
});

test("a rule goes through its form", () => {
  const now = new Date("2026-11-28T18:20:00Z");
  const draft = { ...newMuteDraft(now, "Asia/Tokyo", ["cpu"]), name: "deploy" };
  expect([...muteMistakes(draft)]).toEqual([]);
  const input = muteInput(draft);
  expect(input.Rule.Schedule).toEqual({ Expression: "at(2026-11-29T04:00)", Duration: "PT2H", Timezone: "Asia/Tokyo" });
  const rule: MuteRule = { ...input, AlarmMuteRuleArn: "", Status: "SCHEDULED" };
  expect(muteInput(draftOfRule(rule, now))).toEqual(input);
  const nights = { ...draft, kind: "again" as const, days: "weekdays" as const, expires: "2026-12-31" };
  const again = muteInput(nights);
  expect(again.Rule.Schedule).toMatchObject({ Expression: "cron(0 22 * * 1,2,3,4,5)", Duration: "PT8H" });
  expect(again.ExpireDate).toBe(Date.parse("2026-12-30T15:00Z") / 1000);
  expect(draftOfRule({ ...again, AlarmMuteRuleArn: "", Status: "ACTIVE" }, now)).toMatchObject({
    kind: "again",
    days: "weekdays",
    clock: "22:00",
    minutes: "480",
    expires: "2026-12-31",
  });
  expect([...muteMistakes({ ...draft, toDate: draft.fromDate, toTime: draft.fromTime })]).toEqual(["times"]);
});
