import { Link } from "react-router";

import { useSettings } from "../../app/settings";
import { SideMark } from "../../app/side-mark";
import { useTimeRange } from "../../app/time-range";
import { segmentStateText } from "../../app/timeline-words";
import { StateMark } from "../../components/state-mark";
import { formatDuration, formatTimePrecise } from "../../model/format";
import { isInProgress } from "../../model/segment";
import type { Side } from "../../model/trace-compare";
import type { Waterfall } from "../../model/waterfall";
import { tracePath } from "../../path";

/** What was asked of one of the two, what came back, when, and how long it took. */
export function SideFacts({ side, waterfall }: { side: Side; waterfall: Waterfall }) {
  const { text, zone } = useSettings();
  const { printed } = useTimeRange();
  const { root, id } = waterfall;
  const http = root?.document.http;
  const state = root?.state ?? "ok";
  const request = http?.request?.url
    ? `${http.request.method ?? ""} ${http.request.url}`.trim()
    : (root?.document.name ?? id);
  const seconds =
    root && !isInProgress(root.document) ? root.interval.end - root.interval.start : undefined;
  return (
    <div
      role="group"
      aria-label={text.compare[side]}
      data-testid={`compare-${side}`}
      data-trace-id={id}
    >
      <h2 className="m-side-head">
        <SideMark side={side} />
        <span>{request}</span>
      </h2>
      <dl className="m-facts">
        <Fact name={text.trace.status}>
          <span className="m-state">
            <StateMark state={state} />
            {segmentStateText(text, state)}
            {http?.response?.status !== undefined && ` · ${http.response.status}`}
          </span>
        </Fact>
        <Fact name={text.trace.response}>{formatDuration(seconds)}</Fact>
        <Fact name={text.trace.start}>{formatTimePrecise(waterfall.start, zone)}</Fact>
        <Fact name={text.trace.id}>
          <Link
            className="m-link m-mono"
            to={tracePath(id, { range: printed })}
            title={text.compare.openTrace}
          >
            {id}
          </Link>
        </Fact>
      </dl>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className="m-fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
