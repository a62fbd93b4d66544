// What a query found: a table whose events open, or a chart of what it counted.

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { Fragment, useMemo, useState } from "react";
import { Link } from "react-router";

import { useLogRecord } from "../../api/hook";
import type { QueryAnswer, QueryInput } from "../../api/logs";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { useUrlState } from "../../app/url-state";
import { downloadText } from "../../components/clipboard";
import { CopyButton } from "../../components/copy-button";
import { JsonTree } from "../../components/json-tree";
import { LogMessage } from "../../components/log-message";
import { formatBytes, formatCount } from "../../model/format";
import { groupedBy } from "../../model/insights-query";
import { jsonOf, levelOf, tracesOf } from "../../model/log";
import { chartOf } from "../../model/log-chart";
import { printLogPlace } from "../../model/log-place";
import { parseQueryTime, toCsv, toJson, type Table } from "../../model/log-query";
import { logGroupPath, tracePath } from "../../path";
import { QueryChartView, type ChartKind } from "./query-chart";

interface QueryResultsProps {
  answer: QueryAnswer;
  table: Table;
  input: QueryInput;
}

export function QueryResults({ answer, table, input }: QueryResultsProps) {
  const text = useText();
  const t = text.log;
  const url = useUrlState();
  const { recordsMatched, recordsScanned, bytesScanned } = answer.statistics;
  const chart = useMemo(() => chartOf(table, groupedBy(input.queryString)), [table, input.queryString]);
  const kinds: (ChartKind | "table")[] = chart
    ? ["table", ...(chart.series ? (["line", "stacked"] as const) : []), "bar", "pie"]
    : ["table"];
  const wanted = url.get("view") ?? "table";
  const view = kinds.find((kind) => kind === wanted) ?? "table";
  return (
    <Container
      header={
        <Header
          variant="h2"
          counter={`(${formatCount(answer.results.length)})`}
          description={t.scanned(
            formatCount(recordsMatched),
            formatCount(recordsScanned),
            formatBytes(bytesScanned),
          )}
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              {kinds.length > 1 && (
                <SegmentedControl
                  label={t.view}
                  selectedId={view}
                  options={kinds.map((id) => ({ id, text: t.views[id] }))}
                  onChange={({ detail }) => url.set({ view: detail.selectedId })}
                />
              )}
              <ButtonDropdown
                items={[
                  { id: "csv", text: "CSV" },
                  { id: "json", text: "JSON" },
                ]}
                disabled={table.rows.length === 0}
                onItemClick={({ detail }) =>
                  detail.id === "csv"
                    ? downloadText("logs-insights.csv", toCsv(table), "text/csv")
                    : downloadText("logs-insights.json", toJson(table))
                }
              >
                {t.export}
              </ButtonDropdown>
            </SpaceBetween>
          }
        >
          {t.results}
        </Header>
      }
    >
      {answer.status === "Failed" ? (
        <Alert type="error">{t.failed}</Alert>
      ) : table.rows.length === 0 ? (
        <Box textAlign="center" padding="m" color="text-body-secondary">
          {t.noResults}
        </Box>
      ) : view !== "table" && chart ? (
        <QueryChartView chart={chart} kind={view} input={input} />
      ) : (
        <Rows key={answer.results.length} table={table} group={input.logGroupNames.length === 1 ? input.logGroupNames[0] : undefined} />
      )}
    </Container>
  );
}

const rowsAtOnce = 500;

/** As wide as it must be: lines of logs are long. */
function Rows({ table, group }: { table: Table; group: string | undefined }) {
  const text = useText();
  const t = text.log;
  const { printed: range } = useTimeRange();
  const [most, setMost] = useState(rowsAtOnce);
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const opens = table.pointers?.some((pointer) => pointer !== undefined) ?? false;
  const shown = table.rows.slice(0, most);
  const withTraces = shown.some((row) => row.some((cell) => cell !== undefined && tracesOf(cell).length > 0));
  const toggle = (i: number) => {
    const next = new Set(open);
    if (!next.delete(i)) next.add(i);
    setOpen(next);
  };
  return (
    <SpaceBetween size="xs">
      <div className="m-log-table" tabIndex={0} role="region" aria-label={t.results}>
        <table>
          <thead>
            <tr>
              {opens && (
                <th scope="col">
                  <span className="m-visually-hidden">{t.allFields}</span>
                </th>
              )}
              {table.columns.map((column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
              {withTraces && <th scope="col">{t.trace}</th>}
            </tr>
          </thead>
          <tbody>
            {shown.map((row, i) => {
              const pointer = table.pointers?.[i];
              const isOpen = open.has(i);
              const message = row[table.columns.indexOf("@message")];
              const level = message === undefined ? "other" : levelOf(message);
              return (
                <Fragment key={i}>
                  <tr data-testid="query-row" className={level === "other" ? "" : `m-query-row-${level}`}>
                    {opens && (
                      <td>
                        {pointer !== undefined && (
                          <button
                            type="button"
                            className="m-caret-button"
                            aria-expanded={isOpen}
                            aria-label={t.allFields}
                            onClick={() => toggle(i)}
                          >
                            <span className={`m-caret${isOpen ? " m-caret-open" : ""}`} />
                          </button>
                        )}
                      </td>
                    )}
                    {row.map((value, j) => (
                      <td key={j}>{value === undefined ? "–" : <LogMessage message={value} />}</td>
                    ))}
                    {withTraces && (
                      <td>
                        {[...new Set(row.flatMap((cell) => (cell === undefined ? [] : tracesOf(cell))))].slice(0, 3).map((trace) => (
                          <Link
                            key={trace}
                            className="m-link m-cell-link"
                            title={trace}
                            to={tracePath(trace, { range, tab: "logs", line: placeOf(table, row) })}
                          >
                            {t.trace}
                          </Link>
                        ))}
                      </td>
                    )}
                  </tr>
                  {isOpen && pointer !== undefined && (
                    <tr>
                      <td colSpan={table.columns.length + 2} className="m-query-record">
                        <Record pointer={pointer} table={table} row={row} group={group} />
                      </td>
                    </tr>
                  )}
                </Fragment>
              );
            })}
          </tbody>
        </table>
      </div>
      {table.rows.length > most && (
        <Box textAlign="center">
          <Button onClick={() => setMost(most + rowsAtOnce)}>
            {t.moreRows(formatCount(Math.min(rowsAtOnce, table.rows.length - most)))}
          </Button>
        </Box>
      )}
    </SpaceBetween>
  );
}

function placeOf(table: Table, row: Table["rows"][number]): string | undefined {
  const cell = (name: string) => row[table.columns.indexOf(name)];
  const [time, message] = [parseQueryTime(cell("@timestamp")), cell("@message")];
  return time === undefined || message === undefined
    ? undefined
    : printLogPlace({ timestamp: Math.round(time * 1000), message });
}

/** All fields of an event; what the row itself has, where the server does not tell more. */
function Record({
  pointer,
  table,
  row,
  group,
}: {
  pointer: string;
  table: Table;
  row: Table["rows"][number];
  group: string | undefined;
}) {
  const text = useText();
  const t = text.log;
  const { printed: range } = useTimeRange();
  const record = useLogRecord(pointer);
  const own = Object.fromEntries(
    table.columns.flatMap((column, i) => (row[i] === undefined ? [] : [[column, row[i]] as const])),
  );
  const fields: Record<string, string> = { ...own, ...record.data };
  const names = Object.keys(fields).sort((a, b) => Number(b.startsWith("@")) - Number(a.startsWith("@")) || a.localeCompare(b));
  const message = fields["@message"];
  const printedTime = fields["@timestamp"];
  const timestamp = /^\d+$/.test(printedTime ?? "")
    ? Number(printedTime)
    : Math.round((parseQueryTime(printedTime) ?? NaN) * 1000);
  const name = fields["@log"]?.replace(/^\d+:/, "") ?? group;
  const around =
    name && fields["@logStream"] && message !== undefined && !Number.isNaN(timestamp)
      ? logGroupPath(name, { range, stream: fields["@logStream"], line: printLogPlace({ timestamp, message }) })
      : undefined;
  const json = message === undefined ? undefined : jsonOf(message);
  return (
    <div className="m-log-whole" data-testid="query-record">
      {record.isPending && <div className="m-live-none">{text.common.loading} …</div>}
      {record.error && <div className="m-live-none">{t.onlyRow(record.error.message)}</div>}
      <dl>
        {names.map((each) => (
          <Fragment key={each}>
            <dt>{each}</dt>
            <dd className="m-mono">
              {each === "@message" && json !== undefined ? <JsonTree value={json} /> : fields[each]}
            </dd>
          </Fragment>
        ))}
      </dl>
      <div className="m-links">
        {around && (
          <Link to={around} className="m-link">
            {t.around}
          </Link>
        )}
        {message !== undefined && (
          <CopyButton
            label={t.copy}
            done={text.common.copied}
            failed={text.common.copyFailed}
            value={() => message}
          />
        )}
        <CopyButton
          label={t.copyFields}
          done={text.common.copied}
          failed={text.common.copyFailed}
          value={() => JSON.stringify(fields, null, 2)}
        />
      </div>
    </div>
  );
}
