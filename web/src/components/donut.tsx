// Shares of a small whole as a ring; the legend beside it has the numbers, and chooses.

export interface DonutPart {
  key: string;
  name: string;
  value: number;
  /** Class that gives the ring its colour. */
  className: string;
  mark: React.ReactNode;
}

interface DonutProps {
  title: string;
  parts: readonly DonutPart[];
  /** Below the number in the middle. */
  unit: string;
  chosen: string | undefined;
  chooseLabel: (name: string) => string;
  onChoose: (key: string | undefined) => void;
}

const size = 116;
const width = 14;
const radius = (size - width) / 2;
const round = 2 * Math.PI * radius;
/** Between parts, so that they differ by more than their colour. */
const gap = 2;

export function Donut({ title, parts, unit, chosen, chooseLabel, onChoose }: DonutProps) {
  const total = parts.reduce((sum, part) => sum + part.value, 0);
  const shown = parts.filter((part) => part.value > 0);
  let done = 0;
  return (
    <figure className="m-donut">
      <svg width={size} height={size} role="img" aria-label={title}>
        <circle className="m-donut-none" cx={size / 2} cy={size / 2} r={radius} strokeWidth={width} />
        {shown.map((part) => {
          const length = (part.value / total) * round;
          const offset = -done;
          done += length;
          return (
            <circle
              key={part.key}
              className={part.className}
              cx={size / 2}
              cy={size / 2}
              r={radius}
              fill="none"
              strokeWidth={width}
              strokeDasharray={`${Math.max(1, shown.length > 1 ? length - gap : length)} ${round}`}
              strokeDashoffset={offset}
              transform={`rotate(-90 ${size / 2} ${size / 2})`}
            />
          );
        })}
        <text x={size / 2} y={size / 2 + 4} className="m-donut-number">
          {total}
        </text>
        <text x={size / 2} y={size / 2 + 20} className="m-donut-unit">
          {unit}
        </text>
      </svg>
      <ul className="m-donut-legend">
        {parts.map((part) => (
          <li key={part.key}>
            <button
              type="button"
              aria-pressed={chosen === part.key}
              aria-label={`${chooseLabel(part.name)} (${part.value})`}
              disabled={part.value === 0 && chosen !== part.key}
              onClick={() => onChoose(chosen === part.key ? undefined : part.key)}
            >
              {part.mark}
              <span>{part.name}</span>
              <b>{part.value}</b>
            </button>
          </li>
        ))}
      </ul>
    </figure>
  );
}
