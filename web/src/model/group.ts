// The form of a group, checked with the limits of the API, and what is written of groups elsewhere.

import type { CreateGroupInput, Group, Tag, UpdateGroupInput } from "../api/group";
import { quote } from "./filter";

export const defaultGroup = "Default";
const longestName = 32;

export function isDefaultGroup(group: { GroupName: string }): boolean {
  return group.GroupName === defaultGroup;
}

/** Undefined for Default: that has every trace, and needs no name in a question. */
export function narrowingGroup(name: string | undefined): string | undefined {
  return name === defaultGroup ? undefined : name;
}

export function groupTerm(name: string): string {
  return `group.name = ${quote(name)}`;
}

/** The expression, within the group if there is one. */
export function withinGroup(group: string | undefined, expression: string): string {
  if (!group) return expression;
  return expression ? `${groupTerm(group)} AND ${expression}` : groupTerm(group);
}

/** A name for a copy that is free and not too long. */
export function cloneName(name: string, taken: readonly string[]): string {
  for (let copy = 1; ; copy += 1) {
    const suffix = copy === 1 ? "-clone" : `-clone-${copy}`;
    const candidate = name.slice(0, longestName - suffix.length) + suffix;
    if (!taken.includes(candidate)) return candidate;
  }
}

export interface GroupDraft {
  name: string;
  expression: string;
  insights: boolean;
  notifications: boolean;
}

export type GroupProblem = "name" | "nameTaken";

export function toGroupDraft(group: Group | undefined, name = group?.GroupName ?? ""): GroupDraft {
  return {
    name,
    expression: group?.FilterExpression ?? "",
    insights: group?.InsightsConfiguration?.InsightsEnabled ?? false,
    notifications: group?.InsightsConfiguration?.NotificationsEnabled ?? false,
  };
}

export function problemOfName(name: string, taken: readonly string[]): GroupProblem | undefined {
  if (!/^[A-Za-z0-9_-]{1,32}$/.test(name)) return "name";
  return taken.includes(name) ? "nameTaken" : undefined;
}

export function toCreateInput(draft: GroupDraft, tags: Tag[]): CreateGroupInput {
  return { ...toUpdateInput(draft), ...(tags.length > 0 ? { Tags: tags } : {}) };
}

/** Of the Default group only insights may change. */
export function toUpdateInput(draft: GroupDraft): UpdateGroupInput {
  return {
    GroupName: draft.name,
    ...(draft.name === defaultGroup ? {} : { FilterExpression: draft.expression.trim() }),
    InsightsConfiguration: {
      InsightsEnabled: draft.insights,
      // The server takes no notifications without insights.
      NotificationsEnabled: draft.insights && draft.notifications,
    },
  };
}

/** What has to be set and what removed to get from one list of tags to another. */
export function tagChanges(
  before: readonly Tag[],
  after: readonly Tag[],
): { set: Tag[]; remove: string[] } {
  const had = new Map(before.map((tag) => [tag.Key, tag.Value]));
  const has = new Set(after.map((tag) => tag.Key));
  return {
    set: after.filter((tag) => had.get(tag.Key) !== tag.Value),
    remove: before.map((tag) => tag.Key).filter((key) => !has.has(key)),
  };
}
