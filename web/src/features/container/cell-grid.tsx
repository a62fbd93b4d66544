// All containers at a glance: a cell for each, darker the fuller it is.

import { Link } from "react-router";

import { useText } from "../../app/settings";
import { runStateText } from "../../app/container-words";
import { formatPercent } from "../../model/format";
import { compareStates, fullness, shortId, type ContainerRow } from "../../model/container";
import { usePlacePath } from "./use-place-path";

export interface CellGroup {
  title: string;
  path: string;
  cluster: string;
  rows: readonly ContainerRow[];
}

export function CellGrid({ groups }: { groups: readonly CellGroup[] }) {
  const wide = groups.length === 1 || groups.some((group) => group.rows.length > 100);
  return (
    <div data-testid="cell-grid">
      <div className={wide ? "m-cells-groups m-cells-wide" : "m-cells-groups"}>
        {groups.map((group) => (
          <section key={group.path} className="m-cells-group">
            <h3>
              <Link to={group.path} className="m-link">
                {group.title}
              </Link>{" "}
              <span className="m-text-quiet">({group.rows.length})</span>
            </h3>
            <ul className="m-cells">
              {[...group.rows].sort(byNeed).map((row) => (
                <Cell key={row.key} row={row} cluster={group.cluster} />
              ))}
            </ul>
          </section>
        ))}
      </div>
    </div>
  );
}

/** Once for all grids of a page. */
export function CellLegend() {
  const t = useText().container;
  return (
    <div className="m-cells-legend">
      {([0, 1, 2, 3, 4] as const).map((step) => (
        <span key={step}>
          <span className={`m-cell m-cell-${step}`} aria-hidden="true" />
          {t.steps[step]}
        </span>
      ))}
      <span>
        <span className="m-cell m-cell-none m-cell-unhealthy" aria-hidden="true">
          !
        </span>
        {t.states.unhealthy}
      </span>
      <span>
        <span className="m-cell m-cell-off m-cell-failed" aria-hidden="true">
          ×
        </span>
        {t.states.failed}
      </span>
      <span>
        <span className="m-cell m-cell-off" aria-hidden="true" />
        {t.states.stopped}
      </span>
    </div>
  );
}

function byNeed(a: ContainerRow, b: ContainerRow): number {
  const fill = (row: ContainerRow) => Math.max(row.cpu ?? -1, row.memory ?? -1);
  return compareStates(a.state, b.state) || fill(b) - fill(a);
}

function Cell({ row, cluster }: { row: ContainerRow; cluster: string }) {
  const text = useText();
  const pathOf = usePlacePath();
  const t = text.container;
  const step = fullness(row);
  const off = row.state === "stopped" || row.state === "failed";
  const words = [
    `${row.name} (${shortId(row.task)})`,
    runStateText(text, row.state),
    `${t.cpu} ${formatPercent(row.cpu)}`,
    `${t.memory} ${formatPercent(row.memory)}`,
  ].join(", ");
  const look = [
    "m-cell",
    off ? "m-cell-off" : step === undefined ? "m-cell-none" : `m-cell-${step}`,
    `m-cell-${row.state}`,
  ].join(" ");
  return (
    <li>
      <Link
        className={look}
        to={pathOf({ cluster, task: row.task, container: row.name })}
        title={words}
        aria-label={words}
        data-testid="cell"
        data-state={row.state}
      >
        {row.state === "unhealthy" ? "!" : row.state === "failed" ? "×" : ""}
      </Link>
    </li>
  );
}
