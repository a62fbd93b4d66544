// Runs over time by their duration. A click chooses one, a drag a time; with the keyboard one goes from run to run.

import { useId, type KeyboardEvent } from "react";

import { linearTicks } from "../model/histogram";
import { ChartFrame, LegendItem } from "./chart-frame";
import { BottomAxis, timeScale, timeTicks, usePlot, ValueAxis } from "./plot";
import { usePartChoice } from "./use-part-choice";

export type RunMarkKind = "passed" | "failed" | "running";

export interface RunPoint {
  id: string;
  time: number;
  seconds: number;
  kind: RunMarkKind;
  /** Not of the schedule. */
  byHand: boolean;
}

interface RunScatterProps {
  title: string;
  /** The oldest first. */
  points: readonly RunPoint[];
  window: { start: number; end: number };
  selected: string | undefined;
  onSelect: (id: string) => void;
  onZoom: (start: number, end: number) => void;
  format: (seconds: number) => string;
  formatTime: (time: number) => string;
  describe: (point: RunPoint) => string;
  words: {
    showTable: string;
    showChart: string;
    help: string;
    nothing: string;
    time: string;
    result: string;
    duration: string;
    kinds: Record<RunMarkKind, string>;
    byHand: string;
  };
}

const margin = { left: 56, right: 12, top: 10, bottom: 20 };
const height = 170;
const kinds: readonly RunMarkKind[] = ["passed", "failed", "running"];
const near = 14;

export function RunScatter(props: RunScatterProps) {
  const { title, points, words, format, formatTime } = props;
  return (
    <ChartFrame
      title={title}
      showTable={words.showTable}
      showChart={words.showChart}
      table={() => ({
        columns: [words.time, words.result, words.duration],
        words: 2,
        rows: [...points]
          .reverse()
          .slice(0, 1000)
          .map((point) => [formatTime(point.time), words.kinds[point.kind], format(point.seconds)]),
      })}
      legend={
        <>
          {kinds
            .filter((kind) => points.some((point) => point.kind === kind))
            .map((kind) => (
              <LegendItem key={kind} mark={<LegendMark kind={kind} byHand={false} />}>
                {words.kinds[kind]}
              </LegendItem>
            ))}
          {points.some((point) => point.byHand) && (
            <LegendItem mark={<LegendMark kind="passed" byHand />}>{words.byHand}</LegendItem>
          )}
        </>
      }
    >
      <Plane {...props} />
    </ChartFrame>
  );
}

function LegendMark({ kind, byHand }: { kind: RunMarkKind; byHand: boolean }) {
  return (
    <svg width="16" height="16" aria-hidden="true">
      <RunMark x={8} y={8} kind={kind} byHand={byHand} />
    </svg>
  );
}

function Plane(props: RunScatterProps) {
  const { title, points, window, selected, onSelect, onZoom, format, formatTime, describe, words } = props;
  const plot = usePlot(height, margin);
  const { area } = plot;
  const hint = useId();
  const longest = Math.max(0.01, ...points.map((point) => point.seconds));
  const ticks = linearTicks(0, longest * 1.08, 3);
  const top = Math.max(longest * 1.08, ticks.at(-1) ?? 0);
  const { x, time } = timeScale(window, area);
  const y = (seconds: number) => area.bottom - (seconds / top) * (area.bottom - area.top);
  const at = points.findIndex((point) => point.id === selected);
  const choice = usePartChoice({
    area,
    cells: { columns: Math.max(1, points.length), rows: 1 },
    applied: undefined,
    onChoose: (part) => onZoom(Math.floor(time(part.left)), Math.ceil(time(part.right))),
    onClear: () => undefined,
    onClick: (spot) => {
      const hit = points
        .map((point) => ({ point, d: Math.hypot(x(point.time) - spot.x, y(point.seconds) - spot.y) }))
        .reduce((a, b) => (b.d <= a.d ? b : a), { point: undefined as RunPoint | undefined, d: near });
      if (hit.point) onSelect(hit.point.id);
    },
  });
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey || points.length === 0) return;
    const last = points.length - 1;
    const next = {
      ArrowLeft: at < 0 ? last : Math.max(0, at - 1),
      ArrowRight: at < 0 ? last : Math.min(last, at + 1),
      Home: 0,
      End: last,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    onSelect(points[next]!.id);
  };
  const chosen = points[at];
  return (
    <div ref={plot.ref} className="m-plot">
      <svg
        width={plot.width}
        height={plot.height}
        tabIndex={0}
        role="slider"
        aria-label={title}
        aria-describedby={hint}
        aria-valuemin={1}
        aria-valuemax={Math.max(1, points.length)}
        aria-valuenow={at < 0 ? 1 : at + 1}
        aria-valuetext={chosen ? describe(chosen) : words.nothing}
        data-testid="run-chart"
        {...choice.handlers}
        onKeyDown={onKeyDown}
      >
        <ValueAxis plot={plot} ticks={ticks} y={y} format={format} />
        <BottomAxis
          plot={plot}
          ticks={timeTicks(window, area.right - area.left)}
          x={x}
          format={formatTime}
        />
        {chosen && (
          <line
            x1={x(chosen.time)}
            x2={x(chosen.time)}
            y1={area.top}
            y2={area.bottom}
            className="m-cursor"
          />
        )}
        {points.map((point) => (
          <g key={point.id} data-run={point.id} className="m-run-point">
            <title>{describe(point)}</title>
            <RunMark x={x(point.time)} y={y(point.seconds)} kind={point.kind} byHand={point.byHand} />
          </g>
        ))}
        {chosen && (
          <circle cx={x(chosen.time)} cy={y(chosen.seconds)} r="9" className="m-run-chosen" />
        )}
        {choice.shown && (
          <rect
            x={choice.shown.left}
            width={Math.max(2, choice.shown.right - choice.shown.left)}
            y={choice.shown.top}
            height={Math.max(2, choice.shown.bottom - choice.shown.top)}
            className="m-brush"
          />
        )}
      </svg>
      <div id={hint} className="m-plot-hint">
        {words.help}
      </div>
    </div>
  );
}

/** A dot for what went well, a cross for what failed, a ring for what goes on; a square around what was run by hand. */
function RunMark({ x, y, kind, byHand }: { x: number; y: number; kind: RunMarkKind; byHand: boolean }) {
  return (
    <>
      {kind === "failed" ? (
        <path
          d={`M${x - 4} ${y - 4}l8 8M${x + 4} ${y - 4}l-8 8`}
          className="m-stroke-fault"
          strokeWidth="2.4"
          fill="none"
        />
      ) : kind === "running" ? (
        <circle cx={x} cy={y} r="3.6" className="m-stroke-in-progress" strokeWidth="2" fill="none" />
      ) : (
        <circle cx={x} cy={y} r="3.4" className="m-fill-ok" />
      )}
      {byHand && (
        <rect x={x - 6.5} y={y - 6.5} width="13" height="13" className="m-run-by-hand" />
      )}
    </>
  );
}
