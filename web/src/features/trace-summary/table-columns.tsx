import type { TableProps } from "@cloudscape-design/components/table";
import type { ReactNode } from "react";
import { Link } from "react-router";

import type { TraceSummary } from "../../api/xray";
import { StateMark } from "../../components/state-mark";
import type { Catalogue } from "../../i18n/en";
import { formatDuration, formatTime, formatTimePrecise, type Zone } from "../../model/format";
import { statesByWeight } from "../../model/statistics";
import { annotationText, hiddenStateOf, stateOfSummary } from "../../model/trace-summary";
import { tracePath } from "../../path";

type Column = TableProps.ColumnDefinition<TraceSummary> & { id: string };

const byNumber =
  (value: (s: TraceSummary) => number | undefined) => (a: TraceSummary, b: TraceSummary) =>
    (value(a) ?? -1) - (value(b) ?? -1);
const byText =
  (value: (s: TraceSummary) => string | undefined) => (a: TraceSummary, b: TraceSummary) =>
    (value(a) ?? "").localeCompare(value(b) ?? "");

const number = (content: ReactNode) => <span className="m-number-cell">{content}</span>;

export function traceColumns(text: Catalogue, zone: Zone, range: string | undefined): Column[] {
  const t = text.traces.columns;
  const users = (s: TraceSummary) => (s.Users ?? []).map((u) => u.UserName ?? "").join(", ");
  const annotations = (s: TraceSummary) =>
    Object.entries(s.Annotations ?? {})
      .map(
        ([key, list]) => `${key}=${list.map((v) => annotationText(v.AnnotationValue)).join("|")}`,
      )
      .join(" ");
  const weight = (s: TraceSummary) => -statesByWeight.indexOf(stateOfSummary(s));
  return [
    {
      id: "responseTime",
      header: number(t.responseTime),
      cell: (s) => number(formatDuration(s.ResponseTime)),
      sortingComparator: byNumber((s) => s.ResponseTime),
      width: 155,
    },
    {
      id: "state",
      header: t.state,
      cell: (s) => <Status summary={s} text={text} />,
      sortingComparator: byNumber(weight),
      width: 205,
    },
    {
      id: "method",
      header: t.method,
      cell: (s) => s.Http?.HttpMethod ?? "–",
      sortingComparator: byText((s) => s.Http?.HttpMethod),
      width: 115,
    },
    {
      id: "url",
      header: t.url,
      cell: (s) => (
        <Link
          to={tracePath(s.Id, { range })}
          className="m-link"
          title={s.Http?.HttpURL}
          data-testid="trace-row"
          data-trace-id={s.Id}
          data-state={stateOfSummary(s)}
        >
          {s.Http?.HttpURL ?? s.EntryPoint?.Name ?? s.Id}
        </Link>
      ),
      sortingComparator: byText((s) => s.Http?.HttpURL),
      isRowHeader: true,
      width: 235,
    },
    {
      id: "httpStatus",
      header: number(t.httpStatus),
      cell: (s) => number(s.Http?.HttpStatus ?? "–"),
      sortingComparator: byNumber((s) => s.Http?.HttpStatus),
      width: 90,
    },
    {
      id: "entry",
      header: t.entry,
      cell: (s) => s.EntryPoint?.Name ?? "–",
      sortingComparator: byText((s) => s.EntryPoint?.Name),
      width: 150,
    },
    {
      id: "start",
      header: t.start,
      cell: (s) => (
        <span className="m-number" title={formatTimePrecise(s.StartTime, zone)}>
          {formatTime(s.StartTime, zone)}
        </span>
      ),
      sortingComparator: byNumber((s) => s.StartTime),
      width: 180,
    },
    {
      id: "duration",
      header: number(t.duration),
      cell: (s) => number(formatDuration(s.Duration)),
      sortingComparator: byNumber((s) => s.Duration),
      width: 120,
    },
    {
      id: "id",
      header: t.id,
      cell: (s) => (
        <Link to={tracePath(s.Id, { range })} className="m-link m-mono">
          {s.Id}
        </Link>
      ),
      sortingComparator: byText((s) => s.Id),
      width: 320,
    },
    { id: "user", header: t.user, cell: users, sortingComparator: byText(users), width: 140 },
    {
      id: "annotations",
      header: t.annotations,
      cell: (s) => <span className="m-mono">{annotations(s)}</span>,
      sortingComparator: byText(annotations),
      width: 240,
    },
  ];
}

/** All flags of the trace: a fault does not hide that something was throttled too. */
function Status({ summary, text }: { summary: TraceSummary; text: Catalogue }) {
  const state = stateOfSummary(summary);
  const also = [
    summary.HasThrottle && state !== "throttle" ? ("throttle" as const) : undefined,
    summary.HasError && state !== "error" ? ("error" as const) : undefined,
  ].filter((s) => s !== undefined);
  const hidden = hiddenStateOf(summary);
  return (
    <span className="m-state">
      <StateMark state={state} />
      {text.state[state]}
      {hidden && (
        <span className={`m-below m-text-${hidden}`}>
          <StateMark state={hidden} size={13} />
          {text.state.below(text.state[hidden])}
        </span>
      )}
      {also.map((s) => (
        <StateMark key={s} state={s} label={text.state[s]} size={13} />
      ))}
      {summary.IsPartial && <span className="m-tag">{text.traces.partial}</span>}
    </span>
  );
}
