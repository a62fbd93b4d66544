// The shapes of the lines that the query looks at, and how often each was there in the time before.

import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Toggle from "@cloudscape-design/components/toggle";
import { useMemo } from "react";

import { useLogQuery } from "../../api/hook";
import type { QueryInput } from "../../api/logs";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { useUrlState } from "../../app/url-state";
import { PageLoading } from "../../components/page-loading";
import { ShareBar } from "../../components/share-bar";
import { formatCount, formatPercent } from "../../model/format";
import { patternQuery } from "../../model/insights-query";
import { changesOf, compared, patternsOf, type PatternChange } from "../../model/log-pattern";

interface QueryPatternsProps {
  input: QueryInput;
  onLines: (regex: string) => void;
}

export function QueryPatterns({ input, onLines }: QueryPatternsProps) {
  const text = useText();
  const t = text.log.patterns;
  const url = useUrlState();
  const comparing = url.get("compare") === "on";
  const queryString = patternQuery(input.queryString);
  const now = useLogQuery({ ...input, queryString });
  const diff = useLogQuery(
    comparing ? { ...input, queryString: patternQuery(input.queryString, true) } : undefined,
  );
  // A server that has no `diff` is asked for the time before by itself.
  const length = input.endTime - input.startTime;
  const before = useLogQuery(
    comparing && diff.error
      ? { ...input, queryString, startTime: input.startTime - length, endTime: input.startTime }
      : undefined,
  );
  const patterns = useMemo(() => patternsOf(now.data?.results ?? []), [now.data]);
  const changes = useMemo(() => {
    if (!comparing) return undefined;
    if (diff.data) return changesOf(diff.data.results);
    return before.data && compared(patterns, patternsOf(before.data.results));
  }, [comparing, diff.data, before.data, patterns]);
  const error = now.error ?? before.error;
  if (error)
    return (
      <ErrorState
        error={error}
        onRetry={() => {
          void now.refetch();
          if (comparing) void before.refetch();
        }}
      />
    );
  if (now.isPending) return <PageLoading label={text.common.loading} rows={4} />;
  const rows: readonly (Omit<PatternChange, "before"> & { before?: number })[] = changes ?? patterns;
  return (
    <Container
      header={
        <Header
          variant="h2"
          counter={`(${formatCount(patterns.length)})`}
          description={t.description}
          actions={
            <SpaceBetween direction="horizontal" size="xs" alignItems="center">
              {comparing && !changes && !error && <span className="m-live-none">{text.common.loading} …</span>}
              <Toggle
                checked={comparing}
                onChange={({ detail }) => url.set({ compare: detail.checked ? "on" : undefined })}
              >
                {t.compare}
              </Toggle>
            </SpaceBetween>
          }
        >
          {t.title}
        </Header>
      }
    >
      {rows.length === 0 ? (
        <Box textAlign="center" padding="m" color="text-body-secondary">
          {text.log.noResults}
        </Box>
      ) : (
        <div className="m-log-table" tabIndex={0} role="region" aria-label={t.title}>
          <table className="m-patterns">
            <thead>
              <tr>
                <th scope="col">{t.share}</th>
                <th scope="col" className="m-number-cell">
                  {text.common.count}
                </th>
                {changes && (
                  <>
                    <th scope="col" className="m-number-cell">
                      {t.before}
                    </th>
                    <th scope="col">{t.change}</th>
                  </>
                )}
                <th scope="col">{t.severity}</th>
                <th scope="col">{t.pattern}</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((each) => (
                <tr key={each.pattern} data-testid="pattern-row">
                  <td>
                    <span className="m-fill-cell">
                      <ShareBar share={each.share} />
                      <span className="m-number-cell">{formatPercent(each.share)}</span>
                    </span>
                  </td>
                  <td className="m-number-cell">{formatCount(each.count)}</td>
                  {changes && (
                    <>
                      <td className="m-number-cell">{formatCount(each.before)}</td>
                      <td>{changeText(t, each.before ?? 0, each.count)}</td>
                    </>
                  )}
                  <td>{each.severity || "–"}</td>
                  <td>
                    {each.regex && each.count > 0 ? (
                      <button
                        type="button"
                        className="m-link-button m-mono m-pattern"
                        title={t.lines}
                        onClick={() => onLines(each.regex)}
                      >
                        {each.pattern}
                      </button>
                    ) : (
                      <span className="m-mono m-pattern">{each.pattern}</span>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Container>
  );
}

function changeText(t: { new: string; gone: string; same: string }, before: number, now: number): string {
  if (before === 0) return t.new;
  if (now === 0) return t.gone;
  if (before === now) return t.same;
  const part = (now - before) / before;
  return `${part > 0 ? "▲ +" : "▼ −"}${formatPercent(Math.abs(part))}`;
}
