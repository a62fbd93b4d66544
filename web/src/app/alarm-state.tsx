// The state of an alarm: a shape, a colour and a word.

import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";

import type { AlarmState } from "../api/alarm";
import { useText } from "./settings";

const kinds: Record<AlarmState, StatusIndicatorProps.Type> = {
  ALARM: "warning",
  OK: "success",
  INSUFFICIENT_DATA: "info",
};

/** A warning's triangle, in the colour of a fault: ringing is no mere warning. */
export function AlarmStateText({ state }: { state: AlarmState }) {
  const text = useText();
  return (
    <span data-testid="alarm-state" data-state={state}>
      <StatusIndicator
        type={kinds[state]}
        colorOverride={state === "ALARM" ? "red" : state === "INSUFFICIENT_DATA" ? "grey" : "green"}
      >
        {text.alarm.states[state]}
      </StatusIndicator>
    </span>
  );
}
