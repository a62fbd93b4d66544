// Two timelines whose rulers are the same: time since the start of each trace.

import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import { useMemo, useState } from "react";
import { Link } from "react-router";

import { chartWords } from "../../app/chart-words";
import { EntityName } from "../../app/entity-name";
import { useText } from "../../app/settings";
import { SideMark } from "../../app/side-mark";
import { useTimeRange } from "../../app/time-range";
import { useTimelineWords } from "../../app/timeline-words";
import { Timeline } from "../../components/timeline";
import { entityKind } from "../../model/critical-path";
import { formatDuration, formatDurationChange } from "../../model/format";
import type { EntityPair, Side } from "../../model/trace-compare";
import { visibleRows, type Waterfall } from "../../model/waterfall";
import { tracePath } from "../../path";

interface TimelinePairProps {
  a: Waterfall;
  b: Waterfall;
  pairs: readonly EntityPair[];
  pair: EntityPair | undefined;
  onChoose: (pair: EntityPair | undefined) => void;
}

/** Seconds since the start of both traces. */
interface Part {
  from: number;
  to: number;
}

export function TimelinePair({ a, b, pairs, pair, onChoose }: TimelinePairProps) {
  const text = useText();
  const [zoom, setZoom] = useState<Part | undefined>(undefined);
  const part = zoom ?? { from: 0, to: Math.max(a.end - a.start, b.end - b.start, 1e-6) };
  const one = (side: Side, waterfall: Waterfall) => (
    <SideTimeline
      side={side}
      waterfall={waterfall}
      part={part}
      onPart={setZoom}
      selected={pair?.[side]?.key}
      onSelect={(key) => onChoose(pairs.find((p) => p[side]?.key === key))}
    />
  );
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={text.trace.pale}
          actions={
            <Button disabled={!zoom} onClick={() => setZoom(undefined)}>
              {text.trace.resetZoom}
            </Button>
          }
        >
          {text.compare.timelines}
        </Header>
      }
    >
      <div className="m-compare-line" role="status">
        {pair ? (
          <PairLine a={a} b={b} pair={pair} />
        ) : (
          <span className="m-live-none">{text.compare.timelineHelp}</span>
        )}
      </div>
      <div className="m-compare">
        {one("a", a)}
        {one("b", b)}
      </div>
    </Container>
  );
}

function SideTimeline({
  side,
  waterfall,
  part,
  onPart,
  selected,
  onSelect,
}: {
  side: Side;
  waterfall: Waterfall;
  part: Part;
  onPart: (part: Part | undefined) => void;
  selected: string | undefined;
  onSelect: (key: string) => void;
}) {
  const text = useText();
  const words = useTimelineWords();
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(new Set());
  const rows = useMemo(() => visibleRows(waterfall, collapsed), [waterfall, collapsed]);
  const { start } = waterfall;
  return (
    <section aria-label={text.compare[side]} data-testid={`timeline-${side}`}>
      <h3 className="m-side-head m-side-head-small">
        <SideMark side={side} />
        {formatDuration(waterfall.end - start)}
      </h3>
      <Timeline
        compact
        waterfall={waterfall}
        rows={rows}
        collapsed={collapsed}
        onToggle={(key, open) =>
          setCollapsed((old) => {
            const next = new Set(old);
            if (open ?? old.has(key)) next.delete(key);
            else next.add(key);
            return next;
          })
        }
        selected={selected}
        onSelect={onSelect}
        zoom={{ start: start + part.from, end: start + part.to }}
        onZoom={(zoom) => onPart(zoom && { from: zoom.start - start, to: zoom.end - start })}
        found={undefined}
        words={{
          ...words,
          label: `${text.compare[side]}. ${text.trace.timelineLabel}`,
          name: text.trace.name,
          status: text.trace.state,
          code: text.trace.code,
          duration: text.trace.duration,
          ruler: text.trace.ruler,
          rulerHelp: text.trace.rulerHelp,
          choice: chartWords(text),
        }}
      />
    </section>
  );
}

/** The chosen entity in both traces, and the way to it in each. */
function PairLine({ a, b, pair }: { a: Waterfall; b: Waterfall; pair: EntityPair }) {
  const text = useText();
  const { printed } = useTimeRange();
  const t = text.compare;
  const side = (which: Side, waterfall: Waterfall, seconds: number | undefined) => {
    const node = pair[which];
    return (
      <span className="m-state">
        <SideMark side={which} />
        {node ? (
          <>
            {formatDuration(seconds)}
            <Link
              className="m-link"
              to={tracePath(waterfall.id, { range: printed, segment: node.key })}
            >
              {t.openTrace}
            </Link>
          </>
        ) : (
          "–"
        )}
      </span>
    );
  };
  return (
    <span className="m-links">
      <EntityName entity={{ ...pair, kind: entityKind((pair.a ?? pair.b)!) }} />
      {side("a", a, pair.aSeconds)}
      {side("b", b, pair.bSeconds)}
      <b className="m-number">
        {pair.a && pair.b
          ? formatDurationChange(pair.difference)
          : pair.a
            ? t.onlyA
            : t.onlyB}
      </b>
    </span>
  );
}
