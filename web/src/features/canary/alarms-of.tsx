// The alarms of a canary in a cell: the worst state, and how many there are.

import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import { Link } from "react-router";

import type { Alarm, AlarmState } from "../../api/alarm";
import { useText } from "../../app/settings";
import { compareAlarmStates, printScope } from "../../model/alarm";
import { alarmPath, alarmsPath } from "../../path";

const kinds: Record<AlarmState, StatusIndicatorProps.Type> = {
  ALARM: "warning",
  OK: "success",
  INSUFFICIENT_DATA: "info",
};

export function AlarmsOf({
  canary,
  alarms,
  range,
}: {
  canary: string;
  alarms: readonly Alarm[];
  range: string | undefined;
}) {
  const text = useText();
  const sorted = [...alarms].sort((a, b) => compareAlarmStates(a.StateValue, b.StateValue));
  const worst = sorted[0];
  if (!worst) return "–";
  const ringing = alarms.filter((alarm) => alarm.StateValue === "ALARM").length;
  const state = worst.StateValue;
  return (
    <StatusIndicator
      type={kinds[state]}
      colorOverride={state === "ALARM" ? "red" : state === "OK" ? "green" : "grey"}
      wrapText={false}
      iconAriaLabel={text.alarm.states[state]}
    >
      <Link
        to={
          alarms.length === 1
            ? alarmPath(worst.AlarmName, { range })
            : alarmsPath({ range, scope: printScope([{ CanaryName: canary }]) })
        }
        className="m-link"
        title={sorted.map((alarm) => alarm.AlarmName).join("\n")}
      >
        {ringing > 0 ? text.canary.list.inAlarm(ringing) : alarms.length}
      </Link>
    </StatusIndicator>
  );
}
