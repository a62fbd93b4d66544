// Time × value: single marks while there are few, counts per cell when there are many.
// A box drawn on it chooses a part.

import { scaleFor, ticksOf } from "../model/histogram";
import type { SegmentState } from "../model/segment";
import { ChartFrame, LegendItem } from "./chart-frame";
import { axis } from "./histogram-chart";
import { timeTicks } from "./metric-chart";
import { useDrag } from "./use-drag";
import { useWidth } from "./use-width";

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
  words: {
    showTable: string;
    showChart: string;
    time: string;
    value: string;
    help: string;
    fewToMany: string;
    withFailures: string;
  };
  height?: number;
}

const margin = { left: 52, right: 10, top: 8, bottom: 20 };
const manyPoints = 1500;

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
        columns: [words.time, words.value, ""],
        rows: points
          .slice(0, 1000)
          .map((p) => [formatTime(p.time), format(p.value), stateName(p.state)]),
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
  const [ref, width] = useWidth<HTMLDivElement>();
  const inner = width - margin.left - margin.right;
  const floor = height - margin.bottom;
  const span = Math.max(1, window.end - window.start);
  const scale = scaleFor(points.map((p) => p.value));
  const x = (t: number) => margin.left + ((t - window.start) / span) * inner;
  const y = (v: number) => floor - scale.at(v) * (floor - margin.top);
  const time = (px: number) =>
    window.start + Math.min(1, Math.max(0, (px - margin.left) / inner)) * span;
  const value = (py: number) =>
    scale.invert(Math.min(1, Math.max(0, (floor - py) / (floor - margin.top))));
  const near = (at: { x: number; y: number }) => {
    const hit = points
      .map((p) => ({ p, d: Math.hypot(x(p.time) - at.x, y(p.value) - at.y) }))
      .reduce((a, b) => (b.d < a.d ? b : a), { p: undefined as HeatPoint | undefined, d: 9 });
    return hit.p;
  };
  const { drag, handlers } = useDrag(
    (d) => {
      const [start, end] = [time(d.from.x), time(d.to.x)].sort((a, b) => a - b);
      const [from, to] = [value(d.from.y), value(d.to.y)].sort((a, b) => a - b);
      onBox({ start: start!, end: end!, from: from!, to: to! });
    },
    (at) => {
      const hit = near(at);
      if (hit) onPick(hit.id);
      else onBox(undefined);
    },
  );
  return (
    <div ref={ref} className="m-plot">
      <svg
        width={width}
        height={height}
        role="img"
        aria-label={`${title}. ${words.help}`}
        tabIndex={0}
        {...handlers}
        onKeyDown={(event) => event.key === "Escape" && onBox(undefined)}
      >
        {ticksOf(scale, 3).map((tick) => (
          <g key={tick}>
            <line
              x1={margin.left}
              x2={width - margin.right}
              y1={y(tick)}
              y2={y(tick)}
              className="m-grid"
            />
            <text x={margin.left - 6} y={y(tick) + 4} textAnchor="end" className="m-axis">
              {format(tick)}
            </text>
          </g>
        ))}
        {axis(timeTicks(window, inner), x)
          .filter((tick) => x(tick) < width - 16)
          .map((tick) => (
            <text key={tick} x={x(tick)} y={height - 4} textAnchor="middle" className="m-axis">
              {formatTime(tick)}
            </text>
          ))}
        {points.length > manyPoints ? (
          <Cells points={points} x={x} y={y} />
        ) : (
          points.map((p) => <Mark key={p.id} x={x(p.time)} y={y(p.value)} state={p.state} />)
        )}
        {box && !drag && (
          <rect
            x={x(box.start)}
            width={Math.max(2, x(box.end) - x(box.start))}
            y={y(box.to)}
            height={Math.max(2, y(box.from) - y(box.to))}
            className="m-brush"
          />
        )}
        {drag && (
          <rect
            x={Math.min(drag.from.x, drag.to.x)}
            width={Math.abs(drag.to.x - drag.from.x)}
            y={Math.min(drag.from.y, drag.to.y)}
            height={Math.abs(drag.to.y - drag.from.y)}
            className="m-brush"
          />
        )}
      </svg>
    </div>
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

function Cells({
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
