import { formatPercent } from "../model/format";

/** How much of what is reserved is used: a bar, and the number that says the same. */
export function FillBar({ share }: { share: number | undefined }) {
  const kind = share === undefined ? "" : share >= 0.9 ? "m-fill-full" : share >= 0.8 ? "m-fill-high" : "";
  return (
    <span className="m-fill-cell">
      <span className="m-fill-bar" aria-hidden="true">
        <span
          className={`m-fill-part ${kind}`}
          style={{ width: `${Math.min(100, Math.max(0, (share ?? 0) * 100))}%` }}
        />
      </span>
      <span className="m-number-cell">{formatPercent(share)}</span>
    </span>
  );
}

/** A small line without axes: whether it goes up or down, no more. */
export function Sparkline({
  values,
  label,
  width = 72,
}: {
  values: readonly number[];
  label: string;
  width?: number;
}) {
  if (values.length < 2) return null;
  const height = 20;
  const top = Math.max(...values, 1e-9);
  const points = values.map(
    (value, i) =>
      `${((i / (values.length - 1)) * width).toFixed(1)},${(height - 1 - (value / top) * (height - 2)).toFixed(1)}`,
  );
  return (
    <svg width={width} height={height} className="m-spark" role="img" aria-label={label}>
      <polyline points={points.join(" ")} />
    </svg>
  );
}
