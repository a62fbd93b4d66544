// The head of a trace: what was asked, what came back, how long it took.

import type { ReactNode } from "react";
import Container from "@cloudscape-design/components/container";
import { Link } from "react-router";

import { useSettings } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { CopyButton } from "../../components/copy-button";
import { StateMark } from "../../components/state-mark";
import { canaryOfSegment } from "../../model/canary";
import { formatAge, formatCount, formatDuration, formatTimePrecise } from "../../model/format";
import { isInProgress } from "../../model/segment";
import type { Waterfall } from "../../model/waterfall";
import { segmentStateText } from "../../app/timeline-words";
import { canaryPath } from "../../path";

export function Facts({ waterfall }: { waterfall: Waterfall }) {
  const { text, zone, language } = useSettings();
  const { now, printed: range } = useTimeRange();
  const canary = waterfall.documents.map(canaryOfSegment).find((found) => found !== undefined);
  const root = waterfall.root;
  const http = root?.document.http;
  const seconds =
    root && !isInProgress(root.document) ? root.interval.end - root.interval.start : undefined;
  const request = http?.request?.url
    ? `${http.request.method ?? ""} ${http.request.url}`.trim()
    : (root?.document.name ?? waterfall.id);
  const t = text.trace;
  const swallowed =
    root?.state === "ok" && waterfall.firstFailure ? waterfall.firstFailure.state : undefined;
  const facts: [string, ReactNode][] = [
    [
      t.status,
      <span key="s" className="m-state">
        <StateMark state={root?.state ?? "ok"} />
        {segmentStateText(text, root?.state ?? "ok")}
        {http?.response?.status !== undefined && ` · ${http.response.status}`}
        {swallowed && (
          <span className={`m-below m-text-${swallowed}`}>
            <StateMark state={swallowed} size={13} />
            {text.state.below(segmentStateText(text, swallowed))}
          </span>
        )}
      </span>,
    ],
    [t.response, formatDuration(seconds)],
    [
      t.duration,
      waterfall.inProgress
        ? `${formatDuration(waterfall.end - waterfall.start)} · ${t.inProgress}`
        : formatDuration(waterfall.end - waterfall.start),
    ],
    [
      t.start,
      <span key="t" title={formatTimePrecise(waterfall.start, zone === "utc" ? "local" : "utc")}>
        {formatTimePrecise(waterfall.start, zone)}
      </span>,
    ],
    [t.age, formatAge(Math.max(0, now - waterfall.start), language)],
    [t.segments, formatCount(waterfall.segmentCount)],
    ...(canary
      ? [
          [
            text.canary.inTrace.run,
            <Link key="c" className="m-link" to={canaryPath(canary.name, { range, run: canary.run })} data-testid="trace-canary">
              {canary.name}
            </Link>,
          ] satisfies [string, ReactNode],
        ]
      : []),
    [
      t.id,
      <span key="i">
        <span className="m-mono">{waterfall.id}</span>{" "}
        <CopyButton
          iconOnly
          label={t.copyId}
          done={text.common.copied}
          failed={text.common.copyFailed}
          value={() => waterfall.id}
        />
      </span>,
    ],
  ];
  return (
    <Container>
      <div className="m-request" data-testid="trace-request">
        {request}
      </div>
      <dl className="m-facts">
        {facts.map(([label, value]) => (
          <div key={label} className="m-fact">
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Container>
  );
}
