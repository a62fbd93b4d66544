// Which alarms are muted now, and by which rules.

import { useMuteRules } from "../../api/alarm-hook";

export function useMuted(): (alarm: string) => string[] {
  const rules = (useMuteRules().data ?? []).filter((rule) => rule.Status === "ACTIVE");
  return (alarm) => rules.filter((rule) => rule.MuteTargets?.AlarmNames.includes(alarm)).map((rule) => rule.Name);
}
