// Shares of a whole, with their numbers beside them: a colour alone says nothing.

import { formatCount, formatPercent } from "../model/format";

export interface PieSlice {
  name: string;
  value: number;
  /** Which colour. */
  look: number;
}

const size = 180;
const radius = size / 2 - 2;
const at = (turn: number) => {
  const angle = turn * 2 * Math.PI - Math.PI / 2;
  return `${size / 2 + radius * Math.cos(angle)},${size / 2 + radius * Math.sin(angle)}`;
};

export function PieChart({ title, slices }: { title: string; slices: readonly PieSlice[] }) {
  const sum = slices.reduce((total, { value }) => total + Math.max(0, value), 0) || 1;
  let turn = 0;
  return (
    <figure className="m-pie">
      <svg width={size} height={size} role="img" aria-label={title}>
        {slices.map(({ name, value, look }) => {
          const from = turn;
          const part = Math.max(0, value) / sum;
          turn += part;
          if (part <= 0) return null;
          const style = { fill: `var(--m-series-${look % 10})` };
          const words = <title>{`${name}: ${formatCount(value)} (${formatPercent(part)})`}</title>;
          return part > 0.9999 ? (
            <circle key={name} cx={size / 2} cy={size / 2} r={radius} style={style}>
              {words}
            </circle>
          ) : (
            <path
              key={name}
              className="m-slice"
              style={style}
              d={`M${size / 2},${size / 2} L${at(from)} A${radius},${radius} 0 ${part > 0.5 ? 1 : 0} 1 ${at(turn)} Z`}
            >
              {words}
            </path>
          );
        })}
      </svg>
      <table className="m-pie-legend">
        <tbody>
          {slices.map(({ name, value, look }) => (
            <tr key={name}>
              <td>
                <span className="m-swatch" style={{ background: `var(--m-series-${look % 10})` }} />
              </td>
              <th scope="row">{name}</th>
              <td className="m-number-cell">{formatCount(value)}</td>
              <td className="m-number-cell">{formatPercent(Math.max(0, value) / sum)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}
