// Words for schedules, results and failures of canaries.

import type { Catalogue } from "../i18n/en";
import { parseSchedule, meaningOf, type CronMeaning } from "../model/canary-schedule";
import type { Failure } from "../model/canary-report";
import { formatCount } from "../model/format";

/** When a canary runs. What has no plain words is shown as it is written. */
export function scheduleText(text: Catalogue, expression: string | undefined): string {
  const t = text.canary.schedule;
  const schedule = parseSchedule(expression);
  switch (schedule.kind) {
    case "once":
      return t.once;
    case "rate":
      if (schedule.minutes === 60) return t.hour;
      return schedule.minutes % 60 === 0
        ? t.every(text.range.hours(schedule.minutes / 60))
        : t.minutes(schedule.minutes);
    case "cron": {
      const meaning = meaningOf(schedule.fields);
      return meaning ? cronText(text, meaning) : schedule.fields;
    }
    case "other":
      return schedule.expression;
  }
}

function cronText(text: Catalogue, meaning: CronMeaning): string {
  const t = text.canary.schedule;
  const two = (number: number) => String(number).padStart(2, "0");
  if (meaning.kind === "monthly") return t.monthly(`${two(meaning.hour)}:${two(meaning.minute)}`, meaning.day);
  const what =
    meaning.kind === "minutes"
      ? t.minutes(meaning.every)
      : meaning.kind === "hourly"
        ? t.hourly(two(meaning.minute))
        : t.daily(`${two(meaning.hour)}:${two(meaning.minute)}`);
  return meaning.days ? t.on(what, daysText(text, meaning.days)) : what;
}

function daysText(text: Catalogue, days: readonly number[]): string {
  const t = text.canary.schedule;
  if (days.join() === "1,2,3,4,5") return t.weekdays;
  if (days.join() === "0,6") return t.weekend;
  return days.map((day) => t.days[day]).join(", ");
}

/** What failed, in a sentence. */
export function failureText(text: Catalogue, failure: Failure): string {
  const t = text.canary.run;
  switch (failure.kind) {
    case "assertion":
      return t.failedAssertion(failure.step.stepName, failure.text, failure.actual);
    case "visual":
      return t.failedVisual(failure.step.stepName, percentText(failure.changed), percentText(failure.allowed));
    case "step":
      return failure.error
        ? t.failedStep(failure.step.stepName, failure.error)
        : t.failedStepOnly(failure.step.stepName);
    case "run":
      return t.failedRun(failure.reason);
  }
}

/** Of what is a percentage already. */
export function percentText(percent: number | undefined): string {
  if (percent === undefined || !Number.isFinite(percent)) return "–";
  // What is not all must not be rounded to look like it.
  if (percent > 99.9 && percent < 100) return ">99.9%";
  return `${formatCount(percent)}%`;
}
