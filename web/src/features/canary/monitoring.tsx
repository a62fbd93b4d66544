// What a canary measured, in the page's time range.

import Container from "@cloudscape-design/components/container";
import { Link } from "react-router";

import type { Canary } from "../../api/canary";
import { useCanarySteps } from "../../api/canary-hook";
import { MetricGraph } from "../../app/metric-graph";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { canaryNamespace } from "../../model/canary";
import { secondsBetween } from "../../model/canary-schedule";
import { automaticPeriod, emptyWidget, printWidget, type MetricWidget, type WidgetMetric } from "../../model/widget";
import { metricsPath } from "../../path";

function metric(canary: string, name: string, stat: string, label: string, step?: string): WidgetMetric {
  return {
    id: undefined,
    expression: undefined,
    namespace: canaryNamespace,
    name,
    dimensions: [["CanaryName", canary], ...(step ? [["StepName", step] as const] : [])],
    label,
    stat,
    period: undefined,
    visible: true,
    color: undefined,
    right: false,
    rest: {},
  };
}

/** More lines than that say nothing. */
const mostSteps = 10;

export function Monitoring({ canary: { Name: name, Schedule } }: { canary: Canary }) {
  const text = useText();
  const t = text.canary.monitoring;
  const { window, now, setRange, printed: range } = useTimeRange();
  const steps = (useCanarySteps(name).data ?? []).slice(0, mostSteps);
  // In shorter periods than those of its schedule, each run would stand alone: dots instead of a line.
  const period = Math.max(automaticPeriod(window, now), secondsBetween(Schedule?.Expression) ?? 60);
  const widget = (title: string, metrics: WidgetMetric[]): MetricWidget => ({ ...emptyWidget, title, metrics, period });
  const names = text.canary.run.requests.names;
  const widgets = [
    widget(`${t.charts.success} (%)`, [metric(name, "SuccessPercent", "Average", t.charts.success)]),
    widget(`${t.charts.duration} (ms)`, [
      metric(name, "Duration", "Average", text.common.averageLatency),
      metric(name, "Duration", "p90", "p90"),
    ]),
    widget(
      t.charts.answers,
      (["2xx", "4xx", "5xx"] as const).map((kind) => metric(name, kind, "Sum", names[kind])),
    ),
    widget(t.charts.failed, [
      metric(name, "Failed", "Sum", t.series.failed),
      metric(name, "Failed requests", "Sum", t.series.failedRequests),
      metric(name, "RetryCount", "Sum", t.series.retries),
    ]),
    ...(steps.length > 0
      ? [
          widget(
            `${t.charts.steps} (ms)`,
            steps.map((step) => metric(name, "Duration", "Average", step, step)),
          ),
          widget(
            `${t.charts.stepSuccess} (%)`,
            steps.map((step) => metric(name, "SuccessPercent", "Average", step, step)),
          ),
        ]
      : []),
  ];
  return (
    <div className="m-charts">
      {widgets.map((each) => (
        <Container key={each.title}>
          <MetricGraph
            widget={each}
            window={window}
            now={now}
            height={180}
            onZoom={({ start, end }) => setRange({ kind: "absolute", start, end })}
            action={
              <Link
                className="m-link"
                to={metricsPath({ range, graph: JSON.stringify(printWidget(each)) })}
                aria-label={`${t.openInMetrics}: ${each.title}`}
              >
                {t.openInMetrics}
              </Link>
            }
          />
        </Container>
      ))}
    </div>
  );
}
