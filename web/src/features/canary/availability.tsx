// Runs over time, and the one that is looked at.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo, useState } from "react";

import type { Canary, CanaryRun } from "../../api/canary";
import { useCanaryRuns } from "../../api/canary-hook";
import { StandingText } from "../../app/canary-state";
import { ErrorState } from "../../app/error-state";
import { useSettings, useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { spanText } from "../../app/time-range-control";
import { useUrlState } from "../../app/url-state";
import { CopyButton } from "../../components/copy-button";
import { PageLoading } from "../../components/page-loading";
import { RunScatter, type RunPoint } from "../../components/run-scatter";
import { resultOf, secondsOfRun } from "../../model/canary";
import { formatClock, formatDuration, formatPercent, formatTime } from "../../model/format";
import { nextWider } from "../../model/time-range";
import { RunPane } from "./run-pane";
import { useFollowing } from "./use-following";

const startOf = (run: CanaryRun) => run.Timeline?.Started ?? 0;

export function Availability({ canary }: { canary: Canary }) {
  const { text, zone } = useSettings();
  const t = text.canary.runs;
  const url = useUrlState();
  const { window, now, setRange } = useTimeRange();
  const query = useCanaryRuns(canary.Name, window.start);
  const runs = query.data;
  const inRange = useMemo(
    () =>
      (runs ?? [])
        .filter((run) => startOf(run) >= window.start && startOf(run) < window.end)
        .sort((a, b) => startOf(a) - startOf(b)),
    [runs, window.start, window.end],
  );
  useFollowing(runs && `${runs[0]?.Id} ${resultOf(runs[0])}`);
  const [first, setFirst] = useState<string | undefined>(undefined);
  if (query.error && !runs) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!runs) return <PageLoading label={text.common.loading} />;
  const newest = inRange.at(-1) ?? runs[0];
  // Whoever reads a run is not to find another one there because time goes on.
  if (first === undefined && newest) setFirst(newest.Id);
  const wanted = url.get("run") ?? first;
  const known = runs.find((run) => run.Id === wanted);
  const selected: CanaryRun | undefined = known ?? (wanted ? { Id: wanted, Name: canary.Name } : newest);
  const select = (id: string | undefined) => url.set({ run: id });
  if (!selected)
    return (
      <Box textAlign="center" padding="xl">
        <Box variant="h3" tagOverride="h2">
          {t.noneYet}
        </Box>
        <Box color="text-body-secondary">{t.noneYetText}</Box>
      </Box>
    );
  const points = inRange.map((run): RunPoint => {
    const result = resultOf(run);
    return {
      id: run.Id,
      time: startOf(run),
      seconds: secondsOfRun(run) ?? Math.max(0, now - startOf(run)),
      kind: result === "none" ? "running" : result,
      byHand: run.DryRunConfig?.DryRunId !== undefined,
    };
  });
  const scheduled = points.filter((point) => point.kind !== "running" && !point.byHand);
  const passed = scheduled.filter((point) => point.kind === "passed").length;
  const kinds = { passed: t.passed, failed: t.failed, running: t.running };
  const wider = nextWider(window.end - window.start, 28 * 86400);
  return (
    <SpaceBetween size="m">
      <Container
        header={
          <Header
            variant="h2"
            description={
              scheduled.length > 0
                ? t.success(formatPercent(passed / scheduled.length), String(scheduled.length))
                : undefined
            }
          >
            {t.title}
          </Header>
        }
      >
        {inRange.length === 0 ? (
          <Box textAlign="center" padding="m">
            <SpaceBetween size="xs">
              <Box variant="h3">{t.noneInRange}</Box>
              {runs[0] && (
                <Box color="text-body-secondary">{t.noneInRangeText(formatTime(startOf(runs[0]), zone))}</Box>
              )}
              {wider && (
                <Button onClick={() => setRange({ kind: "relative", seconds: wider })}>
                  {text.empty.widen(spanText(text, wider))}
                </Button>
              )}
            </SpaceBetween>
          </Box>
        ) : (
          <RunScatter
            title={t.chart}
            points={points}
            window={window}
            selected={selected.Id}
            onSelect={select}
            onZoom={(start, end) => setRange({ kind: "absolute", start, end: Math.max(end, start + 60) })}
            format={formatDuration}
            formatTime={(time) =>
              window.end - window.start > 86400 ? formatTime(time, zone).slice(5, 16) : formatClock(time, zone)
            }
            describe={(point) =>
              [
                formatTime(point.time, zone),
                kinds[point.kind],
                formatDuration(point.seconds),
                ...(point.byHand ? [t.byHand] : []),
              ].join(", ")
            }
            words={{
              showTable: text.common.showTable,
              showChart: text.common.showChart,
              help: t.help,
              nothing: text.common.choiceNone,
              time: text.common.time,
              result: t.result,
              duration: t.duration,
              kinds,
              byHand: t.byHand,
            }}
          />
        )}
      </Container>
      <Container
        header={
          <RunHeader
            run={selected}
            index={inRange.findIndex((run) => run.Id === selected.Id)}
            inRange={inRange}
            newest={newest}
            onSelect={(id) => {
              if (id === newest?.Id) {
                setFirst(id);
                select(undefined);
              } else select(id);
            }}
          />
        }
      >
        <RunPane key={selected.Id} canary={canary} run={selected} />
      </Container>
    </SpaceBetween>
  );
}

interface RunHeaderProps {
  run: CanaryRun;
  index: number;
  inRange: readonly CanaryRun[];
  newest: CanaryRun | undefined;
  onSelect: (id: string) => void;
}

function RunHeader({ run, index, inRange, newest, onSelect }: RunHeaderProps) {
  const { zone } = useSettings();
  const text = useText();
  const t = text.canary.runs;
  const result = resultOf(run);
  const started = run.Timeline?.Started;
  const step = (by: number) => inRange[index + by];
  const facts = [
    formatDuration(secondsOfRun(run)),
    ...(run.DryRunConfig?.DryRunId ? [t.byHand] : []),
    ...(run.RetryAttempt ? [t.retry(run.RetryAttempt)] : []),
    ...(index >= 0 ? [t.oneOf(index + 1, inRange.length)] : []),
  ].filter((fact) => fact !== "–");
  return (
    <Header
      variant="h2"
      info={
        result !== "none" && (
          <span className="m-heading-state" data-testid="run-result" data-result={result}>
            <StandingText standing={result} />
          </span>
        )
      }
      description={index < 0 && started === undefined ? t.older : facts.join(" · ")}
      actions={
        <SpaceBetween direction="horizontal" size="xs">
          <Button
            iconName="angle-left"
            disabled={index <= 0}
            onClick={() => step(-1) && onSelect(step(-1)!.Id)}
          >
            {t.previous}
          </Button>
          <Button
            iconName="angle-right"
            iconAlign="right"
            disabled={index < 0 || index >= inRange.length - 1}
            onClick={() => step(1) && onSelect(step(1)!.Id)}
          >
            {t.next}
          </Button>
          {newest && newest.Id !== run.Id && <Button onClick={() => onSelect(newest.Id)}>{t.newest}</Button>}
          <CopyButton
            iconOnly
            variant="icon"
            label={text.trace.copyLink}
            done={text.common.copied}
            failed={text.common.copyFailed}
            value={() => {
              const link = new URL(location.href);
              link.searchParams.set("run", run.Id);
              return link.href;
            }}
          />
        </SpaceBetween>
      }
    >
      {started === undefined ? text.canary.run.id + " " + run.Id : t.runOf(formatTime(started, zone))}
    </Header>
  );
}
