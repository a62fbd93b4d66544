// How many of the alarms that concern a thing ring now; leads to the list of them.

import { Link } from "react-router";

import { useAlarms } from "../api/alarm-hook";
import { AlarmMark } from "../components/alarm-mark";
import { inScope, printScope, type Scope } from "../model/alarm";
import { alarmsPath } from "../path";
import { useText } from "./settings";
import { useTimeRange } from "./time-range";

/** Nothing where none rings: a mark is there to be seen. */
export function AlarmBadge({ scope }: { scope: Scope }) {
  const text = useText();
  const { printed: range } = useTimeRange();
  const count = useRinging(scope);
  if (count === 0) return null;
  const label = text.alarm.badge(count);
  return (
    <Link
      to={alarmsPath({ range, state: "ALARM", scope: printScope(scope) })}
      className="m-alarm-badge"
      title={label}
      data-testid="alarm-badge"
    >
      <AlarmMark />
      <span aria-hidden="true">{count}</span>
      <span className="m-visually-hidden">{label}</span>
    </Link>
  );
}

export function useRinging(scope: Scope): number {
  const alarms = useAlarms().data ?? [];
  return inScope(alarms, scope).filter((alarm) => alarm.StateValue === "ALARM").length;
}
