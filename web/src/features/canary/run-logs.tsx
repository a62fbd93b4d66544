// What a run wrote.

import Box from "@cloudscape-design/components/box";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo } from "react";
import { Link } from "react-router";

import type { WholeRun } from "../../api/canary";
import { ApiError } from "../../api/client";
import { useLogEvents } from "../../api/hook";
import { ErrorState } from "../../app/error-state";
import { LogLines, type ShownLine } from "../../app/log-lines";
import { useText } from "../../app/settings";
import { PageLoading } from "../../components/page-loading";
import { resultOf } from "../../model/canary";
import { printTimeRange } from "../../model/time-range";
import { logGroupPath } from "../../path";

/** Lines may be written a little before and after. */
const room = 60;

export function RunLogs({ run: { Run: run, LogGroup: group, LogStream: stream } }: { run: WholeRun }) {
  const text = useText();
  const t = text.canary.run.logs;
  const start = Math.floor((run.Timeline?.Started ?? 0) - room);
  const end = Math.ceil((run.Timeline?.Completed ?? Date.now() / 1000) + room);
  const isRunning = resultOf(run) === "running";
  const events = useLogEvents(
    {
      logGroupName: group,
      logStreamNames: [stream],
      startTime: start * 1000,
      endTime: isRunning ? undefined : end * 1000,
    },
    isRunning,
  );
  const lines = useMemo<ShownLine[]>(
    () =>
      (events.data?.pages ?? [])
        .flatMap((page) => page.events)
        .reverse()
        .map((event) => ({
          key: event.eventId,
          timestamp: event.timestamp,
          message: event.message,
          group,
          stream: event.logStreamName,
          ingestionTime: event.ingestionTime,
        })),
    [events.data, group],
  );
  const range = printTimeRange({ kind: "absolute", start, end });
  // A run that wrote nothing has no stream, and the first one no group.
  const isMissing = events.error instanceof ApiError && events.error.type === "ResourceNotFoundException";
  if (events.error && !isMissing) return <ErrorState error={events.error} onRetry={() => void events.refetch()} />;
  if (events.isPending && !isMissing) return <PageLoading label={text.common.loading} rows={4} />;
  if (lines.length === 0) return <Box color="text-body-secondary">{t.none}</Box>;
  return (
    <SpaceBetween size="xs">
      <Link to={logGroupPath(group, { range, stream })} className="m-link">
        {t.open}
      </Link>
      <LogLines lines={lines} label={text.canary.run.tabs.logs} range={range} />
    </SpaceBetween>
  );
}
