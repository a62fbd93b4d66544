// The form of a composite alarm: what is typed, and what is sent.

import type { CompositeAlarm, CompositeAlarmInput } from "../api/alarm";
import { alarmNameOf } from "./alarm";
import { emptyDraft, type ActionDraft } from "./alarm-form";

export interface CompositeDraft {
  name: string;
  description: string;
  rule: string;
  /** Empty: none. */
  suppressor: string;
  wait: string;
  extension: string;
  actions: ActionDraft;
  enabled: boolean;
  /** Kept as it is. */
  configuration: unknown;
}

export const emptyComposite: CompositeDraft = {
  name: "",
  description: "",
  rule: "",
  suppressor: "",
  wait: "60",
  extension: "180",
  actions: emptyDraft.actions,
  enabled: true,
  configuration: undefined,
};

export function draftOfComposite(alarm: CompositeAlarm): CompositeDraft {
  return {
    name: alarm.AlarmName,
    description: alarm.AlarmDescription ?? "",
    rule: alarm.AlarmRule,
    suppressor: alarm.ActionsSuppressor ? alarmNameOf(alarm.ActionsSuppressor) : "",
    wait: String(alarm.ActionsSuppressorWaitPeriod ?? emptyComposite.wait),
    extension: String(alarm.ActionsSuppressorExtensionPeriod ?? emptyComposite.extension),
    actions: {
      ALARM: alarm.AlarmActions ?? [],
      OK: alarm.OKActions ?? [],
      INSUFFICIENT_DATA: alarm.InsufficientDataActions ?? [],
    },
    enabled: alarm.ActionsEnabled !== false,
    configuration: alarm.ActionConfiguration,
  };
}

export type CompositeMistake = "name" | "rule" | "seconds";

const isWhole = (text: string) => /^\d+$/.test(text.trim());

/** Whether the rule is one, the server says best. */
export function compositeMistakes(draft: CompositeDraft): Set<CompositeMistake> {
  const found = new Set<CompositeMistake>();
  if (draft.name.trim() === "" || draft.name.length > 255) found.add("name");
  if (draft.rule.trim() === "") found.add("rule");
  if (draft.suppressor && !(isWhole(draft.wait) && isWhole(draft.extension))) found.add("seconds");
  return found;
}

export function compositeInput(draft: CompositeDraft): CompositeAlarmInput {
  return {
    AlarmName: draft.name.trim(),
    ...(draft.description.trim() ? { AlarmDescription: draft.description.trim() } : {}),
    AlarmRule: draft.rule.trim(),
    ActionsEnabled: draft.enabled,
    AlarmActions: draft.actions.ALARM,
    OKActions: draft.actions.OK,
    InsufficientDataActions: draft.actions.INSUFFICIENT_DATA,
    ...(draft.suppressor
      ? {
          ActionsSuppressor: draft.suppressor,
          ActionsSuppressorWaitPeriod: Number(draft.wait),
          ActionsSuppressorExtensionPeriod: Number(draft.extension),
        }
      : {}),
    ...(draft.configuration === undefined ? {} : { ActionConfiguration: draft.configuration }),
  };
}
