// What the list has of a canary: itself, its last run, its figures, its groups and its alarms together.

import type { Alarm } from "../../api/alarm";
import type { Canary, CanaryGroup, CanaryRun } from "../../api/canary";
import {
  blueprintOf,
  isAlarmOf,
  standingOf,
  stateOfCanary,
  type Blueprint,
  type Figures,
  type Standing,
} from "../../model/canary";

export interface CanaryRow {
  name: string;
  canary: Canary;
  standing: Standing;
  lastRun: CanaryRun | undefined;
  state: ReturnType<typeof stateOfCanary>;
  blueprint: Blueprint;
  figures: Figures | undefined;
  groups: string[];
  alarms: Alarm[];
}

export interface GroupWithMembers extends CanaryGroup {
  /** ARNs. */
  resources: string[];
}

export function isMember(group: { resources: readonly string[] }, name: string): boolean {
  return group.resources.some((arn) => arn.endsWith(`:canary:${name}`));
}

export function rowsOf(
  canaries: readonly Canary[],
  lastRuns: ReadonlyMap<string, CanaryRun> | undefined,
  figures: ReadonlyMap<string, Figures> | undefined,
  groups: readonly GroupWithMembers[],
  alarms: readonly Alarm[],
): CanaryRow[] {
  return canaries.map((canary) => {
    const name = canary.Name;
    const lastRun = lastRuns?.get(name);
    return {
      name,
      canary,
      lastRun,
      standing: standingOf(canary, lastRun),
      state: stateOfCanary(canary),
      blueprint: blueprintOf(canary),
      figures: figures?.get(name),
      groups: groups.filter((group) => isMember(group, name)).map((group) => group.Name),
      alarms: alarms.filter((alarm) => isAlarmOf(name, alarm)),
    };
  });
}
