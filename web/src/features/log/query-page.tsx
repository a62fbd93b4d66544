// Logs Insights: a query over the events of groups, and what it finds.

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import BreadcrumbGroup from "@cloudscape-design/components/breadcrumb-group";
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import Multiselect from "@cloudscape-design/components/multiselect";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useState } from "react";
import { useNavigate } from "react-router";

import { ApiError } from "../../api/client";
import { useLogGroups, useLogQuery } from "../../api/hook";
import type { QueryAnswer, QueryInput } from "../../api/logs";
import { ErrorState } from "../../app/error-state";
import { useSettings, useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { TimeRangeControl } from "../../app/time-range-control";
import { useUrlState } from "../../app/url-state";
import { downloadText } from "../../components/clipboard";
import { PageLoading } from "../../components/page-loading";
import { formatBytes, formatCount, formatTime } from "../../model/format";
import { barsOf, sampleQueries, tableOf, toCsv, toJson, type Table } from "../../model/log-query";
import { logsPath } from "../../path";

/** Groups that a query may have (AWS). */
const mostGroups = 50;

export function LogQueryPage() {
  const text = useText();
  const t = text.log;
  const url = useUrlState();
  const navigate = useNavigate();
  const { window, printed: range } = useTimeRange();
  const groups = useLogGroups();
  const chosen = (url.get("groups") ?? "").split(",").filter(Boolean);
  const query = url.get("query") ?? sampleQueries[0]!.query;
  const [typed, setTyped] = useState(query);
  const [asked, setAsked] = useState<QueryInput | undefined>(undefined);
  const answer = useLogQuery(asked);
  const namesItself = /^\s*SOURCE\b/i.test(typed);
  const run = () => {
    url.set({ query: typed });
    setAsked({
      logGroupNames: chosen,
      queryString: typed,
      startTime: Math.floor(window.start),
      endTime: Math.ceil(window.end),
    });
  };
  const options = (groups.data ?? []).map(({ logGroupName: value }) => ({ value, label: value }));
  return (
    <SpaceBetween size="s">
      <BreadcrumbGroup
        items={[
          { text: t.title, href: logsPath({ range }) },
          { text: "Logs Insights", href: "" },
        ]}
        ariaLabel={text.container.trail}
        onFollow={(event) => {
          event.preventDefault();
          if (event.detail.href) void navigate(event.detail.href);
        }}
      />
      <Header variant="h1" description={t.queryDescription} actions={<TimeRangeControl />}>
        Logs Insights
      </Header>
      {groups.error && <ErrorState error={groups.error} onRetry={() => void groups.refetch()} />}
      <Container>
        <SpaceBetween size="s">
          <Multiselect
            ariaLabel={t.groups}
            placeholder={t.chooseGroups}
            options={options}
            selectedOptions={options.filter((option) => chosen.includes(option.value))}
            filteringType="auto"
            filteringAriaLabel={t.findGroup}
            disabled={namesItself}
            onChange={({ detail }) =>
              url.set({
                groups: detail.selectedOptions.slice(0, mostGroups).map((option) => option.value).join(",") || undefined,
              })
            }
          />
          <div
            className="m-log-query"
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
                event.preventDefault();
                run();
              }
            }}
          >
            <Textarea
              ariaLabel={t.query}
              value={typed}
              rows={Math.min(14, Math.max(4, typed.split("\n").length + 1))}
              spellcheck={false}
              onChange={({ detail }) => setTyped(detail.value)}
            />
          </div>
          <div className="m-toolbar">
            <Button
              variant="primary"
              loading={answer.isFetching}
              disabled={!typed.trim() || (chosen.length === 0 && !namesItself)}
              onClick={run}
            >
              {t.run}
            </Button>
            {answer.isFetching && (
              <Button onClick={() => setAsked(undefined)}>{t.stop}</Button>
            )}
            <ButtonDropdown
              items={sampleQueries.map(({ key }) => ({ id: key, text: t.samples[key] }))}
              onItemClick={({ detail }) =>
                setTyped(sampleQueries.find(({ key }) => key === detail.id)!.query)
              }
            >
              {t.sampleQueries}
            </ButtonDropdown>
            <span className="m-toolbar-end">{t.runKeys}</span>
          </div>
          {answer.error && <QueryError error={answer.error} query={asked?.queryString ?? ""} />}
        </SpaceBetween>
      </Container>
      {!answer.error &&
        (answer.data ? (
          <Results answer={answer.data} />
        ) : answer.isFetching ? (
          <PageLoading label={text.common.loading} rows={4} />
        ) : (
          chosen.length === 0 &&
          !namesItself && <Box color="text-body-secondary">{t.chooseFirst}</Box>
        ))}
    </SpaceBetween>
  );
}

/** What cannot be understood, with a mark where. */
function QueryError({ error, query }: { error: Error; query: string }) {
  const t = useText().log;
  const at = error instanceof ApiError ? / \(\[(\d+),(\d+)\]\)$/.exec(error.message) : null;
  if (!(error instanceof ApiError) || error.type !== "MalformedQueryException" || !at)
    return <ErrorState error={error} />;
  const characters = [...query];
  const [start, end] = [Number(at[1]), Math.max(Number(at[1]) + 1, Number(at[2]))];
  return (
    <Alert type="error" header={t.malformed}>
      <div>{error.message.slice(0, at.index)}</div>
      <pre className="m-code">
        {characters.slice(0, start).join("")}
        <mark>{characters.slice(start, end).join("") || " "}</mark>
        {characters.slice(end).join("")}
      </pre>
    </Alert>
  );
}

function Results({ answer }: { answer: QueryAnswer }) {
  const text = useText();
  const t = text.log;
  const table = tableOf(answer.results);
  const bars = barsOf(table);
  const { recordsMatched, recordsScanned, bytesScanned } = answer.statistics;
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
      ) : (
        <SpaceBetween size="s">
          {bars && <Bars bars={bars} />}
          <Rows table={table} />
        </SpaceBetween>
      )}
    </Container>
  );
}

function Bars({ bars }: { bars: readonly { time: number; value: number }[] }) {
  const { zone } = useSettings();
  const most = Math.max(...bars.map((bar) => bar.value), 1e-9);
  return (
    <div className="m-log-bars" role="img" aria-label={bars.map((bar) => `${formatTime(bar.time, zone)} ${bar.value}`).join(", ")}>
      {bars.map((bar) => (
        <span
          key={bar.time}
          title={`${formatTime(bar.time, zone)}: ${bar.value}`}
          style={{ blockSize: `${Math.max(1, (Math.max(0, bar.value) / most) * 100)}%` }}
        />
      ))}
    </div>
  );
}

/** As wide as it must be: lines of logs are long. */
function Rows({ table }: { table: Table }) {
  const shown = table.rows.slice(0, 1000);
  return (
    <div className="m-log-table" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {table.columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row, i) => (
            <tr key={i} data-testid="query-row">
              {row.map((value, j) => (
                <td key={j}>{value ?? "–"}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
