// Amazon CloudWatch: alarms and mute rules with the names of the API, and what Mitoshi adds: a preview of what an alarm would have done.

import { call, post } from "./client";
import type { Dimension, MetricDataQuery } from "./cloudwatch";

export const alarmStates = ["ALARM", "INSUFFICIENT_DATA", "OK"] as const;

export type AlarmState = (typeof alarmStates)[number];

export const comparisons = [
  "GreaterThanThreshold",
  "GreaterThanOrEqualToThreshold",
  "LessThanThreshold",
  "LessThanOrEqualToThreshold",
  "LessThanLowerOrGreaterThanUpperThreshold",
  "GreaterThanUpperThreshold",
  "LessThanLowerThreshold",
] as const;

export type Comparison = (typeof comparisons)[number];

export const missingDataTreatments = ["missing", "notBreaching", "breaching", "ignore"] as const;

export type MissingData = (typeof missingDataTreatments)[number];

export interface Tag {
  Key: string;
  Value: string;
}

/** What is done when an alarm goes to a state: ARNs. */
export interface AlarmActions {
  ActionsEnabled?: boolean;
  AlarmActions?: string[];
  OKActions?: string[];
  InsufficientDataActions?: string[];
}

export interface MetricAlarmInput extends AlarmActions {
  AlarmName: string;
  AlarmDescription?: string;
  Namespace?: string;
  MetricName?: string;
  Dimensions?: Dimension[];
  /** One of the five plain statistics; a percentile or the like is an extended one. */
  Statistic?: string;
  ExtendedStatistic?: string;
  Period?: number;
  Unit?: string;
  /** Instead of one metric: queries as GetMetricData has them, one of which is what is watched. */
  Metrics?: MetricDataQuery[];
  EvaluationPeriods?: number;
  DatapointsToAlarm?: number;
  Threshold?: number;
  /** Instead of a threshold: the query whose two series are the ends of a band. */
  ThresholdMetricId?: string;
  ComparisonOperator?: Comparison;
  TreatMissingData?: string;
  EvaluateLowSampleCountPercentile?: string;
  Tags?: Tag[];
  /** Kept as they are by the form. */
  EvaluationWindow?: unknown;
  WarmUpConfiguration?: unknown;
  ActionConfiguration?: unknown;
}

export interface CompositeAlarmInput extends AlarmActions {
  AlarmName: string;
  AlarmDescription?: string;
  AlarmRule: string;
  /** Name or ARN of an alarm that keeps the actions back while it is in ALARM. */
  ActionsSuppressor?: string;
  ActionsSuppressorWaitPeriod?: number;
  ActionsSuppressorExtensionPeriod?: number;
  Tags?: Tag[];
  ActionConfiguration?: unknown;
}

interface AlarmFacts {
  AlarmArn: string;
  AlarmConfigurationUpdatedTimestamp?: number;
  StateValue: AlarmState;
  StateReason?: string;
  /** JSON. */
  StateReasonData?: string;
  StateUpdatedTimestamp?: number;
  StateTransitionedTimestamp?: number;
}

export interface MetricAlarm extends Omit<MetricAlarmInput, "Tags">, AlarmFacts {
  EvaluationState?: "PARTIAL_DATA" | "EVALUATION_ERROR" | "EVALUATION_FAILURE";
}

export interface CompositeAlarm extends Omit<CompositeAlarmInput, "Tags">, AlarmFacts {
  ActionsSuppressedBy?: "WaitPeriod" | "ExtensionPeriod" | "Alarm";
  ActionsSuppressedReason?: string;
}

export type Alarm = MetricAlarm | CompositeAlarm;

export function isComposite(alarm: Alarm): alarm is CompositeAlarm {
  return (alarm as CompositeAlarm).AlarmRule !== undefined;
}

function cloudwatch<Out>(operation: string, body: unknown, signal?: AbortSignal): Promise<Out> {
  return call(`GraniteServiceVersion20100801.${operation}`, "1.0", body, signal);
}

interface Paged {
  NextToken?: string;
}

async function all<Page extends Paged, Item>(
  operation: string,
  body: object,
  items: (page: Page) => readonly Item[],
  signal?: AbortSignal,
  most = Infinity,
): Promise<Item[]> {
  const found: Item[] = [];
  let NextToken: string | undefined;
  do {
    const page: Page = await cloudwatch(operation, { ...body, NextToken }, signal);
    found.push(...items(page));
    NextToken = page.NextToken;
  } while (NextToken && found.length < most);
  return found;
}

export interface AlarmQuestion {
  AlarmNames?: string[];
  AlarmNamePrefix?: string;
  StateValue?: AlarmState;
  ChildrenOfAlarmName?: string;
  ParentsOfAlarmName?: string;
}

export function describeAlarms(input: AlarmQuestion = {}, signal?: AbortSignal): Promise<Alarm[]> {
  return all(
    "DescribeAlarms",
    // Composite alarms are left out where nobody asks for them (AWS).
    { AlarmTypes: ["MetricAlarm", "CompositeAlarm"], MaxRecords: 100, ...input },
    (page: Paged & { MetricAlarms?: MetricAlarm[]; CompositeAlarms?: CompositeAlarm[] }): Alarm[] => [
      ...(page.CompositeAlarms ?? []),
      ...(page.MetricAlarms ?? []),
    ],
    signal,
  );
}

export async function describeAlarmsForMetric(
  input: { Namespace: string; MetricName: string; Dimensions?: Dimension[] },
  signal?: AbortSignal,
): Promise<MetricAlarm[]> {
  const answer = await cloudwatch<{ MetricAlarms?: MetricAlarm[] }>("DescribeAlarmsForMetric", input, signal);
  return answer.MetricAlarms ?? [];
}

export function putMetricAlarm(input: MetricAlarmInput): Promise<unknown> {
  return cloudwatch("PutMetricAlarm", input);
}

export function putCompositeAlarm(input: CompositeAlarmInput): Promise<unknown> {
  return cloudwatch("PutCompositeAlarm", input);
}

/** Alarms that one call may name (AWS). */
const namesPerCall = 100;

async function forNames(operation: string, names: readonly string[]): Promise<void> {
  for (let i = 0; i < names.length; i += namesPerCall)
    await cloudwatch(operation, { AlarmNames: names.slice(i, i + namesPerCall) });
}

export const deleteAlarms = (names: readonly string[]) => forNames("DeleteAlarms", names);
export const enableAlarmActions = (names: readonly string[]) => forNames("EnableAlarmActions", names);
export const disableAlarmActions = (names: readonly string[]) => forNames("DisableAlarmActions", names);

export function setAlarmState(input: {
  AlarmName: string;
  StateValue: AlarmState;
  StateReason: string;
  StateReasonData?: string;
}): Promise<unknown> {
  return cloudwatch("SetAlarmState", input);
}

export const historyTypes = ["StateUpdate", "ConfigurationUpdate", "Action"] as const;

export type HistoryType = (typeof historyTypes)[number] | "AlarmContributorStateUpdate" | "AlarmContributorAction";

export interface AlarmHistoryItem {
  AlarmName: string;
  AlarmType?: string;
  Timestamp: number;
  HistoryItemType: HistoryType;
  HistorySummary: string;
  /** JSON. */
  HistoryData?: string;
  AlarmContributorId?: string;
}

/** More than anybody reads; what is older is asked for with an earlier end. */
const mostHistory = 500;

/** The newest first. */
export function describeAlarmHistory(
  input: { AlarmName?: string; HistoryItemType?: HistoryType; StartDate?: number; EndDate?: number },
  signal?: AbortSignal,
): Promise<AlarmHistoryItem[]> {
  return all(
    "DescribeAlarmHistory",
    { AlarmTypes: ["MetricAlarm", "CompositeAlarm"], ScanBy: "TimestampDescending", MaxRecords: 100, ...input },
    (page: Paged & { AlarmHistoryItems?: AlarmHistoryItem[] }) => page.AlarmHistoryItems ?? [],
    signal,
    mostHistory,
  );
}

/** A series of an alarm whose query has several. */
export interface AlarmContributor {
  ContributorId: string;
  ContributorAttributes: Record<string, string>;
  StateReason: string;
  StateTransitionedTimestamp?: number;
}

export function describeAlarmContributors(name: string, signal?: AbortSignal): Promise<AlarmContributor[]> {
  return all(
    "DescribeAlarmContributors",
    { AlarmName: name },
    (page: Paged & { AlarmContributors?: AlarmContributor[] }) => page.AlarmContributors ?? [],
    signal,
  );
}

export interface MuteRuleInput {
  Name: string;
  Description?: string;
  Rule: { Schedule: { Expression: string; Duration: string; Timezone?: string } };
  MuteTargets?: { AlarmNames: string[] };
  StartDate?: number;
  ExpireDate?: number;
}

export type MuteStatus = "SCHEDULED" | "ACTIVE" | "EXPIRED";

export interface MuteRule extends MuteRuleInput {
  AlarmMuteRuleArn: string;
  Status: MuteStatus;
  LastUpdatedTimestamp?: number;
  MuteType?: string;
  /** Mitoshi's: when it stops muting, while it does. */
  ActiveUntil?: number;
}

interface MuteRuleSummary {
  AlarmMuteRuleArn: string;
  Status: MuteStatus;
}

/** The list has their ARNs alone, so each is asked for. */
export async function getMuteRules(
  input: { AlarmName?: string; Statuses?: MuteStatus[] } = {},
  signal?: AbortSignal,
): Promise<MuteRule[]> {
  const summaries = await all(
    "ListAlarmMuteRules",
    input,
    (page: Paged & { AlarmMuteRuleSummaries?: MuteRuleSummary[] }) => page.AlarmMuteRuleSummaries ?? [],
    signal,
  );
  return Promise.all(summaries.map(({ AlarmMuteRuleArn: arn }) => getMuteRule(muteRuleName(arn), signal)));
}

/** `arn:aws:cloudwatch:us-east-1:123456789012:alarm-mute-rule:nights` */
export function muteRuleName(arn: string): string {
  return arn.split(":").slice(6).join(":");
}

export function getMuteRule(name: string, signal?: AbortSignal): Promise<MuteRule> {
  return cloudwatch("GetAlarmMuteRule", { AlarmMuteRuleName: name }, signal);
}

export function putMuteRule(input: MuteRuleInput): Promise<unknown> {
  return cloudwatch("PutAlarmMuteRule", input);
}

export function deleteMuteRule(name: string): Promise<unknown> {
  return cloudwatch("DeleteAlarmMuteRule", { AlarmMuteRuleName: name });
}

export async function getAlarmTags(arn: string, signal?: AbortSignal): Promise<Tag[]> {
  const answer = await cloudwatch<{ Tags?: Tag[] }>("ListTagsForResource", { ResourceARN: arn }, signal);
  return answer.Tags ?? [];
}

export function tagAlarm(arn: string, tags: readonly Tag[]): Promise<unknown> {
  return cloudwatch("TagResource", { ResourceARN: arn, Tags: tags });
}

export function untagAlarm(arn: string, keys: readonly string[]): Promise<unknown> {
  return cloudwatch("UntagResource", { ResourceARN: arn, TagKeys: keys });
}

/** What an alarm would have done over past data. */
export interface AlarmPreview {
  Period: number;
  Series: { Label: string; Times: number[]; Values: number[] }[];
  Band: { Times: number[]; Lower: number[]; Upper: number[] } | null;
  Threshold: number | null;
  /** Each lasts until the next. */
  States: { StartTime: number; StateValue: AlarmState; StateReason: string }[];
}

export function previewAlarm(
  alarm: MetricAlarmInput,
  window: { start: number; end: number },
  signal?: AbortSignal,
): Promise<AlarmPreview> {
  return post("/api/alarm-preview", { Alarm: alarm, StartTime: window.start, EndTime: window.end }, signal);
}
