// Words for what containers use and what happens to them.

import type { StateChange } from "../api/ecs";
import type { Catalogue } from "../i18n/en";
import { formatBytes, formatCount } from "../model/format";
import type { RunState, Unit } from "../model/container";

/** CPU units are shares of a core: 1,024 are one. */
export function formatUnit(value: number, unit: Unit): string {
  switch (unit) {
    case "cpu":
      return `${formatCount(value / 1024)} vCPU`;
    case "mebibytes":
      return formatBytes(value * 1024 * 1024);
    case "bytes":
      return formatBytes(value);
    case "rate":
      return `${formatBytes(value)}/s`;
    case "percent":
      return `${formatCount(value)}%`;
    case "count":
      return formatCount(value);
  }
}

/** In what axes have round numbers: bytes in the power of 1,024 that they are told in, CPU in cores. */
export function roundUnit(top: number, unit: Unit): number {
  if (unit === "cpu") return 1024;
  if (unit === "mebibytes") return 1024 ** Math.floor(Math.log2(Math.max(2 ** -20, top)) / 10);
  if (unit === "bytes" || unit === "rate")
    return 1024 ** Math.max(0, Math.floor(Math.log2(Math.max(1, top)) / 10));
  return 1;
}

export function runStateText(text: Catalogue, state: RunState): string {
  return text.container.states[state];
}

export function changeText(text: Catalogue, change: StateChange["change"]): string {
  return text.container.changes[change];
}

/** Changes that nobody wishes for. */
export function isBad(change: { change: StateChange["change"]; exitCode?: number | null }): boolean {
  return (
    change.change === "OUT_OF_MEMORY" ||
    change.change === "UNHEALTHY" ||
    change.change === "RESTARTED" ||
    (change.change === "STOPPED" && ![null, undefined, 0, 143].includes(change.exitCode))
  );
}
