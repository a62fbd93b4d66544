// Why an alarm is in its state, in sentences.

import type { Alarm, CompositeAlarm, MetricAlarm, MissingData } from "../api/alarm";
import type { Catalogue } from "../i18n/en";
import { alarmNameOf, conditionOf } from "../model/alarm";
import { reasonOf } from "../model/alarm-reason";
import { holds, parseRule } from "../model/alarm-rule";
import { formatClock, formatCount, type Zone } from "../model/format";
import { badText, whatText } from "./alarm-words";

/** Values that are named; more say no more. */
const mostValues = 5;

export function metricSentences(text: Catalogue, alarm: MetricAlarm, zone: Zone): string[] {
  const t = text.alarm.why;
  const condition = conditionOf(alarm);
  const bad = badText(text, condition);
  const { needed, evaluated } = condition;
  const reason = reasonOf(alarm);
  const sentences: string[] = [];
  if (alarm.EvaluationState) sentences.push(t.evaluation[alarm.EvaluationState]);
  if (!reason) {
    sentences.push(/^Unchecked/.test(alarm.StateReason ?? "") ? t.fresh : t.byHand);
  } else {
    const { points, breaching, missing } = reason;
    const values = points
      .filter((point) => point.isBreaching)
      .slice(0, mostValues)
      .map((point) => `${formatCount(point.value)} (${formatClock(point.time, zone)})`);
    if (points.length === 0) sentences.push(t.allMissing(evaluated));
    else if (breaching > 0)
      sentences.push(
        t.breaching(breaching, points.length, bad, values.join(", ") + (breaching > mostValues ? ", …" : "")),
      );
    else sentences.push(t.none(points.length, bad));
    if (missing > 0) {
      if (points.length > 0) sentences.push(t.missing(missing, evaluated));
      sentences.push(t.treated[(alarm.TreatMissingData as MissingData | undefined) ?? "missing"]);
    }
  }
  if (alarm.StateValue === "ALARM") sentences.push(t.toOk(needed, evaluated, bad));
  else if (alarm.StateValue === "OK") sentences.push(t.toAlarm(needed, evaluated, bad));
  else if (reason) sentences.push(t.toKnown(whatText(text, condition)));
  return sentences;
}

export function compositeSentences(
  text: Catalogue,
  alarm: CompositeAlarm,
  states: ReadonlyMap<string, Alarm["StateValue"]>,
): string[] {
  const t = text.alarm.why;
  const rule = parseRule(alarm.AlarmRule);
  const sentences: string[] = [];
  if (rule) sentences.push(holds(rule, (name) => states.get(name)) ? t.holds : t.doesNotHold);
  if (alarm.ActionsSuppressedBy && alarm.ActionsSuppressor)
    sentences.push(t.suppressedBy[alarm.ActionsSuppressedBy](alarmNameOf(alarm.ActionsSuppressor)));
  return sentences;
}
