// The events of a group: those that match, in a time, of one stream or of all; as they come, if wanted.

import BreadcrumbGroup from "@cloudscape-design/components/breadcrumb-group";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Toggle from "@cloudscape-design/components/toggle";
import { useEffect, useRef, useState } from "react";
import { Link, useNavigate } from "react-router";

import { useLogEvents, useLogStreams } from "../../api/hook";
import type { LogEvent } from "../../api/logs";
import { ErrorState } from "../../app/error-state";
import { useSettings, useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { TimeRangeControl } from "../../app/time-range-control";
import { useUrlState } from "../../app/url-state";
import { CopyButton } from "../../components/copy-button";
import { JsonTree } from "../../components/json-tree";
import { PageLoading } from "../../components/page-loading";
import { formatCount, formatTimeMillis } from "../../model/format";
import { jsonOf, levelOf, tracesOf } from "../../model/log";
import { logQueryPath, logsPath, tracePath } from "../../path";

export function LogGroupPage() {
  const text = useText();
  const t = text.log;
  const url = useUrlState();
  const group = url.get("group") ?? "";
  const navigate = useNavigate();
  const { window, printed: range } = useTimeRange();
  const stream = url.get("stream") ?? undefined;
  const filter = url.get("filter") ?? undefined;
  const follow = url.get("follow") === "1";
  const streams = useLogStreams(group);
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
  const shown = (events.data?.pages ?? []).flatMap((page) => page.events).reverse();
  const all = { value: "", label: t.allStreams };
  const options = [
    all,
    ...(streams.data ?? []).map((each) => ({ value: each.logStreamName, label: each.logStreamName })),
  ];
  return (
    <SpaceBetween size="s">
      <BreadcrumbGroup
        items={[
          { text: t.title, href: logsPath({ range }) },
          { text: group, href: "" },
        ]}
        ariaLabel={text.container.trail}
        onFollow={(event) => {
          event.preventDefault();
          if (event.detail.href) void navigate(event.detail.href);
        }}
      />
      <Header
        variant="h1"
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <CopyButton
              label={text.trace.copyLink}
              done={text.common.copied}
              failed={text.common.copyFailed}
              value={() => location.href}
            />
            <Button onClick={() => void navigate(logQueryPath({ range, groups: group }))}>
              Logs Insights
            </Button>
            <TimeRangeControl />
          </SpaceBetween>
        }
      >
        {group}
      </Header>
      <div className="m-toolbar">
        <PatternBox
          key={filter}
          value={filter ?? ""}
          onChange={(value) => url.set({ filter: value || undefined })}
        />
        <Select
          ariaLabel={t.stream}
          options={options}
          filteringType="auto"
          filteringAriaLabel={t.stream}
          selectedOption={options.find((option) => option.value === (stream ?? "")) ?? { value: stream!, label: stream! }}
          onChange={({ detail }) => url.set({ stream: detail.selectedOption.value || undefined })}
        />
        <Toggle
          checked={follow}
          onChange={({ detail }) => url.set({ follow: detail.checked ? "1" : undefined })}
        >
          {t.follow}
        </Toggle>
      </div>
      {events.error ? (
        <ErrorState error={events.error} onRetry={() => void events.refetch()} />
      ) : events.isPending ? (
        <PageLoading label={text.common.loading} rows={6} />
      ) : (
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
            <Lines events={shown} withStreams={!stream} follow={follow} range={range} />
          )}
        </Container>
      )}
    </SpaceBetween>
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

/** Oldest first; while they come in, the newest stays in sight. */
function Lines({
  events,
  withStreams,
  follow,
  range,
}: {
  events: readonly LogEvent[];
  withStreams: boolean;
  follow: boolean;
  range: string | undefined;
}) {
  const { text, zone } = useSettings();
  const list = useRef<HTMLDivElement>(null);
  const newest = events.at(-1)?.eventId;
  useEffect(() => {
    if (list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [newest, follow]);
  return (
    <div className="m-log" ref={list} tabIndex={0} role="log" aria-label={text.log.events} data-testid="log-lines">
      {events.map((event) => (
        <div key={event.eventId} className={`m-log-line m-log-${levelOf(event.message)}`}>
          <details>
            <summary>
              <time dateTime={new Date(event.timestamp).toISOString()}>
                {formatTimeMillis(event.timestamp, zone)}
              </time>
              {withStreams && <span className="m-log-stream">{event.logStreamName}</span>}
              <span className="m-log-message">{event.message}</span>
            </summary>
            <Whole event={event} />
          </details>
          {tracesOf(event.message).map((trace) => (
            <Link key={trace} to={tracePath(trace, { range })} className="m-link" title={trace}>
              {text.log.trace}
            </Link>
          ))}
        </div>
      ))}
    </div>
  );
}

function Whole({ event }: { event: LogEvent }) {
  const { text, zone } = useSettings();
  const t = text.log;
  const json = jsonOf(event.message);
  return (
    <div className="m-log-whole">
      <dl>
        <dt>{t.stream}</dt>
        <dd>{event.logStreamName}</dd>
        <dt>{t.ingested}</dt>
        <dd>{formatTimeMillis(event.ingestionTime, zone)}</dd>
      </dl>
      {json === undefined ? <pre>{event.message}</pre> : <JsonTree value={json} />}
      <CopyButton
        label={t.copy}
        done={text.common.copied}
        failed={text.common.copyFailed}
        value={() => event.message}
      />
    </div>
  );
}
