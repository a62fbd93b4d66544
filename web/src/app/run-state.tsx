// How something runs: a shape, a colour and a word.

import StatusIndicator, {
  type StatusIndicatorProps,
} from "@cloudscape-design/components/status-indicator";

import type { RunState } from "../model/container";
import { runStateText } from "./container-words";
import { useText } from "./settings";

const kinds: Record<RunState, StatusIndicatorProps.Type> = {
  running: "success",
  unhealthy: "warning",
  pending: "pending",
  stopped: "stopped",
  failed: "error",
  gone: "stopped",
};

export function RunStateText({ state }: { state: RunState }) {
  const text = useText();
  return <StatusIndicator type={kinds[state]}>{runStateText(text, state)}</StatusIndicator>;
}
