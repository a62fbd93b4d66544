// From what is red to the line that says why: what the newest failed traces of a node or an edge logged.

import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo, useState } from "react";
import { Link } from "react-router";

import { useFailedLines } from "../../api/hook";
import { ErrorState } from "../../app/error-state";
import { useSettings } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { LogMessage } from "../../components/log-message";
import { PageLoading } from "../../components/page-loading";
import { formatCount, formatTimeMillis } from "../../model/format";
import { tracesOf } from "../../model/log";
import { printLogPlace } from "../../model/log-place";
import { reasonsOf, traceLogQuery } from "../../model/trace-log";
import { logQueryPath, tracePath } from "../../path";

export function FailedLogs({ filter }: { filter: string }) {
  const { text } = useSettings();
  const [asked, setAsked] = useState(false);
  if (!asked)
    return (
      <div>
        <Button iconName="file" onClick={() => setAsked(true)} data-testid="failed-logs">
          {text.map.failedLogs}
        </Button>
      </div>
    );
  return <Reasons filter={filter} />;
}

const most = 10;

function Reasons({ filter }: { filter: string }) {
  const { text, zone } = useSettings();
  const t = text.map;
  const { window, printed: range } = useTimeRange();
  const found = useFailedLines(filter, window);
  const { traces = [], lines = [] } = found.data ?? {};
  const reasons = useMemo(() => reasonsOf(lines), [lines]);
  if (found.error) return <ErrorState error={found.error} onRetry={() => void found.refetch()} />;
  if (found.isPending) return <PageLoading label={text.common.loading} rows={2} />;
  return (
    <section aria-label={t.failedLogs} data-testid="failed-reasons">
      <SpaceBetween size="xs">
        <div className="m-chart-head">
          <strong>{t.failedLogs}</strong>
          {traces.length > 0 && (
            <Link className="m-link" to={logQueryPath({ range, query: traceLogQuery(traces, 1000, "desc") })}>
              {text.log.openQuery}
            </Link>
          )}
        </div>
        {reasons.length === 0 ? (
          <div className="m-text-quiet">{t.noFailedLogs(traces.length)}</div>
        ) : (
          <ul className="m-reasons">
            {reasons.slice(0, most).map(({ line, count, level }) => {
              const trace = tracesOf(line.message).find((id) => traces.includes(id)) ?? traces[0]!;
              return (
                <li key={line.message} className={`m-log-${level}`}>
                  <Link
                    to={tracePath(trace, { range, tab: "logs", line: printLogPlace(line) })}
                    className="m-reason"
                    data-testid="failed-reason"
                  >
                    <span className="m-log-message">
                      <LogMessage message={line.message} />
                    </span>
                    <span className="m-text-quiet">
                      {`${t.times(count)} · ${line.group} · ${formatTimeMillis(line.timestamp, zone)}`}
                    </span>
                  </Link>
                </li>
              );
            })}
          </ul>
        )}
        {traces.length > 0 && <div className="m-live-none">{t.ofTraces(formatCount(traces.length))}</div>}
      </SpaceBetween>
    </section>
  );
}
