// A widget of metrics, drawn: what the page "Metrics" and dashboards show.

import Alert from "@cloudscape-design/components/alert";
import { useMemo, useState, type ReactNode } from "react";

import { useMetricData } from "../api/hook";
import { PageLoading } from "../components/page-loading";
import { SeriesChart } from "../components/series-chart";
import { formatClock, formatCount, formatTime } from "../model/format";
import type { Window } from "../model/time-range";
import { automaticPeriod, linesOf, queriesOf, type Line, type MetricWidget } from "../model/widget";
import { chartWords } from "./chart-words";
import { ErrorState } from "./error-state";
import { useSettings } from "./settings";

interface MetricGraphProps {
  widget: MetricWidget;
  window: Window;
  now: number;
  onZoom: (window: Window) => void;
  height?: number;
  action?: ReactNode;
  onCanvas?: (canvas: HTMLCanvasElement | null) => void;
  /** Tells what is drawn, for who wants to export it. */
  onLines?: (lines: readonly Line[]) => void;
}

export function MetricGraph(props: MetricGraphProps) {
  const { widget, window, now, onZoom, height, action, onCanvas, onLines } = props;
  const { text, zone, dark } = useSettings();
  const t = text.metric;
  const [cursor, setCursor] = useState<number | undefined>(undefined);
  const period = widget.period ?? automaticPeriod(window, now);
  const query = useMetricData(queriesOf(widget, period), window);
  const lines = useMemo(() => {
    const found = linesOf(widget, query.data ?? []);
    onLines?.(found);
    return found;
  }, [widget, query.data, onLines]);
  const messages = (query.data ?? []).flatMap((result) => result.Messages ?? []);
  if (widget.metrics.length === 0) return <div className="m-text-quiet">{t.nothingChosen}</div>;
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (query.isPending) return <PageLoading label={text.common.loading} rows={3} />;
  const title = widget.title ?? t.graph;
  return (
    <div>
      {messages.length > 0 && (
        <Alert type="warning">{[...new Set(messages.map((message) => message.Value))].join(" ")}</Alert>
      )}
      {widget.view === "timeSeries" ? (
        <SeriesChart
          title={title}
          lines={lines}
          period={Math.max(period, ...widget.metrics.map((metric) => metric.period ?? 0))}
          window={window}
          stacked={widget.stacked}
          format={formatCount}
          formatTime={(time) =>
            window.end - window.start > 86400 ? formatTime(time, zone).slice(5, 16) : formatClock(time, zone)
          }
          onZoom={(start, end) => {
            setCursor(undefined);
            onZoom({ start, end });
          }}
          words={{ ...chartWords(text), time: text.common.time }}
          cursor={cursor}
          onCursor={setCursor}
          dark={dark}
          {...(height === undefined ? {} : { height })}
          action={action}
          {...(onCanvas ? { onCanvas } : {})}
        />
      ) : (
        <Values title={title} widget={widget} lines={lines} action={action} />
      )}
    </div>
  );
}

/** The newest value of each line: as numbers, or as bars where they are to be compared. */
function Values({
  title,
  widget,
  lines,
  action,
}: {
  title: string;
  widget: MetricWidget;
  lines: readonly Line[];
  action: ReactNode;
}) {
  const values = lines.map((line) => ({ ...line, value: line.values.at(-1) }));
  const sum = values.reduce((total, { value }) => total + Math.max(0, value ?? 0), 0);
  const top = Math.max(1e-9, ...values.map(({ value }) => value ?? 0));
  const isCompared = widget.view === "bar" || widget.view === "pie";
  return (
    <figure className="m-chart">
      <div className="m-chart-head">
        <figcaption>{title}</figcaption>
        <span className="m-chart-tools">{action}</span>
      </div>
      {isCompared ? (
        <table className="m-values-table">
          <tbody>
            {values.map(({ key, name, value, look }) => (
              <tr key={key}>
                <th scope="row">{name}</th>
                <td className="m-values-bar">
                  <span
                    style={{
                      width: `${(Math.max(0, value ?? 0) / (widget.view === "pie" ? sum || 1 : top)) * 100}%`,
                      background: `var(--m-series-${look % 10})`,
                    }}
                  />
                </td>
                <td className="m-number-cell">
                  {formatCount(value)}
                  {widget.view === "pie" && sum > 0 && value !== undefined
                    ? ` (${Math.round((Math.max(0, value) / sum) * 100)}%)`
                    : ""}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <dl className="m-figures">
          {values.map(({ key, name, value }) => (
            <div key={key}>
              <dt>{name}</dt>
              <dd>{formatCount(value)}</dd>
            </div>
          ))}
        </dl>
      )}
    </figure>
  );
}
