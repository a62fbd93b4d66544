// Title, legend and the switch to a table of the same data, alike for all charts.

import Button from "@cloudscape-design/components/button";
import { useState, type ReactNode } from "react";

export interface ChartTable {
  /** How many columns at the start are words rather than numbers. */
  words?: number;
  columns: readonly string[];
  rows: readonly (readonly string[])[];
}

interface ChartFrameProps {
  title: string;
  showTable: string;
  showChart: string;
  legend?: ReactNode;
  action?: ReactNode;
  table: () => ChartTable;
  children: ReactNode;
}

export function ChartFrame({
  title,
  showTable,
  showChart,
  legend,
  action,
  table,
  children,
}: ChartFrameProps) {
  const [asTable, setAsTable] = useState(false);
  return (
    <figure className="m-chart">
      <div className="m-chart-head">
        <figcaption>{title}</figcaption>
        <span className="m-chart-tools">
          {action}
          <Button
            variant="inline-icon"
            iconName={asTable ? "view-full" : "list-view"}
            ariaLabel={`${title}: ${asTable ? showChart : showTable}`}
            onClick={() => setAsTable(!asTable)}
          />
        </span>
      </div>
      {asTable ? <DataTable title={title} data={table()} /> : children}
      {!asTable && legend && <div className="m-legend">{legend}</div>}
    </figure>
  );
}

function DataTable({ title, data }: { title: string; data: ChartTable }) {
  const kind = (column: number) => (column < (data.words ?? 1) ? "" : "m-chart-number");
  return (
    <div className="m-chart-table" tabIndex={0} role="region" aria-label={title}>
      <table>
        <thead>
          <tr>
            {data.columns.map((column, j) => (
              <th key={column} scope="col" className={kind(j)}>
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {data.rows.map((row, i) => (
            <tr key={i}>
              {row.map((cell, j) => (
                <td key={j} className={kind(j)}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function LegendItem({ mark, children }: { mark: ReactNode; children: ReactNode }) {
  return (
    <span className="m-legend-item">
      {mark}
      {children}
    </span>
  );
}
