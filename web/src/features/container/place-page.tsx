// A cluster, a service, a task or a container: all have the same parts. Headline figures, charts, what is below, what happened.

import BreadcrumbGroup from "@cloudscape-design/components/breadcrumb-group";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo, type ReactNode } from "react";
import { useNavigate, useParams } from "react-router";

import { AskedAccount, useAskedAccount } from "../../api/account";
import type { Cluster, Service, Task, TaskContainer } from "../../api/ecs";
import {
  useClusters,
  useClusterServices,
  useMetricData,
  usePastPlace,
  useStateChanges,
  useTasks,
  useUpdateClusterInsights,
} from "../../api/hook";
import { ErrorState } from "../../app/error-state";
import { RunStateText } from "../../app/run-state";
import { useSettings, useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { TimeRangeControl } from "../../app/time-range-control";
import { useUrlState } from "../../app/url-state";
import { CopyButton } from "../../components/copy-button";
import { PageLoading } from "../../components/page-loading";
import { formatUnit } from "../../app/container-words";
import {
  accountOf,
  chartPeriod,
  chartsOf,
  containerQueries,
  containerRows,
  containerState,
  familyOf,
  figureRows,
  insightsMode,
  latest,
  levelOf,
  rowPeriod,
  rowQueries,
  serviceOf,
  serviceRows,
  shortId,
  shortName,
  taskRows,
  taskState,
  type Place,
} from "../../model/container";
import { formatCount, formatPercent, formatTime } from "../../model/format";
import { usePlacePath } from "./use-place-path";
import { CellGrid, CellLegend } from "./cell-grid";
import { Changes } from "./changes";
import { Charts } from "./charts";
import { groupsOf } from "./page";
import { InsightsButton } from "./insights-button";
import { ContainerTable, ServiceTable, TaskTable } from "./tables";
import { LogLinks } from "./log-links";
import { PlaceAlarms, PlaceBadge } from "./place-alarms";
import { TraceLinks } from "./trace-links";

/** Of this account, or of one that linked its metrics to it. */
export function PlacePage() {
  const account = useUrlState().get("account");
  return (
    <AskedAccount value={account ?? undefined}>
      <PlaceView />
    </AskedAccount>
  );
}

function PlaceView() {
  const text = useText();
  const t = text.container;
  const named = useParams();
  const account = useAskedAccount();
  const cluster = named.cluster ?? "";
  const clusters = useClusters();
  const services = useClusterServices(cluster);
  const tasks = useTasks(cluster);
  const task = tasks.data?.find((each) => shortName(each.taskArn) === named.task);
  // Of a task that is gone, only metrics know where it was.
  const past = usePastPlace(named.task, tasks.data !== undefined && named.task !== undefined && !task);
  const place: Place = {
    cluster,
    service: named.service ?? (task ? serviceOf(task) : past.data?.service),
    family: task ? familyOf(task) : past.data?.family,
    task: named.task,
    container: named.container,
  };
  const known = clusters.data?.find((each) => each.clusterName === cluster);
  const error = clusters.error ?? services.error ?? tasks.error;
  const waits =
    clusters.isPending || services.isPending || tasks.isPending || (past.isLoading && !task);
  return (
    <SpaceBetween size="s">
      <Trail place={place} />
      <Header
        variant="h1"
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            {levelOf(place) === "cluster" && known && !account && <ClusterInsights cluster={known} />}
            <CopyButton
              label={text.trace.copyLink}
              done={text.common.copied}
              failed={text.common.copyFailed}
              value={() => location.href}
            />
            <TimeRangeControl />
          </SpaceBetween>
        }
        description={`${t[levelOf(place)]}${known ? ` · ${t.account} ${accountOf(known.clusterArn)}` : ""}`}
      >
        {headingOf(place)} <PlaceBadge place={place} />
      </Header>
      {error && !waits ? (
        <ErrorState
          error={error}
          onRetry={() => void Promise.all([clusters.refetch(), services.refetch(), tasks.refetch()])}
        />
      ) : waits ? (
        <PageLoading label={text.common.loading} />
      ) : (
        <Body
          place={place}
          cluster={known}
          services={services.data ?? []}
          tasks={tasks.data ?? []}
          task={task}
          key={JSON.stringify(place)}
        />
      )}
    </SpaceBetween>
  );
}

function headingOf(place: Place): string {
  if (place.container) return place.container;
  if (place.task) return shortId(place.task);
  return place.service ?? place.cluster;
}

/** Up again, level by level. */
function Trail({ place }: { place: Place }) {
  const t = useText().container;
  const navigate = useNavigate();
  const pathOf = usePlacePath();
  const { cluster, service, task, container } = place;
  const items = [
    { text: t.title, href: pathOf({}, "") },
    { text: cluster, href: pathOf({ cluster }) },
    ...(service ? [{ text: service, href: pathOf({ cluster, service }) }] : []),
    ...(task ? [{ text: shortId(task), href: pathOf({ cluster, task }) }] : []),
    ...(container
      ? [{ text: container, href: pathOf({ cluster, task, container }) }]
      : []),
  ];
  return (
    <BreadcrumbGroup
      items={items}
      ariaLabel={t.trail}
      onFollow={(event) => {
        event.preventDefault();
        void navigate(event.detail.href);
      }}
    />
  );
}

function ClusterInsights({ cluster }: { cluster: Cluster }) {
  const t = useText().container;
  const update = useUpdateClusterInsights();
  return (
    <InsightsButton
      label={t.insights}
      mode={insightsMode(cluster)}
      busy={update.isPending}
      onChange={(mode) => update.mutate({ cluster: cluster.clusterName, mode })}
    />
  );
}

interface BodyProps {
  place: Place;
  cluster: Cluster | undefined;
  services: readonly Service[];
  tasks: readonly Task[];
  task: Task | undefined;
}

function Body({ place, cluster, services, tasks, task }: BodyProps) {
  const text = useText();
  const t = text.container;
  const { window } = useTimeRange();
  const account = useAskedAccount();
  const level = levelOf(place);
  const period = chartPeriod(window);
  const { charts, queries } = useMemo(
    () => chartsOf(place, period),
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [JSON.stringify(place), period],
  );
  const metrics = useMetricData(queries, window);
  const changes = useStateChanges(
    {
      cluster: place.cluster,
      service: level === "service" ? place.service : undefined,
      task: place.task,
      container: place.container,
    },
    window,
  );
  const results = metrics.data ?? [];
  const of = new Map(results.map((result) => [result.Id, result]));
  const container = task?.containers.find((each) => each.name === place.container);
  const here = tasks.filter(
    (each) => level === "cluster" || (level === "service" && serviceOf(each) === place.service),
  );
  return (
    <SpaceBetween size="m">
      <Container>
        <Figures
          place={place}
          cluster={cluster}
          service={services.find((each) => each.serviceName === place.service)}
          task={task}
          container={container}
          values={(id) => latest(of.get(id))}
          restarts={of.get("re")?.Values.reduce((sum, value) => sum + value, 0)}
        />
      </Container>
      {metrics.error ? (
        <ErrorState error={metrics.error} onRetry={() => void metrics.refetch()} />
      ) : metrics.isPending ? (
        <PageLoading label={text.common.loading} rows={4} />
      ) : (
        <Container
          header={
            <Header variant="h2" {...(measured(results) ? {} : { description: t.noMetrics })}>
              {t.usage}
            </Header>
          }
        >
          <Charts charts={charts} results={results} changes={changes.data ?? []} period={period} />
        </Container>
      )}
      {level === "cluster" && <Services cluster={place.cluster} services={services} />}
      {(level === "cluster" || level === "service") && (
        <Below place={place} tasks={here} />
      )}
      {level === "task" && task && <TaskContainers cluster={place.cluster} task={task} />}
      {changes.error ? (
        <ErrorState error={changes.error} onRetry={() => void changes.refetch()} />
      ) : (
        <Changes changes={changes.data ?? []} />
      )}
      <TraceLinks place={place} />
      {/* Who links its metrics has not linked its logs. */}
      {!account && <LogLinks place={place} task={task} />}
      <PlaceAlarms place={place} />
    </SpaceBetween>
  );
}

function measured(results: readonly { Values: readonly number[] }[]): boolean {
  return results.some((result) => result.Values.length > 0);
}

function Services({ cluster, services }: { cluster: string; services: readonly Service[] }) {
  const { window } = useTimeRange();
  const figures = useMetricData(rowQueries("service", cluster, rowPeriod(window)), window);
  return (
    <ServiceTable
      cluster={cluster}
      rows={serviceRows(services, figureRows(figures.data ?? []), cluster)}
    />
  );
}

/** All tasks of a cluster or service, and their containers at a glance. */
function Below({ place, tasks }: { place: Place; tasks: readonly Task[] }) {
  const t = useText().container;
  const pathOf = usePlacePath();
  const { window } = useTimeRange();
  const period = rowPeriod(window);
  const ofTasks = useMetricData(rowQueries("task", place.cluster, period, place.service), window);
  const ofContainers = useMetricData(
    containerQueries(place.cluster, tasks, period, place.service),
    window,
  );
  const rows = taskRows(tasks, figureRows(ofTasks.data ?? []), place.service);
  const containers = containerRows(tasks, figureRows(ofContainers.data ?? []));
  return (
    <SpaceBetween size="m">
      {containers.length > 0 && (
        <Container header={<Header variant="h2">{t.atAGlance}</Header>}>
          <CellGrid groups={groupsOf(containers, place.cluster, pathOf, t.withoutService)} />
          <CellLegend />
        </Container>
      )}
      <TaskTable rows={rows} cluster={place.cluster} withService={!place.service} />
    </SpaceBetween>
  );
}

function TaskContainers({ cluster, task }: { cluster: string; task: Task }) {
  const { window } = useTimeRange();
  const period = rowPeriod(window);
  const queries = rowQueries("container", cluster, period).map((query) => ({
    ...query,
    Expression: query.Expression!.replace(
      "ClusterName=",
      `TaskId="${shortName(task.taskArn)}" ClusterName=`,
    ),
  }));
  const figures = useMetricData(queries, window);
  return (
    <ContainerTable cluster={cluster} rows={containerRows([task], figureRows(figures.data ?? []))} />
  );
}

interface FiguresProps {
  place: Place;
  cluster: Cluster | undefined;
  service: Service | undefined;
  task: Task | undefined;
  container: TaskContainer | undefined;
  /** The newest of a chart. */
  values: (id: string) => number | undefined;
  restarts: number | undefined;
}

function Figures({ place, cluster, service, task, container, values, restarts }: FiguresProps) {
  const { text, zone } = useSettings();
  const t = text.container;
  const level = levelOf(place);
  const filled = (used: string, reserved: string, unit: "cpu" | "mebibytes"): ReactNode => {
    const [part, whole] = [values(used), values(reserved)];
    if (part === undefined) return "–";
    return (
      <>
        {whole ? formatPercent(part / whole) : formatUnit(part, unit)}
        {whole ? (
          <small>{text.common.of(formatUnit(part, unit), formatUnit(whole, unit))}</small>
        ) : null}
      </>
    );
  };
  const figures: [string, ReactNode][] = [];
  if (level === "task")
    figures.push([t.state, <RunStateText key="s" state={task ? taskState(task) : "gone"} />]);
  if (level === "container")
    figures.push([
      t.state,
      <RunStateText key="s" state={container ? containerState(container) : "gone"} />,
    ]);
  figures.push([t.cpu, filled("cpu", "cpur", "cpu")], [t.memory, filled("mem", "memr", "mebibytes")]);
  if (level === "cluster" && cluster)
    figures.push(
      [t.services, formatCount(cluster.activeServicesCount)],
      [t.tasksRunning, formatCount(cluster.runningTasksCount)],
      [t.tasksPending, formatCount(cluster.pendingTasksCount)],
      [t.instances, formatCount(cluster.registeredContainerInstancesCount)],
    );
  if (level === "service")
    figures.push(
      [t.runningOfDesired, service ? `${service.runningCount} / ${service.desiredCount}` : "–"],
      [t.tasksPending, service ? formatCount(service.pendingCount) : "–"],
      [t.deployments, service ? formatCount(service.deployments.length) : "–"],
    );
  figures.push([t.restarts, formatCount(restarts ?? 0)]);
  if (level === "task" || level === "container") {
    figures.push([t.started, <span key="t" className="m-figure-time">{formatTime(task?.startedAt, zone)}</span>]);
    if (task?.stoppedAt)
      figures.push([
        t.stopped,
        <span key="e" className="m-figure-time">
          {formatTime(task.stoppedAt, zone)}
          <small>{task.stoppedReason}</small>
        </span>,
      ]);
  }
  if (level === "task" && task)
    figures.push([
      t.definition,
      <span key="d" className="m-figure-time">
        {shortName(task.taskDefinitionArn)}
        <small>{task.containerInstanceArn ? shortName(task.containerInstanceArn) : ""}</small>
      </span>,
    ]);
  if (container)
    figures.push([
      t.image,
      <span key="i" className="m-figure-time">
        {container.image}
        <small className="m-mono">{container.runtimeId.slice(0, 12)}</small>
      </span>,
    ]);
  if (container?.exitCode !== undefined)
    figures.push([t.exitCode, <span key="x">{container.exitCode}<small>{container.reason}</small></span>]);
  return (
    <dl className="m-figures" data-testid="figures">
      {figures.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
