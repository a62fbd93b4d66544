// Amazon CloudWatch Synthetics with the names of its API, and what Mitoshi adds: whole runs, artifacts, tries, the public page.

import type { CanaryReport } from "../model/canary-report";
import { get, getText, patch, post, put, remove } from "./client";

export interface BrowserType {
  BrowserType?: "CHROME" | "FIREFOX";
}

/** What a canary does: a blueprint that runs natively, or a script. */
export interface CanaryCode {
  /** Mitoshi's: which blueprint, and its configuration. */
  BlueprintTypes?: string[];
  BlueprintConfig?: unknown;
  /** Mitoshi's: a script as text; the server makes a file of it. */
  Script?: string;
  /** A zip of a script, in base64. Is sent, and never comes back. */
  ZipFile?: string;
  Handler?: string;
  SourceLocationArn?: string;
}

export interface CanarySchedule {
  Expression: string;
  DurationInSeconds?: number;
  RetryConfig?: { MaxRetries: number };
}

export interface CanaryRunConfig {
  TimeoutInSeconds?: number;
  MemoryInMB?: number;
  ActiveTracing?: boolean;
  /** All of them are sent, or none; they never come back. */
  EnvironmentVariables?: Record<string, string>;
  /** Mitoshi's: what comes back instead. */
  EnvironmentVariableNames?: string[];
}

export type CanaryState =
  | "CREATING"
  | "READY"
  | "STARTING"
  | "RUNNING"
  | "UPDATING"
  | "STOPPING"
  | "STOPPED"
  | "ERROR"
  | "DELETING";

export interface BaseScreenshot {
  ScreenshotName: string;
  /** `x,y,width,height`. */
  IgnoreCoordinates?: string[];
}

export interface VisualReference extends BrowserType {
  BaseCanaryRunId?: string;
  BaseScreenshots?: BaseScreenshot[];
}

export interface Canary {
  Id: string;
  Name: string;
  /** Mitoshi's, as is the log group. */
  Arn?: string;
  LogGroup?: string;
  Code?: CanaryCode;
  Schedule?: CanarySchedule;
  RunConfig?: CanaryRunConfig;
  SuccessRetentionPeriodInDays?: number;
  FailureRetentionPeriodInDays?: number;
  Status?: { State?: CanaryState; StateReason?: string; StateReasonCode?: string };
  Timeline?: { Created?: number; LastModified?: number; LastStarted?: number; LastStopped?: number };
  ArtifactS3Location?: string;
  ExecutionRoleArn?: string;
  EngineArn?: string;
  RuntimeVersion?: string;
  VisualReference?: VisualReference;
  VisualReferences?: VisualReference[];
  Tags?: Record<string, string>;
}

export interface CanaryRun {
  Id: string;
  ScheduledRunId?: string;
  RetryAttempt?: number;
  Name: string;
  Status?: {
    State?: "RUNNING" | "PASSED" | "FAILED";
    StateReason?: string;
    StateReasonCode?: "CANARY_FAILURE" | "EXECUTION_FAILURE";
    TestResult?: "PASSED" | "FAILED" | "UNKNOWN";
  };
  Timeline?: { Started?: number; Completed?: number; MetricTimestampForRunAndRetries?: number };
  ArtifactS3Location?: string;
  DryRunConfig?: { DryRunId?: string };
}

interface Paged {
  NextToken?: string;
}

/** All pages of a list; a list may have more than anybody looks at. */
async function all<Item>(
  path: string,
  body: object,
  items: (page: never) => readonly Item[] | undefined,
  signal?: AbortSignal,
  goesOn: (found: readonly Item[]) => boolean = () => true,
): Promise<Item[]> {
  const found: Item[] = [];
  let NextToken: string | undefined;
  do {
    const page: Paged = await post(path, { ...body, ...(NextToken ? { NextToken } : {}) }, signal);
    found.push(...(items(page as never) ?? []));
    NextToken = page.NextToken;
  } while (NextToken && goesOn(found));
  return found;
}

const canaryApi = (name: string) => `/canary/${encodeURIComponent(name)}`;

export function getCanaries(signal?: AbortSignal): Promise<Canary[]> {
  return all("/canaries", { MaxResults: 20 }, (page: { Canaries?: Canary[] }) => page.Canaries, signal);
}

export async function getLastRuns(signal?: AbortSignal): Promise<Map<string, CanaryRun>> {
  const runs = await all(
    "/canaries/last-run",
    { MaxResults: 100 },
    (page: { CanariesLastRun?: { CanaryName: string; LastRun?: CanaryRun }[] }) => page.CanariesLastRun,
    signal,
  );
  return new Map(runs.flatMap(({ CanaryName, LastRun }) => (LastRun ? [[CanaryName, LastRun] as const] : [])));
}

export async function getCanary(name: string, signal?: AbortSignal): Promise<Canary> {
  const answer = await get<{ Canary: Canary }>(canaryApi(name), signal);
  return answer.Canary;
}

/** Runs on a page, and how many pages a chart is worth. */
const runsOnPage = 100;
const mostRuns = 3_000;

/** The newest first, back to a time; those of the last page are there even when they are older. */
export function getCanaryRuns(
  name: string,
  since: number,
  input: { RunType?: "CANARY_RUN" | "DRY_RUN"; DryRunId?: string } = {},
  signal?: AbortSignal,
): Promise<CanaryRun[]> {
  return all(
    `${canaryApi(name)}/runs`,
    { MaxResults: runsOnPage, ...input },
    (page: { CanaryRuns?: CanaryRun[] }) => page.CanaryRuns,
    signal,
    (found) => found.length < mostRuns && (found.at(-1)?.Timeline?.Started ?? 0) >= since,
  );
}

export interface CanaryInput {
  Name: string;
  Code: CanaryCode;
  ArtifactS3Location: string;
  ExecutionRoleArn: string;
  Schedule: CanarySchedule;
  RunConfig?: CanaryRunConfig;
  SuccessRetentionPeriodInDays?: number;
  FailureRetentionPeriodInDays?: number;
  RuntimeVersion: string;
  Tags?: Record<string, string>;
}

export function createCanary(input: CanaryInput): Promise<{ Canary: Canary }> {
  return post("/canary", input);
}

export function updateCanary(
  name: string,
  input: Partial<Omit<CanaryInput, "Name" | "Tags">> & { VisualReferences?: VisualReference[] },
): Promise<unknown> {
  return patch(canaryApi(name), input);
}

export function startCanary(name: string): Promise<unknown> {
  return post(`${canaryApi(name)}/start`, {});
}

export function stopCanary(name: string): Promise<unknown> {
  return post(`${canaryApi(name)}/stop`, {});
}

export async function startDryRun(name: string): Promise<string | undefined> {
  const answer = await post<{ DryRunConfig?: { DryRunId?: string } }>(`${canaryApi(name)}/dry-run/start`, {});
  return answer.DryRunConfig?.DryRunId;
}

export function deleteCanary(name: string): Promise<unknown> {
  return remove(`${canaryApi(name)}?deleteLambda=true`);
}

/** What runs is stopped first: only what stands still can be deleted. */
export async function stopAndDelete(canary: Pick<Canary, "Name" | "Status">): Promise<void> {
  if (canary.Status?.State === "RUNNING" || canary.Status?.State === "STARTING") {
    await stopCanary(canary.Name);
    for (let wait = 100; wait < 15_000; wait *= 1.5) {
      const { Status } = await getCanary(canary.Name);
      if (Status?.State !== "STOPPING" && Status?.State !== "RUNNING") break;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  await deleteCanary(canary.Name);
}

export interface RuntimeVersion {
  VersionName: string;
  Description?: string;
  ReleaseDate?: number;
  DeprecationDate?: number;
}

export function getRuntimeVersions(signal?: AbortSignal): Promise<RuntimeVersion[]> {
  return all(
    "/runtime-versions",
    { MaxResults: 100 },
    (page: { RuntimeVersions?: RuntimeVersion[] }) => page.RuntimeVersions,
    signal,
  );
}

export interface CanaryGroup {
  Id: string;
  Name: string;
  Arn: string;
}

export function getCanaryGroups(signal?: AbortSignal): Promise<CanaryGroup[]> {
  return all("/groups", { MaxResults: 20 }, (page: { Groups?: CanaryGroup[] }) => page.Groups, signal);
}

const groupApi = (id: string) => `/group/${encodeURIComponent(id)}`;

export function getGroupResources(id: string, signal?: AbortSignal): Promise<string[]> {
  return all(
    `${groupApi(id)}/resources`,
    { MaxResults: 20 },
    (page: { Resources?: string[] }) => page.Resources,
    signal,
  );
}

export async function createCanaryGroup(name: string): Promise<CanaryGroup> {
  const answer = await post<{ Group: CanaryGroup }>("/group", { Name: name });
  return answer.Group;
}

export function deleteCanaryGroup(id: string): Promise<unknown> {
  return remove(groupApi(id));
}

export function associate(group: string, arn: string): Promise<unknown> {
  return patch(`${groupApi(group)}/associate`, { ResourceArn: arn });
}

export function disassociate(group: string, arn: string): Promise<unknown> {
  return patch(`${groupApi(group)}/disassociate`, { ResourceArn: arn });
}

export function tagCanary(arn: string, tags: Record<string, string>): Promise<unknown> {
  return post(`/tags/${encodeURIComponent(arn)}`, { Tags: tags });
}

export function untagCanary(arn: string, keys: readonly string[]): Promise<unknown> {
  const query = keys.map((key) => `tagKeys=${encodeURIComponent(key)}`).join("&");
  return remove(`/tags/${encodeURIComponent(arn)}?${query}`);
}

export interface Artifact {
  Key: string;
  Bytes: number;
}

/** A run with all that it left behind. */
export interface WholeRun {
  Run: CanaryRun;
  Report: CanaryReport | null;
  LogGroup: string;
  LogStream: string;
  Artifacts: Artifact[];
}

export function getWholeRun(name: string, run: string, signal?: AbortSignal): Promise<WholeRun> {
  return get(`/api/canaries/${encodeURIComponent(name)}/runs/${encodeURIComponent(run)}`, signal);
}

/** Where an artifact is read from. */
export function artifactUrl(key: string): string {
  return `/api/canary-artifacts?key=${encodeURIComponent(key)}`;
}

export function getArtifactText(key: string, signal?: AbortSignal): Promise<string> {
  return getText(artifactUrl(key), signal);
}

/** A run of a canary that does not exist yet. */
export interface CanaryTry {
  State: "RUNNING" | "PASSED" | "FAILED";
  Report: CanaryReport | null;
  Log: string;
  Artifacts: Artifact[];
}

export async function startTry(
  input: Pick<CanaryInput, "Code" | "RunConfig" | "RuntimeVersion"> & { Name?: string },
): Promise<string> {
  const answer = await post<{ TryId: string }>("/api/canary-tries", input);
  return answer.TryId;
}

export function getTry(id: string, signal?: AbortSignal): Promise<CanaryTry> {
  return get(`/api/canary-tries/${encodeURIComponent(id)}`, signal);
}

/** A program that canaries need, or what to install when it is missing. */
export interface CanaryTool {
  Path: string | null;
  Version: string | null;
  Message: string | null;
}

export interface CanarySetup {
  Browser: CanaryTool;
  Node: CanaryTool;
  Python: CanaryTool;
  /** Why no script may run here, if none may. */
  Scripts?: { Message: string | null };
}

export function getCanarySetup(signal?: AbortSignal): Promise<CanarySetup> {
  return get("/api/canary-setup", signal);
}

/** The page that everybody may see, at `/status`. */
export interface StatusPage {
  Enabled: boolean;
  Title: string;
  Description: string;
  Canaries: string[];
  Alarms: string[];
}

export function getStatusPage(signal?: AbortSignal): Promise<StatusPage> {
  return get("/api/status-page", signal);
}

export function putStatusPage(page: StatusPage): Promise<unknown> {
  return put("/api/status-page", page);
}
