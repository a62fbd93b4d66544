// The events of a group: those that match, in a time, of one stream or of all, as they come if wanted; or those around a line.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Toggle from "@cloudscape-design/components/toggle";
import { useMemo, useState } from "react";

import { useLogEvents, useLogStreams } from "../../api/hook";
import type { LogEvent } from "../../api/logs";
import { ErrorState } from "../../app/error-state";
import { LogLines, streamFact, type ShownLine } from "../../app/log-lines";
import { useSettings, useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { useUrlState } from "../../app/url-state";
import { PageLoading } from "../../components/page-loading";
import { formatCount } from "../../model/format";
import { parseDateTime, parseLogPlace } from "../../model/log-place";
import { termsOf } from "../../model/log-text";
import { LinesAround } from "./lines-around";

export function GroupEvents({ group }: { group: string }) {
  const url = useUrlState();
  const stream = url.get("stream");
  const printed = url.get("line");
  const place = useMemo(() => parseLogPlace(printed), [printed]);
  return (
    <SpaceBetween size="s">
      <Toolbar group={group} stream={stream} around={place !== undefined} />
      {place ? (
        <LinesAround key={`${stream} ${printed}`} group={group} stream={stream} place={place} />
      ) : (
        <Events group={group} stream={stream} />
      )}
    </SpaceBetween>
  );
}

function Toolbar({ group, stream, around }: { group: string; stream: string | undefined; around: boolean }) {
  const t = useText().log;
  const url = useUrlState();
  const streams = useLogStreams(group);
  const filter = url.get("filter") ?? "";
  const options = [
    { value: "", label: t.allStreams },
    ...(streams.data ?? []).map((each) => ({ value: each.logStreamName, label: each.logStreamName })),
  ];
  return (
    <div className="m-toolbar">
      {around ? (
        <Button iconName="arrow-left" onClick={() => url.set({ line: undefined }, { push: true })}>
          {t.backToEvents}
        </Button>
      ) : (
        <PatternBox key={filter} value={filter} onChange={(value) => url.set({ filter: value || undefined })} />
      )}
      <Select
        ariaLabel={t.stream}
        options={options}
        filteringType="auto"
        filteringAriaLabel={t.stream}
        selectedOption={
          options.find((option) => option.value === (stream ?? "")) ?? { value: stream!, label: stream! }
        }
        onChange={({ detail }) => url.set({ stream: detail.selectedOption.value || undefined })}
      />
      {!around && (
        <Toggle
          checked={url.get("follow") === "1"}
          onChange={({ detail }) => url.set({ follow: detail.checked ? "1" : undefined })}
        >
          {t.follow}
        </Toggle>
      )}
      <span className="m-toolbar-end">
        <TimeJump onJump={(time) => url.set({ line: String(time), follow: undefined }, { push: true })} />
      </span>
    </div>
  );
}

function PatternBox({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const t = useText().log;
  const [typed, setTyped] = useState(value);
  return (
    <div className="m-log-filter">
      <Input
        type="search"
        ariaLabel={t.filter}
        placeholder={t.filterHint}
        value={typed}
        onChange={({ detail }) => {
          setTyped(detail.value);
          if (detail.value === "") onChange("");
        }}
        onKeyDown={({ detail }) => {
          if (detail.key === "Enter") onChange(typed.trim());
        }}
      />
    </div>
  );
}

/** The browser's own field of date and time: its calendar and its keys are known. */
function TimeJump({ onJump }: { onJump: (time: number) => void }) {
  const { text, zone } = useSettings();
  const t = text.log;
  const [typed, setTyped] = useState("");
  const time = parseDateTime(typed, zone);
  return (
    <form
      className="m-time-jump"
      onSubmit={(event) => {
        event.preventDefault();
        if (time !== undefined) onJump(time);
      }}
    >
      <input
        type="datetime-local"
        step="1"
        aria-label={`${t.jumpTime} (${text.app.zones[zone]})`}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
      <Button disabled={time === undefined}>{t.jump}</Button>
    </form>
  );
}

function Events({ group, stream }: { group: string; stream: string | undefined }) {
  const text = useText();
  const t = text.log;
  const url = useUrlState();
  const { window, printed: range } = useTimeRange();
  const filter = url.get("filter");
  const follow = url.get("follow") === "1";
  const events = useLogEvents(
    {
      logGroupName: group,
      logStreamNames: stream ? [stream] : undefined,
      filterPattern: filter,
      startTime: window.start * 1000,
      endTime: follow ? undefined : window.end * 1000,
    },
    follow,
  );
  const shown = useMemo(
    () => (events.data?.pages ?? []).flatMap((page) => page.events).reverse().map((event) => toLine(group, event)),
    [events.data, group],
  );
  const terms = useMemo(() => termsOf(filter), [filter]);
  if (events.error) return <ErrorState error={events.error} onRetry={() => void events.refetch()} />;
  if (events.isPending) return <PageLoading label={text.common.loading} rows={6} />;
  return (
    <Container
      header={
        <Header variant="h2" counter={`(${formatCount(shown.length)}${events.hasNextPage ? "+" : ""})`}>
          {t.events}
        </Header>
      }
    >
      {events.hasNextPage && (
        <Box textAlign="center" padding={{ bottom: "xs" }}>
          <Button loading={events.isFetchingNextPage} onClick={() => void events.fetchNextPage()}>
            {t.older}
          </Button>
        </Box>
      )}
      {shown.length === 0 ? (
        <Box textAlign="center" padding="m" color="text-body-secondary">
          {events.hasNextPage ? t.noneYet : filter ? t.noneMatch : t.noEvents}
        </Box>
      ) : (
        <LogLines
          // Whether it is followed or not, what is looked at first is the end.
          key={String(follow)}
          lines={shown}
          label={t.events}
          range={range}
          terms={terms}
          atEnd
          facts={stream ? undefined : streamFact}
        />
      )}
    </Container>
  );
}

export function toLine(group: string, event: LogEvent): ShownLine {
  return {
    key: event.eventId,
    timestamp: event.timestamp,
    message: event.message,
    group,
    stream: event.logStreamName,
    ingestionTime: event.ingestionTime,
  };
}
