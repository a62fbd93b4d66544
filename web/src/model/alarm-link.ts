// From what an alarm watches to the pages that tell more of it: what its dimensions name.

import { isComposite, type Alarm } from "../api/alarm";
import { canaryPath, containersPath, logGroupPath, metricsPath, traceMapPath } from "../path";
import { bandComparisons, watchedMetrics, type WatchedMetric } from "./alarm";
import { containerInsights } from "./container";
import { printWidget, emptyWidget, toWidgetMetric, type WidgetMetric } from "./widget";

export type LinkKind = "metric" | "cluster" | "service" | "task" | "container" | "traceMap" | "canary" | "logs";

export interface AlarmLink {
  kind: LinkKind;
  name: string;
  path: string;
}

export const canaryNamespace = "CloudWatchSynthetics";

export function linksOf(alarm: Alarm, range: string | undefined): AlarmLink[] {
  if (isComposite(alarm)) return [];
  const links = watchedMetrics(alarm).flatMap((metric) => placeLinks(metric, range));
  const seen = new Set<string>();
  return [
    { kind: "metric" as const, name: "", path: metricsPath({ range, graph: graphOf(alarm) }) },
    ...links.filter(({ path }) => !seen.has(path) && seen.add(path)),
  ];
}

function placeLinks(metric: WatchedMetric, range: string | undefined): AlarmLink[] {
  const of = new Map(metric.dimensions.map((each) => [each.Name, each.Value]));
  const [cluster, service, task, container] = ["ClusterName", "ServiceName", "TaskId", "ContainerName"].map((name) =>
    of.get(name),
  );
  const links: AlarmLink[] = [];
  if (cluster) {
    const parameters = { range };
    if (task && container)
      links.push({ kind: "container", name: container, path: containersPath({ cluster, task, container }, parameters) });
    if (task) links.push({ kind: "task", name: task, path: containersPath({ cluster, task }, parameters) });
    if (service) links.push({ kind: "service", name: service, path: containersPath({ cluster, service }, parameters) });
    links.push({ kind: "cluster", name: cluster, path: containersPath({ cluster }, parameters) });
  }
  // Without a cluster, a service is one of the trace map.
  const traced = metric.namespace === containerInsights || cluster ? undefined : (service ?? of.get("Service"));
  if (traced)
    links.push({
      kind: "traceMap",
      name: traced,
      path: traceMapPath({ range, node: `${traced}|${of.get("ServiceType") ?? ""}` }),
    });
  const canary = of.get("CanaryName");
  if (canary && metric.namespace === canaryNamespace)
    links.push({ kind: "canary", name: canary, path: canaryPath(canary, { range }) });
  const group = of.get("LogGroupName");
  if (group) links.push({ kind: "logs", name: group, path: logGroupPath(group, { range }) });
  return links;
}

/** What it watches, as a widget of metrics; its limit is drawn beside it. */
export function graphOf(alarm: Exclude<Alarm, { AlarmRule: string }>): string {
  const single = watchedMetrics(alarm);
  const metrics: WidgetMetric[] = alarm.MetricName
    ? single.map((metric) => ({ ...ofMetric(metric), period: metric.period }))
    : (alarm.Metrics ?? []).map((query) => ({
        ...(query.MetricStat
          ? ofMetric({
              namespace: query.MetricStat.Metric.Namespace,
              name: query.MetricStat.Metric.MetricName,
              dimensions: query.MetricStat.Metric.Dimensions ?? [],
              stat: query.MetricStat.Stat,
              period: query.MetricStat.Period,
            })
          : { ...toWidgetMetric({ Namespace: "", MetricName: "" }), expression: query.Expression ?? "" }),
        id: query.Id,
        label: query.Label,
        visible: query.ReturnData !== false || query.Id === alarm.ThresholdMetricId,
      }));
  const hasLimit =
    alarm.Threshold !== undefined && !(alarm.ComparisonOperator && bandComparisons.has(alarm.ComparisonOperator));
  return JSON.stringify(
    printWidget({
      ...emptyWidget,
      title: alarm.AlarmName,
      metrics,
      ...(hasLimit ? { rest: { annotations: { horizontal: [{ value: alarm.Threshold }] } } } : {}),
    }),
  );
}

function ofMetric(metric: WatchedMetric): WidgetMetric {
  return {
    ...toWidgetMetric({
      Namespace: metric.namespace,
      MetricName: metric.name,
      Dimensions: [...metric.dimensions],
    }),
    stat: metric.stat,
  };
}
