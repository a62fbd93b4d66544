// Time × value: single marks while there are few, counts per cell when there are many.
// A box on it chooses a part.

import { formatCount } from "../model/format";
import { scaleFor, ticksOf } from "../model/histogram";
import type { SegmentState } from "../model/segment";
import { ChartFrame, LegendItem } from "./chart-frame";
import {
  BottomAxis,
  PlotSurface,
  timeScale,
  timeTicks,
  usePlot,
  ValueAxis,
  type PlotWords,
  type Rectangle,
} from "./plot";

export interface HeatPoint {
  id: string;
  time: number;
  value: number;
  state: SegmentState;
}

export interface HeatBox {
  start: number;
  end: number;
  from: number;
  to: number;
}

interface HeatMapProps {
  title: string;
  points: readonly HeatPoint[];
  window: { start: number; end: number };
  format: (value: number) => string;
  formatTime: (time: number) => string;
  box: HeatBox | undefined;
  onBox: (box: HeatBox | undefined) => void;
  onPick: (id: string) => void;
  stateName: (state: SegmentState) => string;
  words: PlotWords & {
    showTable: string;
    showChart: string;
    time: string;
    state: string;
    value: string;
    count: string;
    help: string;
    fewToMany: string;
    withFailures: string;
  };
  height?: number;
}

const margin = { left: 52, right: 10, top: 8, bottom: 20 };
const manyPoints = 1500;
const keyCells = { columns: 30, rows: 8 };

export function HeatMap(props: HeatMapProps) {
  const { title, points, format, formatTime, stateName, words } = props;
  const states = (["ok", "error", "throttle", "fault"] as const).filter((s) =>
    points.some((p) => p.state === s),
  );
  return (
    <ChartFrame
      title={title}
      showTable={words.showTable}
      showChart={words.showChart}
      table={() => ({
        columns: [words.time, words.state, words.value],
        words: 2,
        rows: points
          .slice(0, 1000)
          .map((p) => [formatTime(p.time), stateName(p.state), format(p.value)]),
      })}
      legend={
        points.length > manyPoints ? (
          <CellLegend words={words} bad={states.some((state) => state !== "ok")} />
        ) : (
          states.map((state) => (
            <LegendItem
              key={state}
              mark={
                <svg width="12" height="12" aria-hidden="true">
                  <Mark x={6} y={6} state={state} />
                </svg>
              }
            >
              {stateName(state)}
            </LegendItem>
          ))
        )
      }
    >
      <Plane {...props} />
    </ChartFrame>
  );
}

/** What the cells mean that stand in the place of too many marks. */
function CellLegend({ words, bad }: { words: HeatMapProps["words"]; bad: boolean }) {
  return (
    <>
      <LegendItem
        mark={
          <svg width="32" height="12" aria-hidden="true">
            {[0.3, 0.65, 1].map((opacity, i) => (
              <rect
                key={opacity}
                x={i * 11}
                y="1"
                width="10"
                height="10"
                className="m-bar"
                fillOpacity={opacity}
              />
            ))}
          </svg>
        }
      >
        {words.fewToMany}
      </LegendItem>
      {bad && (
        <LegendItem
          mark={
            <svg width="12" height="12" aria-hidden="true">
              <rect x="1" y="1" width="10" height="10" className="m-bar" fillOpacity="0.5" />
              <rect x="3.5" y="3.5" width="5" height="5" className="m-fill-fault" />
            </svg>
          }
        >
          {words.withFailures}
        </LegendItem>
      )}
    </>
  );
}

function Plane({
  title,
  points,
  window,
  format,
  formatTime,
  box,
  onBox,
  onPick,
  words,
  height = 130,
}: HeatMapProps) {
  const plot = usePlot(height, margin);
  const { area } = plot;
  const scale = scaleFor(points.map((p) => p.value));
  const { x, time } = timeScale(window, area);
  const y = (v: number) => area.bottom - scale.at(v) * (area.bottom - area.top);
  const value = (py: number) =>
    scale.invert(Math.min(1, Math.max(0, (area.bottom - py) / (area.bottom - area.top))));
  const boxOf = (part: Rectangle): HeatBox => ({
    start: time(part.left),
    end: time(part.right),
    from: value(part.bottom),
    to: value(part.top),
  });
  const near = (at: { x: number; y: number }) => {
    const hit = points
      .map((p) => ({ p, d: Math.hypot(x(p.time) - at.x, y(p.value) - at.y) }))
      .reduce((a, b) => (b.d < a.d ? b : a), { p: undefined as HeatPoint | undefined, d: 9 });
    return hit.p;
  };
  return (
    <PlotSurface
      plot={plot}
      title={`${title}. ${words.help}`}
      words={words}
      cells={keyCells}
      applied={
        box && {
          left: Math.max(area.left, x(box.start)),
          right: Math.min(area.right, x(box.end)),
          top: y(box.to),
          bottom: y(box.from),
        }
      }
      describe={(part) => {
        const b = boxOf(part);
        const inside = points.filter(
          (p) => p.time >= b.start && p.time <= b.end && p.value >= b.from && p.value <= b.to,
        );
        const times = `${formatTime(b.start)} – ${formatTime(b.end)}`;
        const values = `${format(b.from)} – ${format(b.to)}`;
        return `${times}, ${values} (${words.count} ${formatCount(inside.length)})`;
      }}
      onChoose={(part) => onBox(boxOf(part))}
      onClear={() => onBox(undefined)}
      onClick={(at) => {
        const hit = near(at);
        if (hit) onPick(hit.id);
        else onBox(undefined);
      }}
    >
      <ValueAxis plot={plot} ticks={ticksOf(scale, 3)} y={y} format={format} />
      <BottomAxis
        plot={plot}
        ticks={timeTicks(window, area.right - area.left)}
        x={x}
        format={formatTime}
      />
      {points.length > manyPoints ? (
        <CountCells points={points} x={x} y={y} />
      ) : (
        points.map((p) => <Mark key={p.id} x={x(p.time)} y={y(p.value)} state={p.state} />)
      )}
    </PlotSurface>
  );
}

/** Dots for what went well; crosses and triangles for the rest, so form tells as colour does. */
function Mark({ x, y, state }: { x: number; y: number; state: SegmentState }) {
  const className = `m-point m-stroke-${state} m-fill-${state}`;
  switch (state) {
    case "fault":
      return (
        <path
          d={`M${x - 4} ${y - 4}l8 8M${x + 4} ${y - 4}l-8 8`}
          className={className}
          strokeWidth="2.2"
        />
      );
    case "error":
      return <path d={`M${x} ${y - 4.5}l4.5 8h-9z`} className={className} />;
    case "throttle":
      return <path d={`M${x} ${y - 5}l5 5-5 5-5-5z`} className={className} />;
    case "ok":
    case "in-progress":
      return <circle cx={x} cy={y} r="2.8" className={`${className} m-point-ok`} />;
  }
}

function CountCells({
  points,
  x,
  y,
}: {
  points: readonly HeatPoint[];
  x: (t: number) => number;
  y: (v: number) => number;
}) {
  const size = 8;
  const cells = new Map<string, { cx: number; cy: number; count: number; bad: number }>();
  for (const p of points) {
    const cx = Math.floor(x(p.time) / size);
    const cy = Math.floor(y(p.value) / size);
    const cell = cells.get(`${cx},${cy}`) ?? { cx, cy, count: 0, bad: 0 };
    cell.count += 1;
    if (p.state !== "ok") cell.bad += 1;
    cells.set(`${cx},${cy}`, cell);
  }
  const most = Math.max(...[...cells.values()].map((c) => c.count));
  return [...cells.values()].map((c) => (
    <g key={`${c.cx},${c.cy}`}>
      <rect
        x={c.cx * size}
        y={c.cy * size}
        width={size - 1}
        height={size - 1}
        className="m-bar"
        fillOpacity={0.25 + 0.75 * (c.count / most)}
      />
      {c.bad > 0 && (
        <rect
          x={c.cx * size + 2}
          y={c.cy * size + 2}
          width={size - 5}
          height={size - 5}
          className="m-fill-fault"
        />
      )}
    </g>
  ));
}
