// Details of a node or an edge: numbers, charts over time, distribution, and the way on.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { Link, useNavigate } from "react-router";

import type { Insight } from "../../api/insight";
import { AlarmList } from "../../app/alarms-here";
import { chartWords } from "../../app/chart-words";
import { causeText } from "../../app/insight-words";
import { RunsIn } from "../../app/runs-in";
import { useSettings } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { nodeText } from "../../app/type-text";
import { useUrlState } from "../../app/url-state";
import { HistogramChart } from "../../components/histogram-chart";
import { InsightMark } from "../../components/insight-mark";
import { StateMark } from "../../components/state-mark";
import { isCanaryType } from "../../model/canary";
import { nodeScope } from "../../model/alarm";
import { narrowed } from "../../model/filter";
import { formatClock, formatCount, formatDuration, formatPercent, formatRate } from "../../model/format";
import {
  nodeSelector,
  selectorOfEdge,
  type MapEdge,
  type MapNode,
  type ServiceMap,
} from "../../model/graph";
import { withinGroup } from "../../model/group";
import { percentile, toBars } from "../../model/histogram";
import { share, type Outcome, type State } from "../../model/statistics";
import { analyticsPath, canaryPath, insightPath, tracesPath } from "../../path";
import { FailedLogs } from "./failed-logs";
import { PaneCharts } from "./pane-charts";

interface PaneProps {
  map: ServiceMap;
  node: MapNode | undefined;
  edge: MapEdge | undefined;
  minutes: number;
  group: string | undefined;
  /** Active insights of which this node is the root cause. */
  insights: readonly Insight[];
}

const states: readonly State[] = ["fault", "error", "throttle", "ok"];

export function Pane({ map, node, edge, minutes, group, insights }: PaneProps) {
  const { text } = useSettings();
  const subject = subjectOf(map, node, edge);
  if (!subject) return null;
  const { outcome, selector, histogram, note } = subject;
  return (
    <SpaceBetween size="l">
      <div>
        <Box color="text-body-secondary">
          {node ? nodeText(text, node) : text.map.edge}
        </Box>
        {note !== "" && <Box color="text-body-secondary">{text.map[note]}</Box>}
      </div>
      {insights.length > 0 && <Insights insights={insights} />}
      {node && <AlarmList scope={nodeScope(node)} />}
      {node && isCanaryType(node.type) && <CanaryLink name={node.name} />}
      {node && node.kind !== "client" && <RunsIn name={node.name} type={node.type} />}
      <Numbers outcome={outcome} histogram={histogram} minutes={minutes} />
      <Narrowing selector={selector} outcome={outcome} histogram={histogram} group={group} />
      <PaneCharts selector={selector} group={group} />
    </SpaceBetween>
  );
}

function CanaryLink({ name }: { name: string }) {
  const { text } = useSettings();
  const { printed: range } = useTimeRange();
  return (
    <Link to={canaryPath(name, { range })} className="m-link" data-testid="view-canary">
      {text.canary.inTrace.view}
    </Link>
  );
}

function Insights({ insights }: { insights: readonly Insight[] }) {
  const { text, zone } = useSettings();
  const { printed: range } = useTimeRange();
  return (
    <ul className="m-notes" data-testid="node-insights" aria-label={text.insight.title}>
      {insights.map((insight) => (
        <li key={insight.InsightId} className="m-note m-note-insight">
          <InsightMark />
          <div>
            <div>{causeText(text, insight)}</div>
            <Link to={insightPath(insight.InsightId, { range })} className="m-link">
              {text.insight.since(insight.GroupName ?? "", formatClock(insight.StartTime, zone))}
            </Link>
          </div>
        </li>
      ))}
    </ul>
  );
}

function subjectOf(map: ServiceMap, node: MapNode | undefined, edge: MapEdge | undefined) {
  if (edge) {
    const selector = selectorOfEdge(map, edge);
    return selector
      ? {
          outcome: edge.outcome,
          selector,
          histogram: edge.histogram,
          note: edge.link ? ("linkNote" as const) : ("" as const),
        }
      : undefined;
  }
  if (!node) return undefined;
  // A client has no segments to select; its one edge stands for it.
  const call = node.kind === "client" ? map.edges.find((e) => e.source === node.id) : undefined;
  const selector = call ? selectorOfEdge(map, call) : nodeSelector(node);
  return {
    outcome: node.outcome,
    selector: selector ?? nodeSelector(node),
    histogram: call ? call.histogram : node.histogram,
    note: node.kind === "client" ? ("clientNote" as const) : ("" as const),
  };
}

function Numbers({
  outcome,
  histogram,
  minutes,
}: {
  outcome: Outcome;
  histogram: MapNode["histogram"];
  minutes: number;
}) {
  const { text } = useSettings();
  const items: [string, React.ReactNode][] = [
    [text.common.requests, formatCount(outcome.total)],
    [text.map.rate, formatRate(outcome.total / minutes)],
    [text.common.averageLatency, formatDuration(outcome.averageSeconds)],
    ["p50", formatDuration(percentile(histogram, 50))],
    ["p90", formatDuration(percentile(histogram, 90))],
    ["p99", formatDuration(percentile(histogram, 99))],
    ...(["ok", "error", "throttle", "fault"] as const).map((state): [string, React.ReactNode] => [
      text.state[state],
      <span key={state} className="m-state">
        <StateMark state={state} />
        {formatPercent(outcome.total > 0 ? share(outcome, state) : undefined)}
      </span>,
    ]),
  ];
  return (
    <dl className="m-stats" aria-label={text.map.summary}>
      {items.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Narrowing({
  selector,
  outcome,
  histogram,
  group,
}: {
  selector: string;
  outcome: Outcome;
  histogram: MapNode["histogram"];
  group: string | undefined;
}) {
  const { text } = useSettings();
  const url = useUrlState();
  const navigate = useNavigate();
  const { printed } = useTimeRange();
  const chosen = (url.get("only")?.split(",") ?? []).filter((s): s is State =>
    (states as readonly string[]).includes(s),
  );
  const [from, to] = (url.get("rt") ?? "").split("~").map(Number);
  const responseTime =
    from !== undefined && to !== undefined && to > from ? { from, to } : undefined;
  const filter = withinGroup(group, narrowed(selector, { states: chosen, responseTime }));
  const filtered = chosen.length > 0 || responseTime !== undefined;
  // What a person who clicks something red is after.
  const worst = (["fault", "error", "throttle"] as const).find((state) => outcome[state] > 0);
  return (
    <SpaceBetween size="s">
      <HistogramChart
        title={text.map.distribution}
        bars={toBars(histogram, 36)}
        format={formatDuration}
        range={responseTime}
        onRange={(range) =>
          url.set({ rt: range && `${range.from.toPrecision(4)}~${range.to.toPrecision(4)}` })
        }
        words={{
          ...chartWords(text),
          count: text.common.count,
          value: text.traces.columns.responseTime,
        }}
        action={
          responseTime ? (
            <Button variant="inline-link" onClick={() => url.set({ rt: undefined })}>
              {text.map.rangeChosen(
                formatDuration(responseTime.from),
                formatDuration(responseTime.to),
              )}{" "}
              ✕
            </Button>
          ) : (
            <span className="m-live-none">{text.common.dragToZoom}</span>
          )
        }
      />
      <div role="group" aria-label={text.map.outcomes} className="m-links">
        {states
          .filter((state) => outcome[state] > 0)
          .map((state) => (
            <Checkbox
              key={state}
              checked={chosen.includes(state)}
              onChange={({ detail }) => {
                const next = detail.checked
                  ? [...chosen, state]
                  : chosen.filter((s) => s !== state);
                url.set({ only: next.join(",") || undefined });
              }}
            >
              <span className="m-state">
                <StateMark state={state} />
                {text.state[state]} {formatCount(outcome[state])}
              </span>
            </Checkbox>
          ))}
      </div>
      <div className="m-links">
        <Button
          variant="primary"
          onClick={() => void navigate(tracesPath({ range: printed, filter }))}
        >
          {filtered ? text.map.viewFiltered : text.map.viewTraces}
        </Button>
        <Button onClick={() => void navigate(analyticsPath({ range: printed, filter }))}>
          {text.analytics.analyze}
        </Button>
        {worst && !filtered && (
          <Button
            data-testid="view-worst"
            onClick={() =>
              void navigate(
                tracesPath({
                  range: printed,
                  filter: withinGroup(group, narrowed(selector, { states: [worst] })),
                }),
              )
            }
          >
            {text.map.viewOutcome(text.state[worst], formatCount(outcome[worst]))}
          </Button>
        )}
      </div>
      {worst && <FailedLogs filter={withinGroup(group, narrowed(selector, { states: [worst] }))} />}
    </SpaceBetween>
  );
}
