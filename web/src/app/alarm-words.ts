// Words for what alarms watch, when that is bad, and when it is muted.

import { isComposite, type Alarm, type MetricAlarmInput } from "../api/alarm";
import type { MuteRuleInput } from "../api/alarm";
import type { Catalogue } from "../i18n/en";
import { conditionOf, signs, type Condition } from "../model/alarm";
import { alarmsOfRule, parseRule } from "../model/alarm-rule";
import { formatTime } from "../model/format";
import { dailyTimesOf, epochOf, parseMuteSchedule, secondsOfDuration } from "../model/mute-rule";
import { spanText } from "./time-range-control";

/** "CpuUtilized of shop / cart" */
export function whatText(text: Catalogue, condition: Condition): string {
  return condition.of ? text.alarm.of(condition.metric, condition.of) : condition.metric;
}

/** "> 80", "outside the expected band (width 2)" */
export function badText(text: Catalogue, { comparison, threshold, width }: Condition): string {
  if (!comparison) return "";
  const band = text.alarm.band[comparison];
  if (!band) return `${signs[comparison]} ${threshold === undefined ? "–" : String(threshold)}`;
  return width === undefined ? band : `${band} ${text.alarm.bandWidth(String(width))}`;
}

/** In a sentence: "CPUUtilization of cart > 80 for 3 of 5 datapoints within 5 minutes". */
export function conditionText(text: Catalogue, alarm: Alarm | MetricAlarmInput): string {
  const t = text.alarm;
  if (isComposite(alarm as Alarm)) {
    const rule = parseRule((alarm as { AlarmRule: string }).AlarmRule);
    return rule ? t.ruleOf(alarmsOfRule(rule).length) : (alarm as { AlarmRule: string }).AlarmRule;
  }
  const condition = conditionOf(alarm as MetricAlarmInput);
  return t.conditionOf(
    whatText(text, condition),
    badText(text, condition),
    condition.needed,
    condition.evaluated,
    spanText(text, condition.span),
  );
}

/** "Every day at 22:00 for 8 hours (Asia/Tokyo)" */
export function muteText(text: Catalogue, { Schedule }: MuteRuleInput["Rule"]): string {
  const t = text.alarm.muteRule;
  const zone = Schedule.Timezone ?? "UTC";
  const seconds = secondsOfDuration(Schedule.Duration);
  const span = seconds === undefined ? Schedule.Duration : durationText(text, seconds);
  const schedule = parseMuteSchedule(Schedule.Expression);
  if (!schedule) return `${Schedule.Expression}, ${span} (${zone})`;
  if (schedule.kind === "once") {
    const from = schedule.at.replace("T", " ");
    // The clock of the zone itself, so that it reads as it was written.
    const start = epochOf(schedule.at, "UTC");
    const to = start === undefined || seconds === undefined ? span : formatTime(start + seconds, "utc").slice(0, 16);
    return t.sentence.once(from, to.slice(0, 10) === from.slice(0, 10) ? to.slice(11) : to, zone);
  }
  const times = dailyTimesOf(schedule.cron);
  if (!times) return t.sentence.cron(schedule.cron, span, zone);
  const two = (value: number) => String(value).padStart(2, "0");
  const clock = `${two(times.hour)}:${two(times.minute)}`;
  if (!times.days) return t.sentence.daily(clock, span, zone);
  return t.sentence.onDays(daysText(text, times.days), clock, span, zone);
}

export function daysText(text: Catalogue, days: readonly number[]): string {
  const t = text.alarm.muteRule;
  if (days.join() === "1,2,3,4,5") return t.weekdays;
  if (days.join() === "0,6") return t.weekends;
  return days.map((day) => t.dayNames[day]).join(t.between);
}

/** "2 hours 30 minutes" */
export function durationText(text: Catalogue, seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor((seconds % 86_400) / 3600);
  const minutes = Math.round((seconds % 3600) / 60);
  const parts = [
    days > 0 ? text.range.days(days) : "",
    hours > 0 ? text.range.hours(hours) : "",
    minutes > 0 ? text.range.minutes(minutes) : "",
  ].filter(Boolean);
  return parts.length > 0 ? parts.join(" ") : text.range.seconds(Math.round(seconds));
}
