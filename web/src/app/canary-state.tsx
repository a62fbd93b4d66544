// How a canary stands and how a run ended: a shape, a colour and a word.

import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";

import type { CanaryState } from "../api/canary";
import type { StepStatus } from "../model/canary-report";
import type { Standing } from "../model/canary";
import { useText } from "./settings";

const standingKinds: Record<Standing, StatusIndicatorProps.Type> = {
  passed: "success",
  failed: "error",
  running: "in-progress",
  stopped: "stopped",
  none: "pending",
};

export function StandingText({ standing }: { standing: Standing }) {
  const text = useText();
  return (
    <StatusIndicator type={standingKinds[standing]} wrapText={false}>{text.canary.standings[standing]}</StatusIndicator>
  );
}

const stateKinds: Record<CanaryState, StatusIndicatorProps.Type> = {
  CREATING: "in-progress",
  READY: "pending",
  STARTING: "in-progress",
  RUNNING: "success",
  UPDATING: "in-progress",
  STOPPING: "in-progress",
  STOPPED: "stopped",
  ERROR: "error",
  DELETING: "in-progress",
};

export function CanaryStateText({ state }: { state: CanaryState }) {
  const text = useText();
  return <StatusIndicator type={stateKinds[state]} wrapText={false}>{text.canary.states[state]}</StatusIndicator>;
}

const stepKinds: Record<StepStatus, StatusIndicatorProps.Type> = {
  PASSED: "success",
  FAILED: "error",
  SKIPPED: "stopped",
};

export function StepStatusText({ status }: { status: StepStatus }) {
  const text = useText();
  return (
    <StatusIndicator type={stepKinds[status]} wrapText={false}>{text.canary.run.steps.statuses[status]}</StatusIndicator>
  );
}
