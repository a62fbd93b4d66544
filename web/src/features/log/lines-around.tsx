// A line with what was written before it and after it, or what was written around a time.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import { useMemo } from "react";

import { useLinesAround } from "../../api/hook";
import { ErrorState } from "../../app/error-state";
import { LogLines, streamFact } from "../../app/log-lines";
import { useSettings } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { PageLoading } from "../../components/page-loading";
import { formatTimeMillis } from "../../model/format";
import { indexOfPlace, type LogPlace } from "../../model/log-place";
import { toLine } from "./group-events";

interface LinesAroundProps {
  group: string;
  stream: string | undefined;
  place: LogPlace;
}

export function LinesAround({ group, stream, place }: LinesAroundProps) {
  const { text, zone } = useSettings();
  const t = text.log;
  const { printed: range } = useTimeRange();
  const { before, after } = useLinesAround(group, stream, place.time);
  const lines = useMemo(() => {
    const earlier = (before.data?.pages ?? []).flatMap((page) => page.events).reverse();
    const later = (after.data?.pages ?? []).flatMap((page) => page.events);
    // Those of the very millisecond are in both.
    const known = new Set(earlier.map((event) => event.eventId));
    return [...earlier, ...later.filter((event) => !known.has(event.eventId))].map((event) => toLine(group, event));
  }, [before.data, after.data, group]);
  const error = before.error ?? after.error;
  if (error)
    return (
      <ErrorState
        error={error}
        onRetry={() => {
          void before.refetch();
          void after.refetch();
        }}
      />
    );
  if (before.isPending || after.isPending) return <PageLoading label={text.common.loading} rows={6} />;
  const meant = lines[indexOfPlace(lines, place)];
  const more = (side: typeof before, label: string) =>
    side.hasNextPage ? (
      <Button loading={side.isFetchingNextPage} onClick={() => void side.fetchNextPage()}>
        {label}
      </Button>
    ) : null;
  return (
    <Container
      header={
        <Header variant="h2" description={stream ?? t.allStreams}>
          {t.aroundTime(formatTimeMillis(place.time, zone))}
        </Header>
      }
    >
      <Box textAlign="center" padding={{ bottom: "xs" }}>
        {more(before, t.older) ?? <span className="m-live-none">{t.noOlder}</span>}
      </Box>
      {lines.length === 0 ? (
        <Box textAlign="center" padding="m" color="text-body-secondary">
          {t.nothingAround}
        </Box>
      ) : (
        <LogLines
          lines={lines}
          label={t.events}
          range={range}
          isMeant={(line) => line === meant}
          shown={meant?.key}
          facts={stream ? undefined : streamFact}
        />
      )}
      <Box textAlign="center" padding={{ top: "xs" }}>
        {more(after, t.newer) ?? (
          <Button iconName="refresh" loading={after.isFetching} onClick={() => void after.refetch()}>
            {t.noNewer}
          </Button>
        )}
      </Box>
    </Container>
  );
}
