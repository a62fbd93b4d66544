// Traces: find the ones that matter, narrow, sort, open.

import Header from "@cloudscape-design/components/header";
import Container from "@cloudscape-design/components/container";
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo, useRef } from "react";
import { useNavigate } from "react-router";

import { CliButton } from "../../app/cli-button";
import { ErrorState } from "../../app/error-state";
import { filterErrorOf, type FilterError } from "../../app/filter-error";
import { FilterRow } from "../../app/filter-row";
import { NoData } from "../../app/no-data";
import { ScanProgress } from "../../app/scan-progress";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { TimeRangeControl } from "../../app/time-range-control";
import { useScan, type Scan } from "../../app/use-scan";
import { useUrlState } from "../../app/url-state";
import { PageLoading } from "../../components/page-loading";
import { and, rangeTerms } from "../../model/filter";
import { formatCount } from "../../model/format";
import { normalizeTraceId } from "../../model/trace-id";
import { choose } from "../../model/trace-summary";
import { analyticsPath, tracePath } from "../../path";
import { Distribution } from "./distribution";
import { Refiners } from "./refiners";
import { TraceTable } from "./trace-table";
import { useChartChoice } from "./use-chart-choice";

export function TracesPage() {
  const text = useText();
  const url = useUrlState();
  const navigate = useNavigate();
  const { window, printed } = useTimeRange();
  const filter = url.get("filter") ?? "";
  const scan = useScan(window, filter);
  const error = scan.error ?? undefined;
  const syntax = filterErrorOf(error, filter);
  const last = useRef<Answered | undefined>(undefined);
  if (!error && !scan.running) last.current = { scan, filter };
  return (
    <SpaceBetween size="s">
      <Header
        variant="h1"
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <CliButton
              operation="get-trace-summaries"
              options={[
                ["start-time", window.start],
                ["end-time", window.end],
                ["filter-expression", filter],
              ]}
            />
            <ButtonDropdown
              mainAction={{
                text: text.analytics.analyze,
                onClick: () => void navigate(analyticsPath({ range: printed, filter })),
              }}
              ariaLabel={text.analytics.analyze}
              items={[
                { id: "attributes", text: text.analytics.views.attributes },
                { id: "critical-path", text: text.analytics.views.criticalPath },
              ]}
              onItemClick={({ detail }) =>
                void navigate(
                  analyticsPath({
                    range: printed,
                    filter,
                    view: detail.id === "critical-path" ? detail.id : undefined,
                  }),
                )
              }
            />
            <TimeRangeControl />
          </SpaceBetween>
        }
      >
        {text.traces.title}
      </Header>
      <Query filter={filter} summaries={scan.summaries} error={syntax} />
      {error && !syntax ? (
        <ErrorState error={error} onRetry={scan.retry} />
      ) : syntax ? (
        <Unread last={last.current} />
      ) : (
        <Results scan={scan} filter={filter} />
      )}
    </SpaceBetween>
  );
}

interface Answered {
  scan: Scan;
  filter: string;
}

/** Below a filter with a mistake: what the last good one found, out of reach, or where to begin. */
function Unread({ last }: { last: Answered | undefined }) {
  const text = useText();
  const url = useUrlState();
  const t = text.traces;
  if (last)
    return (
      <SpaceBetween size="s">
        <Alert type="info">{last.filter ? t.stale(last.filter) : t.staleAll}</Alert>
        <div className="m-stale" inert>
          <Results scan={last.scan} filter={last.filter} />
        </div>
      </SpaceBetween>
    );
  return (
    <Box padding={{ vertical: "xxl" }} textAlign="center">
      <SpaceBetween size="s">
        <Box variant="h3" tagOverride="h2">
          {t.unread}
        </Box>
        <Box color="text-body-secondary">{t.unreadText}</Box>
        <div className="m-refine m-center">
          {t.examples.map((example) => (
            <button
              key={example}
              type="button"
              className="m-chip m-mono"
              onClick={() => url.set({ filter: example }, { push: true })}
            >
              {example}
            </button>
          ))}
        </div>
        <Button onClick={() => url.set({ filter: undefined }, { push: true })}>
          {text.empty.clearFilter}
        </Button>
      </SpaceBetween>
    </Box>
  );
}

function Query({
  filter,
  summaries,
  error,
}: {
  filter: string;
  summaries: Scan["summaries"];
  error: FilterError | undefined;
}) {
  const url = useUrlState();
  const navigate = useNavigate();
  const { printed, refresh } = useTimeRange();
  const run = (value: string) => {
    const traceId = normalizeTraceId(value);
    if (traceId) void navigate(tracePath(traceId, { range: printed }));
    else if (value.trim() === filter) refresh();
    else
      url.set({ filter: value.trim() || undefined, rt: undefined, box: undefined }, { push: true });
  };
  return (
    <SpaceBetween size="xs">
      <FilterRow filter={filter} summaries={summaries} error={error} onRun={run} />
      {!error && <Refiners summaries={summaries} onAdd={(term) => run(and(filter, term))} />}
    </SpaceBetween>
  );
}

function Results({ scan, filter }: Answered) {
  const text = useText();
  const url = useUrlState();
  const [choice, setChoice] = useChartChoice();
  const chosen = useMemo(() => choose(scan.summaries, choice), [scan.summaries, choice]);
  const narrowed = choice.responseTime !== undefined || choice.time !== undefined;
  if (scan.pending) return <PageLoading label={text.common.loading} />;
  const nothing = scan.summaries.length === 0;
  return (
    <SpaceBetween size="s">
      <ScanProgress scan={scan} filtered={filter !== ""} />
      {nothing && !scan.running && (
        <NoData
          {...(filter
            ? { onClearFilter: () => url.set({ filter: undefined }, { push: true }) }
            : {})}
        />
      )}
      {!(nothing && !scan.running) && (
        <SpaceBetween size="m">
          <Container>
            <Distribution summaries={scan.summaries} choice={choice} onChoice={setChoice} />
          </Container>
          <TraceTable
            summaries={chosen}
            loading={nothing && scan.running}
            note={
              narrowed ? (
                <span className="m-links">
                  {text.traces.narrowed(formatCount(chosen.length))}
                  <Button variant="inline-link" onClick={() => setChoice({})}>
                    {text.common.clearSelection}
                  </Button>
                  {choice.responseTime && (
                    <Button
                      variant="inline-link"
                      onClick={() =>
                        url.set(
                          {
                            filter: rangeTerms("responsetime", choice.responseTime!).reduce(
                              and,
                              filter,
                            ),
                            rt: undefined,
                            box: undefined,
                          },
                          { push: true },
                        )
                      }
                    >
                      {text.traces.useAsFilter}
                    </Button>
                  )}
                </span>
              ) : undefined
            }
          />
        </SpaceBetween>
      )}
    </SpaceBetween>
  );
}
