// The streams of a group: the one that was written to last is the first.

import { useCollection } from "@cloudscape-design/collection-hooks";
import Box from "@cloudscape-design/components/box";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import Table from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import { Link } from "react-router";

import { useLogStreams } from "../../api/hook";
import type { LogStream } from "../../api/logs";
import { ErrorState } from "../../app/error-state";
import { useSettings, useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { PageLoading } from "../../components/page-loading";
import { formatBytes, formatCount, formatTime } from "../../model/format";
import { logGroupPath } from "../../path";

export function GroupStreams({ group }: { group: string }) {
  const text = useText();
  const streams = useLogStreams(group);
  if (streams.error) return <ErrorState error={streams.error} onRetry={() => void streams.refetch()} />;
  if (streams.isPending) return <PageLoading label={text.common.loading} />;
  return <StreamTable group={group} streams={streams.data} />;
}

function StreamTable({ group, streams }: { group: string; streams: readonly LogStream[] }) {
  const { text, zone } = useSettings();
  const t = text.log;
  const { printed: range, window } = useTimeRange();
  const empty = (words: string) => (
    <Box textAlign="center" padding="m">
      {words}
    </Box>
  );
  const { items, collectionProps, filterProps, paginationProps } = useCollection(streams, {
    filtering: {
      filteringFunction: (stream, typed) => stream.logStreamName.toLowerCase().includes(typed.toLowerCase()),
      noMatch: empty(text.container.noMatch),
      empty: empty(t.noStreams),
    },
    sorting: { defaultState: { sortingColumn: { sortingField: "lastEventTimestamp" }, isDescending: true } },
    pagination: { pageSize: 50 },
  });
  /** What it has may all be older than the time on screen: then its newest line is shown with those before it. */
  const pathOf = ({ logStreamName: stream, lastEventTimestamp: last }: LogStream) =>
    logGroupPath(group, {
      range,
      stream,
      line: last !== undefined && last < window.start * 1000 ? String(last) : undefined,
    });
  const time = (millis: number | undefined) => (millis === undefined ? "–" : formatTime(millis / 1000, zone));
  return (
    <Table
      {...collectionProps}
      items={items}
      trackBy="logStreamName"
      variant="container"
      header={
        <Header variant="h2" counter={`(${formatCount(streams.length)})`}>
          {t.streams}
        </Header>
      }
      filter={
        streams.length > 0 && (
          <TextFilter {...filterProps} filteringPlaceholder={t.findStream} filteringAriaLabel={t.findStream} />
        )
      }
      pagination={streams.length > 50 && <Pagination {...paginationProps} />}
      columnDefinitions={[
        {
          id: "name",
          header: t.stream,
          cell: (stream) => (
            <Link to={pathOf(stream)} className="m-link" data-testid="log-stream-row">
              {stream.logStreamName}
            </Link>
          ),
          sortingField: "logStreamName",
          isRowHeader: true,
          minWidth: 240,
        },
        {
          id: "last",
          header: t.lastEvent,
          cell: (stream) => time(stream.lastEventTimestamp),
          sortingField: "lastEventTimestamp",
        },
        {
          id: "first",
          header: t.firstEvent,
          cell: (stream) => time(stream.firstEventTimestamp),
          sortingField: "firstEventTimestamp",
        },
        {
          id: "bytes",
          header: t.size,
          cell: (stream) => formatBytes(stream.storedBytes),
          sortingField: "storedBytes",
        },
      ]}
    />
  );
}
