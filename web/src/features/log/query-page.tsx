// Logs Insights: a query over the events of groups, what it finds, and the shapes of what it finds.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import Multiselect from "@cloudscape-design/components/multiselect";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import { useMemo, useState } from "react";

import { ApiError } from "../../api/client";
import { useLogFields, useLogGroups, useLogQuery } from "../../api/hook";
import type { QueryDefinition, QueryInput } from "../../api/logs";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { TimeRangeControl } from "../../app/time-range-control";
import { useUrlState } from "../../app/url-state";
import { CopyButton } from "../../components/copy-button";
import { PageLoading } from "../../components/page-loading";
import { isSql, linesOfPattern, namesGroups } from "../../model/insights-query";
import { sampleQueries, tableOf } from "../../model/log-query";
import { QueryEditor } from "./query-editor";
import { QueryHistogram } from "./query-histogram";
import { QueryLibrary, SaveDialog } from "./query-library";
import { QueryPatterns } from "./query-patterns";
import { QueryResults } from "./query-results";
import { Trail } from "./trail";

/** Groups that a query may have (AWS). */
const mostGroups = 50;

interface Asked {
  groups: string[];
  query: string;
}

export function LogQueryPage() {
  const text = useText();
  const t = text.log;
  const url = useUrlState();
  const { window, refresh } = useTimeRange();
  const groups = useLogGroups();
  const printedGroups = url.get("groups") ?? "";
  const chosen = useMemo(() => printedGroups.split(",").filter(Boolean), [printedGroups]);
  const linked = url.get("query");
  const [typed, setTyped] = useState(linked ?? sampleQueries[0]!.query);
  // A link to a query is a link to what it finds.
  const [asked, setAsked] = useState<Asked | undefined>(() =>
    linked !== undefined && (chosen.length > 0 || namesGroups(linked)) ? { groups: chosen, query: linked } : undefined,
  );
  const [loaded, setLoaded] = useState<QueryDefinition | undefined>(undefined);
  const [saving, setSaving] = useState(false);
  const namesItself = namesGroups(typed);
  const mayRun = typed.trim() !== "" && (chosen.length > 0 || namesItself);
  // With another time on screen it is asked again.
  const input: QueryInput | undefined = asked && {
    logGroupNames: asked.groups,
    queryString: asked.query,
    startTime: Math.floor(window.start),
    endTime: Math.ceil(window.end),
  };
  const answer = useLogQuery(input);
  // Its rows need be no events: there is nothing to draw over time, and no lines that have shapes.
  const inSql = input !== undefined && isSql(input.queryString);
  const table = useMemo(() => answer.data && tableOf(answer.data.results), [answer.data]);
  const known = useLogFields(chosen);
  const fields = useMemo(() => [...new Set([...(table?.columns ?? []), ...known])], [table, known]);
  const ask = (query: string, tab?: string) => {
    setTyped(query);
    url.set({ query, tab });
    setAsked({ groups: chosen, query });
  };
  const run = () => {
    if (!mayRun) return;
    // The time goes on, unless it is fixed; what was asked before is asked again.
    refresh();
    ask(typed, url.get("tab"));
  };
  const open = (query: string, ofGroups: readonly string[] | undefined) => {
    setTyped(query);
    url.set({ query, ...(ofGroups && ofGroups.length > 0 ? { groups: ofGroups.join(",") } : {}) });
  };
  const wrong = wrongOf(answer.error, asked?.query, typed);
  const options = (groups.data ?? []).map(({ logGroupName: value }) => ({ value, label: value }));
  return (
    <SpaceBetween size="s">
      <Trail name="Logs Insights" />
      <Header
        variant="h1"
        description={t.queryDescription}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <CopyButton
              label={text.trace.copyLink}
              done={text.common.copied}
              failed={text.common.copyFailed}
              value={() => location.href}
            />
            <Button onClick={() => url.set({ pane: "saved" })}>{t.library.title}</Button>
            <TimeRangeControl />
          </SpaceBetween>
        }
      >
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
          <QueryEditor value={typed} onChange={setTyped} onRun={run} fields={fields} wrong={wrong} />
          <div className="m-toolbar">
            <Button variant="primary" loading={answer.isFetching} disabled={!mayRun} onClick={run}>
              {t.run}
            </Button>
            {answer.isFetching && <Button onClick={() => setAsked(undefined)}>{t.stop}</Button>}
            <ChangeButton disabled={typed.trim() === ""} onClick={() => setSaving(true)}>
              {text.common.save}
            </ChangeButton>
            <ButtonDropdown
              items={sampleQueries.map(({ key }) => ({ id: key, text: t.samples[key] }))}
              onItemClick={({ detail }) =>
                setTyped(sampleQueries.find(({ key }) => key === detail.id)!.query.replace("<log group>", chosen[0] ?? "<log group>"))
              }
            >
              {t.sampleQueries}
            </ButtonDropdown>
            <span className="m-toolbar-end">{t.runKeys}</span>
          </div>
        </SpaceBetween>
      </Container>
      {answer.error && !wrong && <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />}
      {input && !answer.error ? (
        <>
          {!inSql && <QueryHistogram input={input} waits={!answer.isSuccess} />}
          <Tabs
            ariaLabel={t.results}
            activeTabId={inSql ? "results" : (url.get("tab") ?? "results")}
            onChange={({ detail }) =>
              url.set({ tab: detail.activeTabId === "results" ? undefined : detail.activeTabId })
            }
            tabs={[
              {
                id: "results",
                label: t.results,
                content:
                  answer.data && table ? (
                    <QueryResults answer={answer.data} table={table} input={input} />
                  ) : (
                    <PageLoading label={text.common.loading} rows={4} />
                  ),
              },
              ...(inSql
                ? []
                : [
                    {
                      id: "patterns",
                      label: t.patterns.title,
                      content: (
                        <QueryPatterns input={input} onLines={(regex) => ask(linesOfPattern(input.queryString, regex))} />
                      ),
                    },
                  ]),
            ]}
          />
        </>
      ) : (
        !answer.error && !mayRun && <Box color="text-body-secondary">{t.chooseFirst}</Box>
      )}
      {url.get("pane") && (
        <QueryLibrary
          onOpen={(query, ofGroups, definition) => {
            setLoaded(definition);
            open(query, ofGroups);
          }}
        />
      )}
      {saving && (
        <SaveDialog
          query={typed}
          groups={namesItself ? [] : chosen}
          loaded={loaded}
          onDone={(definition) => {
            setLoaded(definition);
            setSaving(false);
            url.set({ pane: "saved" });
          }}
          onCancel={() => setSaving(false)}
        />
      )}
    </SpaceBetween>
  );
}

/** As long as what is typed is what was asked. */
function wrongOf(error: Error | null, asked: string | undefined, typed: string) {
  if (!(error instanceof ApiError) || error.type !== "MalformedQueryException") return undefined;
  if (!error.place || asked !== typed) return { start: -1, end: -1, message: error.message };
  return { ...error.place, message: error.message };
}
