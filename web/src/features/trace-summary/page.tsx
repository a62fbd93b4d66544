// Traces: find the ones that matter, narrow, sort, open.

import Header from "@cloudscape-design/components/header";
import Container from "@cloudscape-design/components/container";
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo, useRef, useState } from "react";
import { useNavigate } from "react-router";

import { ApiError } from "../../api/client";
import { CliButton } from "../../app/cli-button";
import { ErrorState } from "../../app/error-state";
import { NoData } from "../../app/no-data";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { TimeRangeControl } from "../../app/time-range-control";
import { useUrlState } from "../../app/url-state";
import { PageLoading } from "../../components/page-loading";
import { and, rangeTerms } from "../../model/filter";
import { bareMessage } from "../../model/filter-mistake";
import { formatCount } from "../../model/format";
import { normalizeTraceId } from "../../model/trace-id";
import { choose, vocabularyOf } from "../../model/trace-summary";
import { tracePath } from "../../path";
import { Distribution } from "./distribution";
import { FilterBox, type FilterError } from "./filter-box";
import { Refiners } from "./refiners";
import { ScanProgress } from "./scan-progress";
import { TraceTable } from "./trace-table";
import { useScan, type Scan } from "./use-scan";
import { useChartChoice } from "./use-chart-choice";

export function TracesPage() {
  const text = useText();
  const url = useUrlState();
  const { window } = useTimeRange();
  const filter = url.get("filter") ?? "";
  const scan = useScan(window, filter);
  const error = scan.error ?? undefined;
  const syntax = syntaxError(error, filter);
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

function syntaxError(error: Error | undefined, expression: string): FilterError | undefined {
  if (!(error instanceof ApiError) || error.position === undefined) return undefined;
  return {
    message: bareMessage(error.message, error.expected ?? []),
    position: error.position,
    expected: error.expected ?? [],
    expression: expression.trim(),
  };
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
  const text = useText();
  const url = useUrlState();
  const navigate = useNavigate();
  const { printed, refresh } = useTimeRange();
  const [typed, setTyped] = useState(filter);
  // The box follows the address, and keeps the focus while it does.
  const [followed, setFollowed] = useState(filter);
  if (followed !== filter) {
    setFollowed(filter);
    setTyped(filter);
  }
  const vocabulary = useMemo(() => vocabularyOf(summaries), [summaries]);
  const run = (value: string) => {
    const traceId = normalizeTraceId(value);
    if (traceId) void navigate(tracePath(traceId, { range: printed }));
    else if (value.trim() === filter) refresh();
    else
      url.set({ filter: value.trim() || undefined, rt: undefined, box: undefined }, { push: true });
  };
  return (
    <SpaceBetween size="xs">
      <div className="m-filter-row">
        <FilterBox
          value={typed}
          onChange={setTyped}
          onRun={run}
          vocabulary={vocabulary}
          error={error}
        />
        <Button variant="primary" onClick={() => run(typed)}>
          {text.traces.run}
        </Button>
        {typed !== "" && (
          <Button
            iconName="close"
            ariaLabel={text.empty.clearFilter}
            onClick={() => {
              setTyped("");
              if (filter) run("");
            }}
          />
        )}
      </div>
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
