// Amazon ECS: clusters and what runs in them, with the names of the API.

import { call, get } from "./client";

export type InsightsMode = "disabled" | "enabled" | "enhanced";

export interface Cluster {
  clusterArn: string;
  clusterName: string;
  status: string;
  registeredContainerInstancesCount: number;
  runningTasksCount: number;
  pendingTasksCount: number;
  activeServicesCount: number;
  settings?: { name: string; value: string }[];
  tags?: { key: string; value: string }[];
}

export interface Deployment {
  id: string;
  status: string;
  taskDefinition: string;
  desiredCount: number;
  pendingCount: number;
  runningCount: number;
  failedTasks: number;
  createdAt: number;
  updatedAt: number;
}

export interface Service {
  serviceArn: string;
  serviceName: string;
  status: string;
  desiredCount: number;
  runningCount: number;
  pendingCount: number;
  taskDefinition?: string;
  deployments: Deployment[];
  createdAt: number;
}

export interface TaskContainer {
  containerArn: string;
  name: string;
  image: string;
  imageDigest?: string;
  runtimeId: string;
  lastStatus: string;
  healthStatus: string;
  exitCode?: number;
  reason?: string;
  cpu: string;
  memory?: string;
  networkInterfaces: { privateIpv4Address?: string; ipv6Address?: string }[];
}

export interface Task {
  taskArn: string;
  taskDefinitionArn: string;
  containerInstanceArn?: string;
  group: string;
  lastStatus: string;
  healthStatus: string;
  cpu?: string;
  memory?: string;
  createdAt?: number;
  startedAt?: number;
  stoppedAt?: number;
  stoppedReason?: string;
  containers: TaskContainer[];
}

export interface TaskDefinition {
  taskDefinitionArn: string;
  containerDefinitions: {
    name: string;
    logConfiguration?: { logDriver: string; options?: Record<string, string> } | null;
  }[];
}

/** What a question may name at once (AWS). */
const most = 100;

function ecs<Out>(
  operation: string,
  body: unknown,
  signal?: AbortSignal,
  account?: string,
): Promise<Out> {
  return call(`AmazonEC2ContainerServiceV20141113.${operation}`, "1.1", body, signal, account);
}

/** The account that asks, and those whose clusters and metrics it sees. */
export function getAccounts(signal?: AbortSignal): Promise<{ own: string; linked: string[] }> {
  return get("/api/accounts", signal);
}

/** All pages of a list of ARNs. */
async function list(
  operation: string,
  member: string,
  body: Record<string, unknown>,
  signal?: AbortSignal,
  account?: string,
): Promise<string[]> {
  const found: string[] = [];
  let nextToken: string | undefined;
  do {
    const page: Record<string, unknown> = await ecs(
      operation,
      { ...body, nextToken },
      signal,
      account,
    );
    found.push(...((page[member] as string[] | undefined) ?? []));
    nextToken = page.nextToken as string | undefined;
  } while (nextToken);
  return found;
}

/** Descriptions of what ARNs name, as many at once as may be. */
async function describe<Out>(
  arns: readonly string[],
  ask: (some: string[]) => Promise<Out[]>,
): Promise<Out[]> {
  const parts: string[][] = [];
  for (let at = 0; at < arns.length; at += most) parts.push(arns.slice(at, at + most));
  return (await Promise.all(parts.map(ask))).flat();
}

export async function getClusters(signal?: AbortSignal, account?: string): Promise<Cluster[]> {
  const arns = await list("ListClusters", "clusterArns", {}, signal, account);
  return describe(arns, async (clusters) => {
    const include = ["SETTINGS", "TAGS"];
    const answer = await ecs<{ clusters: Cluster[] }>("DescribeClusters", { clusters, include }, signal, account);
    return answer.clusters;
  });
}

export async function getServices(cluster: string, signal?: AbortSignal, account?: string): Promise<Service[]> {
  const arns = await list("ListServices", "serviceArns", { cluster }, signal, account);
  return describe(arns, async (services) => {
    const answer = await ecs<{ services: Service[] }>("DescribeServices", { cluster, services }, signal, account);
    return answer.services;
  });
}

/** Those that run, will run, or ended within the last hour. */
export async function getTasks(cluster: string, signal?: AbortSignal, account?: string): Promise<Task[]> {
  const [active, ended] = await Promise.all([
    list("ListTasks", "taskArns", { cluster }, signal, account),
    list("ListTasks", "taskArns", { cluster, desiredStatus: "STOPPED" }, signal, account),
  ]);
  return describe([...active, ...ended], async (tasks) => {
    const answer = await ecs<{ tasks: Task[] }>("DescribeTasks", { cluster, tasks }, signal, account);
    return answer.tasks;
  });
}

export async function getTaskDefinition(
  arn: string,
  signal?: AbortSignal,
  account?: string,
): Promise<TaskDefinition> {
  const answer = await ecs<{ taskDefinition: TaskDefinition }>(
    "DescribeTaskDefinition",
    { taskDefinition: arn },
    signal,
    account,
  );
  return answer.taskDefinition;
}

export function updateClusterInsights(input: { cluster: string; mode: InsightsMode }) {
  const settings = [{ name: "containerInsights", value: input.mode }];
  return ecs("UpdateClusterSettings", { cluster: input.cluster, settings });
}

export function putDefaultInsights(mode: InsightsMode) {
  return ecs("PutAccountSettingDefault", { name: "containerInsights", value: mode });
}

export async function getDefaultInsights(signal?: AbortSignal): Promise<InsightsMode> {
  const answer = await ecs<{ settings: { value: InsightsMode }[] }>(
    "ListAccountSettings",
    { name: "containerInsights", effectiveSettings: true },
    signal,
  );
  return answer.settings[0]?.value ?? "disabled";
}

export interface StateChange {
  time: number;
  account: string | null;
  cluster: string;
  service: string | null;
  family: string;
  task: string;
  container: string;
  containerId: string;
  change:
    | "DEPLOYED"
    | "STARTED"
    | "RESTARTED"
    | "STOPPED"
    | "OUT_OF_MEMORY"
    | "HEALTHY"
    | "UNHEALTHY";
  exitCode: number | null;
  reason: string | null;
}

/** What happened to containers, in its order: AWS has no operation for it. */
export async function getStateChanges(
  input: { from: number; to: number } & Partial<
    Record<"cluster" | "service" | "task" | "container", string | undefined>
  >,
  signal?: AbortSignal,
  account?: string,
): Promise<StateChange[]> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(input))
    if (value !== undefined)
      query.set(name, typeof value === "number" ? String(Math.floor(value)) : value);
  const answer = await get<{ changes: StateChange[] }>(`/api/state-changes?${query}`, signal, account);
  return answer.changes;
}

/** A node of the trace map, and the containers that are it. */
export interface Runtime {
  name: string;
  type: string | null;
  containers: {
    cluster: string;
    service: string | null;
    task: string;
    container: string;
    status: string;
  }[];
}

export async function getRuntimes(
  window: { start: number; end: number },
  signal?: AbortSignal,
): Promise<Runtime[]> {
  const { start, end } = window;
  const answer = await get<{ nodes: Runtime[] }>(
    `/api/runtimes?from=${Math.floor(start)}&to=${Math.ceil(end)}`,
    signal,
  );
  return answer.nodes;
}
