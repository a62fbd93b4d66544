// Container Insights: what the levels of containers are called as dimensions, which metrics each page asks for, and how rows of
// tables come about. Rows are what runs now together with what had metrics in the time on screen.

import type { Dimension, MetricDataQuery, MetricDataResult } from "../api/cloudwatch";
import type {
  Cluster,
  InsightsMode,
  Runtime,
  Service,
  StateChange,
  Task,
  TaskContainer,
  TaskDefinition,
} from "../api/ecs";
import type { Scope } from "./alarm";
import type { Window } from "./time-range";

export const containerInsights = "ECS/ContainerInsights";

/** Where something stands. What is not named is above. */
export interface Place {
  cluster: string;
  service?: string | undefined;
  /** Of tasks; those without a service have their family alone. */
  family?: string | undefined;
  task?: string | undefined;
  container?: string | undefined;
}

/** Where the performance log events of a cluster are (AWS). */
export function performanceGroup(cluster: string): string {
  return `/aws/ecs/containerinsights/${cluster}/performance`;
}

/** Which of them are of a place. */
export function performanceFilter(place: Place): string | undefined {
  const conditions = [
    place.task ? `$.TaskId = "${place.task}"` : place.service && `$.ServiceName = "${place.service}"`,
    place.container && `$.ContainerName = "${place.container}"`,
  ].filter(Boolean);
  return conditions.length > 0 ? `{ ${conditions.join(" && ")} }` : undefined;
}

/** The streams of what containers of a task write: by Docker's awslogs driver, or read here. */
export function logsOf(
  task: Task,
  definition: TaskDefinition,
  only: string | undefined,
): { container: string; group: string; stream: string }[] {
  return definition.containerDefinitions.flatMap(({ name, logConfiguration }) => {
    const container = task.containers.find((each) => each.name === name);
    const options = logConfiguration?.options;
    const group = options?.["awslogs-group"];
    if (!container || !group) return [];
    if (only !== undefined && only !== name) return [];
    // Without a name, a stream is called by its container's id.
    return [{ container: name, group, stream: options["awslogs-stream"] ?? container.runtimeId }];
  });
}

export type Level = "cluster" | "service" | "task" | "container";

export function levelOf(place: Place): Level {
  if (place.container) return "container";
  if (place.task) return "task";
  return place.service ? "service" : "cluster";
}

/** As metrics of that place are told apart. */
export function dimensionsOf(place: Place): Dimension[] {
  const named: [string, string | undefined][] = [
    ["ClusterName", place.cluster],
    ...(place.task || !place.service
      ? [["TaskDefinitionFamily", place.task ? place.family : undefined] as [string, string | undefined]]
      : [["ServiceName", place.service] as [string, string | undefined]]),
    ["TaskId", place.task],
    ["ContainerName", place.container],
  ];
  return named.flatMap(([Name, Value]) => (Value ? [{ Name, Value }] : []));
}

/** Alarms that concern a place: their metrics name it. */
export function placeScope(place: Place): Scope {
  if (place.task) return [{ TaskId: place.task, ...(place.container ? { ContainerName: place.container } : {}) }];
  return [{ ClusterName: place.cluster, ...(place.service ? { ServiceName: place.service } : {}) }];
}

export function insightsMode(cluster: Cluster): InsightsMode {
  const value = cluster.settings?.find((setting) => setting.name === "containerInsights")?.value;
  return value === "enabled" || value === "enhanced" ? value : "disabled";
}

export function accountOf(arn: string): string {
  return arn.split(":")[4] ?? "";
}

export function shortName(arn: string): string {
  return arn.slice(arn.lastIndexOf("/") + 1);
}

/** Eight digits tell tasks apart. */
export function shortId(id: string): string {
  return /^[0-9a-f]{32,}$/.test(id) ? id.slice(0, 8) : id;
}

export function serviceOf(task: Task): string | undefined {
  return task.group.startsWith("service:") ? task.group.slice("service:".length) : undefined;
}

export function familyOf(task: Task): string {
  return shortName(task.taskDefinitionArn).split(":")[0]!;
}

/** A period in which a chart has from 30 to some hundred points. */
export function chartPeriod(window: Window): number {
  const seconds = window.end - window.start;
  if (seconds <= 3 * 3600) return 60;
  if (seconds <= 24 * 3600) return 300;
  return seconds <= 7 * 86400 ? 3600 : 6 * 3600;
}

/** A period in which a window has some few points: for one figure of each row. */
export function rowPeriod(window: Window): number {
  return Math.max(60, Math.ceil((window.end - window.start) / 12 / 60) * 60);
}

export type Unit = "cpu" | "mebibytes" | "bytes" | "rate" | "percent" | "count";

export interface ChartSeries {
  key: string;
  id: string;
}

export interface ChartQuery {
  key: "cpu" | "memory" | "network" | "storage" | "tasks" | "restarts" | "pressure";
  unit: Unit;
  series: ChartSeries[];
}

/** The charts of a page, and what to ask for them. */
export function chartsOf(place: Place, period: number): { charts: ChartQuery[]; queries: MetricDataQuery[] } {
  const level = levelOf(place);
  const dimensions = dimensionsOf(place);
  const prefix = level === "container" ? "Container" : "";
  const queries: MetricDataQuery[] = [];
  const metric = (id: string, name: string, stat: string, shown = false) =>
    queries.push({
      Id: id,
      MetricStat: {
        Metric: { Namespace: containerInsights, MetricName: name, Dimensions: dimensions },
        Period: period,
        Stat: stat,
      },
      ReturnData: shown,
    });
  const math = (id: string, expression: string) => queries.push({ Id: id, Expression: expression });
  // Of clusters and services, values are means over tasks: all of them together are so many times that.
  const isGroup = level === "cluster" || level === "service";
  if (level === "cluster") metric("n", "TaskCount", "Average");
  if (level === "service") metric("n", "RunningTaskCount", "Average");
  const total = (id: string, name: string) => {
    metric(isGroup ? `m${id}` : id, `${prefix}${name}`, "Average", !isGroup);
    if (isGroup) math(id, `m${id} * n`);
  };
  total("cpu", "CpuUtilized");
  total("cpur", "CpuReserved");
  total("mem", "MemoryUtilized");
  total("memr", "MemoryReserved");
  total("rx", "NetworkRxBytes");
  total("tx", "NetworkTxBytes");
  // Storage is counted from the start of a container: what matters is how fast it grows.
  for (const [id, name] of [
    ["rd", "StorageReadBytes"],
    ["wr", "StorageWriteBytes"],
  ] as const) {
    metric(`m${id}`, `${prefix}${name}`, isGroup ? "Average" : "Maximum");
    math(`r${id}`, `RATE(m${id})${isGroup ? " * n" : ""}`);
    math(id, `IF(r${id} < 0, 0, r${id})`);
    queries.at(-2)!.ReturnData = false;
  }
  const series = (...pairs: [key: string, id: string][]) => pairs.map(([key, id]) => ({ key, id }));
  const charts: ChartQuery[] = [
    { key: "cpu", unit: "cpu", series: series(["utilized", "cpu"], ["reserved", "cpur"]) },
    { key: "memory", unit: "mebibytes", series: series(["utilized", "mem"], ["reserved", "memr"]) },
    { key: "network", unit: "rate", series: series(["received", "rx"], ["sent", "tx"]) },
    { key: "storage", unit: "rate", series: series(["read", "rd"], ["written", "wr"]) },
  ];
  if (level === "service") {
    metric("tr", "RunningTaskCount", "Average", true);
    metric("td", "DesiredTaskCount", "Average", true);
    metric("tp", "PendingTaskCount", "Average", true);
    charts.push({
      key: "tasks",
      unit: "count",
      series: series(["running", "tr"], ["desired", "td"], ["pending", "tp"]),
    });
  }
  if (level === "cluster") {
    metric("tr", "TaskCount", "Average", true);
    metric("ts", "ServiceCount", "Average", true);
    charts.push({ key: "tasks", unit: "count", series: series(["tasks", "tr"], ["services", "ts"]) });
  }
  if (level === "container") {
    metric("th", "ContainerCpuThrottled", "Average", true);
    metric("pc", "ContainerCpuPressure", "Average", true);
    metric("pm", "ContainerMemoryPressure", "Average", true);
    charts.push({
      key: "pressure",
      unit: "percent",
      series: series(["throttled", "th"], ["cpuPressure", "pc"], ["memoryPressure", "pm"]),
    });
  }
  metric("re", "RestartCount", "Sum", true);
  charts.push({ key: "restarts", unit: "count", series: series(["restarts", "re"]) });
  if (level === "container") {
    metric("oo", "ContainerOomKillCount", "Sum", true);
    charts.at(-1)!.series.push({ key: "oomKills", id: "oo" });
  }
  return { charts, queries };
}

/** Values at the whole periods of a window; what is missing is a gap. */
export function pointsOf(
  result: MetricDataResult | undefined,
  times: readonly number[],
): (number | undefined)[] {
  const at = new Map(result?.Timestamps.map((time, i) => [time, result.Values[i]]));
  return times.map((time) => at.get(time));
}

export function timesOf(window: Window, period: number): number[] {
  const times: number[] = [];
  for (let time = Math.floor(window.start / period) * period; time < window.end; time += period)
    times.push(time);
  return times;
}

export interface Figures {
  /** Of what is reserved, 0 to 1 and beyond. */
  cpu: number | undefined;
  memory: number | undefined;
  restarts: number;
}

/** What rows of a level are asked for: one series for each row, named by its dimensions. */
export function rowQueries(
  level: "cluster" | "service" | "task" | "container",
  cluster: string | undefined,
  period: number,
  service?: string,
): MetricDataQuery[] {
  const schema = {
    cluster: ["ClusterName"],
    service: ["ClusterName", "ServiceName"],
    task: service
      ? ["ClusterName", "ServiceName", "TaskId"]
      : ["ClusterName", "TaskDefinitionFamily", "TaskId"],
    container: service
      ? ["ClusterName", "ServiceName", "TaskId", "ContainerName"]
      : ["ClusterName", "TaskDefinitionFamily", "TaskId", "ContainerName"],
  }[level];
  const label = schema.map((name) => `\${PROP('Dim.${name}')}`).join("/");
  const where = [
    ...(cluster ? [`ClusterName="${cluster}"`] : []),
    ...(service ? [`ServiceName="${service}"`] : []),
  ].join(" ");
  const prefix = level === "container" ? "Container" : "";
  const search = (id: string, name: string, stat: string): MetricDataQuery => ({
    Id: id,
    Expression: `SEARCH('{${containerInsights},${schema.join(",")}} MetricName="${name}" ${where}', '${stat}', ${period})`,
    Label: label,
  });
  return [
    search("cu", `${prefix}CpuUtilized`, "Sum"),
    search("cr", `${prefix}CpuReserved`, "Sum"),
    search("mu", `${prefix}MemoryUtilized`, "Sum"),
    search("mr", `${prefix}MemoryReserved`, "Sum"),
    search("re", "RestartCount", "Sum"),
  ];
}

export interface FigureRow extends Figures {
  /** Values of the dimensions, in the order of the schema. */
  names: string[];
  /** CPU over time, for a small line. */
  line: number[];
}

/** Shares of sums: what was used of what was reserved, over all of the time. */
export function figureRows(results: readonly MetricDataResult[]): Map<string, FigureRow> {
  const sums = new Map<string, Record<string, number>>();
  const lines = new Map<string, Map<number, [used: number, reserved: number]>>();
  for (const result of results) {
    // Parts of one question have numbers behind their names.
    const id = result.Id.split("_")[0]!;
    const of = sums.get(result.Label) ?? {};
    of[id] = result.Values.reduce((sum, value) => sum + value, 0);
    sums.set(result.Label, of);
    if (id !== "cu" && id !== "cr") continue;
    const line = lines.get(result.Label) ?? new Map<number, [number, number]>();
    result.Timestamps.forEach((time, i) => {
      const at = line.get(time) ?? [0, 0];
      at[id === "cu" ? 0 : 1] = result.Values[i]!;
      line.set(time, at);
    });
    lines.set(result.Label, line);
  }
  const share = (part: number | undefined, whole: number | undefined) =>
    part !== undefined && whole ? part / whole : undefined;
  return new Map(
    [...sums].map(([label, of]) => [
      label,
      {
        names: label.split("/"),
        cpu: share(of.cu, of.cr),
        memory: share(of.mu, of.mr),
        restarts: of.re ?? 0,
        line: [...(lines.get(label) ?? [])]
          .sort(([a], [b]) => a - b)
          .map(([, [used, reserved]]) => (reserved ? used / reserved : 0)),
      },
    ]),
  );
}

const nothing: Figures & { line: number[] } = { cpu: undefined, memory: undefined, restarts: 0, line: [] };

export interface ClusterRow extends Figures {
  name: string;
  account: string;
  mode: InsightsMode;
  services: number;
  running: number;
  pending: number;
  instances: number;
  line: number[];
}

export function clusterRows(
  clusters: readonly Cluster[],
  figures: ReadonlyMap<string, FigureRow>,
): ClusterRow[] {
  return clusters.map((cluster) => ({
    ...(figures.get(cluster.clusterName) ?? nothing),
    name: cluster.clusterName,
    account: accountOf(cluster.clusterArn),
    mode: insightsMode(cluster),
    services: cluster.activeServicesCount,
    running: cluster.runningTasksCount,
    pending: cluster.pendingTasksCount,
    instances: cluster.registeredContainerInstancesCount,
  }));
}

export interface ServiceRow extends Figures {
  name: string;
  /** Absent: it had metrics in the time on screen, and nothing of it is there now. */
  service: Service | undefined;
  line: number[];
}

export function serviceRows(
  services: readonly Service[],
  figures: ReadonlyMap<string, FigureRow>,
  cluster: string,
): ServiceRow[] {
  const known = new Map(services.map((service) => [service.serviceName, service]));
  const measured = [...figures.values()].map((row) => row.names[1]!);
  return [...new Set([...known.keys(), ...measured])].sort().map((name) => ({
    ...(figures.get(`${cluster}/${name}`) ?? nothing),
    name,
    service: known.get(name),
  }));
}

export type RunState = "running" | "unhealthy" | "pending" | "stopped" | "failed" | "gone";

function runStateOf(status: string, health: string, failed: boolean): RunState {
  if (status === "RUNNING") return health === "UNHEALTHY" ? "unhealthy" : "running";
  if (status === "STOPPED") return failed ? "failed" : "stopped";
  return "pending";
}

/** An end that nobody wished: neither success nor an answer to being told to stop. */
export function hasFailed(exitCode: number | undefined): boolean {
  return exitCode !== undefined && exitCode !== 0 && exitCode !== 143;
}

export function containerState(container: TaskContainer): RunState {
  return runStateOf(container.lastStatus, container.healthStatus, hasFailed(container.exitCode));
}

export function taskState(task: Task): RunState {
  const failed = task.containers.some((container) => hasFailed(container.exitCode));
  return runStateOf(task.lastStatus, task.healthStatus, failed);
}

export interface TaskRow extends Figures {
  id: string;
  family: string;
  service: string | undefined;
  state: RunState;
  task: Task | undefined;
  started: number | undefined;
  line: number[];
}

/** With `service`, figures are told apart by it instead of by families. */
export function taskRows(
  tasks: readonly Task[],
  figures: ReadonlyMap<string, FigureRow>,
  service?: string,
): TaskRow[] {
  const ofTask = new Map([...figures.values()].map((row) => [row.names[2]!, row]));
  const known = tasks.map((task): TaskRow => {
    const id = shortName(task.taskArn);
    return {
      ...(ofTask.get(id) ?? nothing),
      id,
      family: familyOf(task),
      service: serviceOf(task),
      state: taskState(task),
      task,
      started: task.startedAt,
    };
  });
  const there = new Set(known.map((row) => row.id));
  const gone = [...ofTask.values()]
    .filter((row) => !there.has(row.names[2]!))
    .map((row): TaskRow => ({
      ...row,
      id: row.names[2]!,
      family: service ? "" : row.names[1]!,
      service,
      state: "gone",
      task: undefined,
      started: undefined,
    }));
  return [...known, ...gone];
}

/** What needs a look comes first. */
const stateOrder: readonly RunState[] = ["unhealthy", "failed", "pending", "running", "stopped", "gone"];

export function compareStates(a: RunState, b: RunState): number {
  return stateOrder.indexOf(a) - stateOrder.indexOf(b);
}

export interface ContainerRow extends Figures {
  key: string;
  name: string;
  task: string;
  family: string;
  service: string | undefined;
  state: RunState;
  container: TaskContainer | undefined;
  line: number[];
}

export function containerRows(
  tasks: readonly Task[],
  figures: ReadonlyMap<string, FigureRow>,
): ContainerRow[] {
  const keyed = new Map(
    [...figures.values()].map((row) => [`${row.names[2]!}/${row.names[3]!}`, row]),
  );
  const rows = tasks.flatMap((task) =>
    task.containers.map((container): ContainerRow => {
      const id = shortName(task.taskArn);
      const key = `${id}/${container.name}`;
      return {
        ...(keyed.get(key) ?? nothing),
        key,
        name: container.name,
        task: id,
        family: familyOf(task),
        service: serviceOf(task),
        state: containerState(container),
        container,
      };
    }),
  );
  return rows;
}

/** How full something is, in steps that a grid can show: 0 nearly empty … 4 full. */
export function fullness(figures: Figures): 0 | 1 | 2 | 3 | 4 | undefined {
  const values = [figures.cpu, figures.memory].filter((value) => value !== undefined);
  if (values.length === 0) return undefined;
  const most = Math.max(...values);
  return most >= 0.9 ? 4 : most >= 0.8 ? 3 : most >= 0.5 ? 2 : most >= 0.2 ? 1 : 0;
}

/** Changes on a chart: those that came within the same few pixels are one mark. */
export function marksOf(
  changes: readonly StateChange[],
  window: Window,
  most = 60,
): { time: number; kinds: StateChange["change"][] }[] {
  const width = (window.end - window.start) / most;
  const marks: { time: number; kinds: StateChange["change"][] }[] = [];
  for (const { time, change } of changes) {
    if (time < window.start || time > window.end) continue;
    const last = marks.at(-1);
    if (last && time - last.time < width) {
      if (!last.kinds.includes(change)) last.kinds.push(change);
    } else marks.push({ time, kinds: [change] });
  }
  return marks;
}

/** More than a search finds at once (AWS) has to be asked for in parts. */
const searchMost = 450;

/** Figures of all containers of a cluster, or of one service. */
export function containerQueries(
  cluster: string,
  tasks: readonly Task[],
  period: number,
  service?: string,
): MetricDataQuery[] {
  if (service) return rowQueries("container", cluster, period, service);
  const containers = tasks.reduce((sum, task) => sum + task.containers.length, 0);
  if (containers <= searchMost) return rowQueries("container", cluster, period);
  const services = [...new Set(tasks.flatMap((task) => serviceOf(task) ?? []))];
  return services.flatMap((each, i) =>
    rowQueries("container", cluster, period, each).map((query) => ({
      ...query,
      Id: `${query.Id}_${i}`,
    })),
  );
}

/** The newest value there is. */
export function latest(result: MetricDataResult | undefined): number | undefined {
  return result?.Values.at(-1);
}

/** Nodes of the trace map that run in a place, by name. */
export function runtimesOf(
  runtimes: readonly Runtime[],
  place: Place,
): { name: string; type: string | undefined; Name: string; Type: string }[] {
  return runtimes
    .filter((runtime) =>
      runtime.containers.some(
        (it) =>
          it.cluster === place.cluster &&
          (!place.task || it.task === place.task) &&
          (place.task || !place.service || it.service === place.service) &&
          (!place.container || it.container === place.container),
      ),
    )
    .map(({ name, type }) => ({ name, type: type ?? undefined, Name: name, Type: type ?? "" }))
    .sort((a, b) => a.name.localeCompare(b.name));
}
