// The form of a sampling rule: text as typed, checked with the limits of the API.

import type { SamplingRule, SamplingRuleUpdate } from "../api/xray";

export function isDefaultRule(rule: { RuleName?: string }): boolean {
  return rule.RuleName === "Default";
}

export const matchFields = [
  "ServiceName",
  "ServiceType",
  "Host",
  "HTTPMethod",
  "URLPath",
  "ResourceARN",
] as const;
export type MatchField = (typeof matchFields)[number];

const longest: Record<MatchField, number> = {
  ServiceName: 64,
  ServiceType: 64,
  Host: 64,
  HTTPMethod: 10,
  URLPath: 128,
  ResourceARN: 500,
};

export type RuleDraft = Record<
  "RuleName" | "Priority" | "ReservoirSize" | "Percent" | MatchField,
  string
>;

export type RuleProblem =
  "name" | "nameTaken" | "priority" | "reservoir" | "rate" | "required" | { tooLong: number };
export type RuleProblems = Partial<Record<keyof RuleDraft, RuleProblem>>;

export function toDraft(rule: SamplingRule | undefined): RuleDraft {
  return {
    RuleName: rule?.RuleName ?? "",
    Priority: String(rule?.Priority ?? 1000),
    ReservoirSize: String(rule?.ReservoirSize ?? 1),
    // 0.07 * 100 is 7.000000000000001: people typed 7.
    Percent: String(Number(((rule?.FixedRate ?? 0.05) * 100).toPrecision(10))),
    ServiceName: rule?.ServiceName ?? "*",
    ServiceType: rule?.ServiceType ?? "*",
    Host: rule?.Host ?? "*",
    HTTPMethod: rule?.HTTPMethod ?? "*",
    URLPath: rule?.URLPath ?? "*",
    ResourceARN: rule?.ResourceARN ?? "*",
  };
}

export function problemsOf(
  draft: RuleDraft,
  taken: readonly string[],
  existing: boolean,
): RuleProblems {
  const problems: RuleProblems = {};
  const isDefault = existing && draft.RuleName === "Default";
  if (!existing) {
    if (!/^[A-Za-z0-9_.-]{1,32}$/.test(draft.RuleName)) problems.RuleName = "name";
    else if (taken.includes(draft.RuleName)) problems.RuleName = "nameTaken";
  }
  if (!isDefault && !whole(draft.Priority, 1, 9999)) problems.Priority = "priority";
  if (!whole(draft.ReservoirSize, 0, 2 ** 31 - 1)) problems.ReservoirSize = "reservoir";
  const percent = Number(draft.Percent);
  if (draft.Percent.trim() === "" || !(percent >= 0 && percent <= 100)) problems.Percent = "rate";
  for (const field of matchFields) {
    if (draft[field] === "") problems[field] = "required";
    else if (draft[field].length > longest[field]) problems[field] = { tooLong: longest[field] };
  }
  return problems;
}

function whole(text: string, min: number, max: number): boolean {
  return /^\d+$/.test(text.trim()) && Number(text) >= min && Number(text) <= max;
}

export function toRule(draft: RuleDraft): SamplingRule {
  return {
    RuleName: draft.RuleName,
    Version: 1,
    Attributes: {},
    ...numbersOf(draft),
    Priority: Number(draft.Priority),
    ...matchOf(draft),
  };
}

/** Only what may change; the Default rule takes no more than its two numbers. */
export function toUpdate(draft: RuleDraft): SamplingRuleUpdate {
  const numbers = { RuleName: draft.RuleName, ...numbersOf(draft) };
  return isDefaultRule(draft)
    ? numbers
    : { ...numbers, Priority: Number(draft.Priority), ...matchOf(draft) };
}

function numbersOf(draft: RuleDraft) {
  return {
    ReservoirSize: Number(draft.ReservoirSize),
    FixedRate: Number((Number(draft.Percent) / 100).toPrecision(10)),
  };
}

function matchOf(draft: RuleDraft): Record<MatchField, string> {
  return Object.fromEntries(matchFields.map((field) => [field, draft[field]])) as Record<
    MatchField,
    string
  >;
}
