// Lines of logs, oldest first. A line is one row that opens: all of its message, where it is from, and the ways on from it.

import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useEffect, useLayoutEffect, useRef, useState, type ReactNode, type RefObject } from "react";
import { Link } from "react-router";

import { CopyButton } from "../components/copy-button";
import { JsonTree } from "../components/json-tree";
import { LogMessage } from "../components/log-message";
import { formatTimeMillis } from "../model/format";
import { jsonOf, levelOf, tracesOf } from "../model/log";
import { printLogPlace } from "../model/log-place";
import { logGroupPath, tracePath } from "../path";
import { useSettings } from "./settings";

export interface ShownLine {
  key: string;
  /** Milliseconds. */
  timestamp: number;
  message: string;
  group: string;
  stream: string;
  ingestionTime?: number | undefined;
}

interface LogLinesProps<Line extends ShownLine> {
  lines: readonly Line[];
  label: string;
  range: string | undefined;
  /** Between the time and the message. The same function each time: a line is drawn anew only when something of it changes. */
  facts?: ((line: Line) => ReactNode) | undefined;
  terms?: readonly string[] | undefined;
  anyCase?: boolean;
  /** Lines that are meant: they stand out. */
  isMeant?: ((line: Line) => boolean) | undefined;
  /** The key of the line that has to be in sight. */
  shown?: string | undefined;
  /** The newest line stays in sight, as long as nobody scrolls away from it. */
  atEnd?: boolean;
  /** Where the lines are about one trace, there is no link to it. */
  withTraces?: boolean;
  /** Above each line, if something has to be said there. */
  above?: ((line: Line, index: number) => ReactNode) | undefined;
}

/** More of them are drawn only as far as they are in sight: a page of them stays fluid, yet the browser's own search finds less. */
const mostDrawn = 600;
const lineHeight = 24;

export function LogLines<Line extends ShownLine>(props: LogLinesProps<Line>) {
  const { lines, label, facts, terms, anyCase, isMeant, shown, atEnd, withTraces = true, range, above } = props;
  const list = useRef<HTMLDivElement>(null);
  /** Who scrolls up to read is not carried away. */
  const stays = useRef(true);
  /** Lines that are open stay so while they are out of sight. */
  const opened = useRef(new Set<string>());
  const isVirtual = lines.length > mostDrawn;
  const virtualizer = useVirtualizer({
    count: lines.length,
    enabled: isVirtual,
    getScrollElement: () => list.current,
    estimateSize: () => lineHeight,
    overscan: 20,
    getItemKey: (i) => lines[i]!.key,
  });
  const newest = lines.at(-1)?.key;
  useEffect(() => {
    if (!atEnd || !stays.current) return;
    if (isVirtual) virtualizer.scrollToIndex(lines.length - 1, { align: "end" });
    else if (list.current) list.current.scrollTop = list.current.scrollHeight;
    // The number of lines does not tell that there are others.
  }, [newest, atEnd, isVirtual]);
  // Older lines come in above: what is looked at stays where it is, as browsers see to in a list that is drawn whole.
  const oldest = lines[0]?.key;
  const oldestBefore = useRef(oldest);
  useLayoutEffect(() => {
    const at = lines.findIndex((line) => line.key === oldestBefore.current);
    oldestBefore.current = oldest;
    if (isVirtual && at > 0 && list.current) list.current.scrollTop += at * lineHeight;
  }, [oldest]);
  const shownAt = shown === undefined ? -1 : lines.findIndex((line) => line.key === shown);
  const isThere = shownAt >= 0;
  useEffect(() => {
    if (!isThere) return;
    if (isVirtual) virtualizer.scrollToIndex(shownAt, { align: "center" });
    const [host, line] = [list.current, list.current?.querySelector<HTMLElement>("[data-shown]")];
    if (!isVirtual && host && line)
      host.scrollTop += line.getBoundingClientRect().top - host.getBoundingClientRect().top - host.clientHeight / 2;
  }, [shown, isThere, isVirtual]);
  const draw = (line: Line, i: number) => (
    <>
      {above?.(line, i)}
      <LogLine
        line={line}
        facts={facts as LogLineProps["facts"]}
        terms={terms}
        anyCase={anyCase ?? false}
        meant={isMeant?.(line) ?? false}
        shown={line.key === shown}
        withTraces={withTraces}
        range={range}
        opened={opened}
      />
    </>
  );
  return (
    <div
      className={`m-log${isVirtual ? " m-log-long" : ""}`}
      ref={list}
      tabIndex={0}
      role="log"
      aria-label={label}
      aria-live="off"
      data-testid="log-lines"
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        stays.current = scrollHeight - scrollTop - clientHeight < 2 * lineHeight;
      }}
    >
      {isVirtual ? (
        <div style={{ height: virtualizer.getTotalSize(), position: "relative" }}>
          {virtualizer.getVirtualItems().map(({ key, index, start }) => (
            <div
              key={key}
              ref={virtualizer.measureElement}
              data-index={index}
              className="m-log-virtual"
              style={{ transform: `translateY(${start}px)` }}
            >
              {draw(lines[index]!, index)}
            </div>
          ))}
        </div>
      ) : (
        lines.map((line, i) => <div key={line.key}>{draw(line, i)}</div>)
      )}
    </div>
  );
}

/** For lines of several streams: which one it is of. */
export function streamFact(line: ShownLine): ReactNode {
  return (
    <span className="m-log-stream m-log-fixed" title={`${line.group} ${line.stream}`}>
      {line.stream}
    </span>
  );
}

interface LogLineProps {
  line: ShownLine;
  facts: ((line: ShownLine) => ReactNode) | undefined;
  terms: readonly string[] | undefined;
  anyCase: boolean;
  meant: boolean;
  shown: boolean;
  withTraces: boolean;
  range: string | undefined;
  opened: RefObject<Set<string>>;
}

const LogLine = memo(function LogLine(props: LogLineProps) {
  const { line, facts, terms, anyCase, meant, shown, withTraces, range, opened } = props;
  const { text, zone } = useSettings();
  const [open, setOpen] = useState(() => opened.current.has(line.key));
  const toggle = (isOpen: boolean) => {
    if (isOpen) opened.current.add(line.key);
    else opened.current.delete(line.key);
    setOpen(isOpen);
  };
  const level = levelOf(line.message);
  return (
    <div
      className={`m-log-line m-log-${level}${meant ? " m-log-meant" : ""}`}
      data-testid="log-line"
      data-level={level}
      {...(meant ? { "data-meant": true } : {})}
      {...(shown ? { "data-shown": true } : {})}
    >
      <details open={open} onToggle={(event) => toggle(event.currentTarget.open)}>
        <summary>
          <time dateTime={new Date(line.timestamp).toISOString()}>{formatTimeMillis(line.timestamp, zone)}</time>
          {facts?.(line)}
          {level !== "other" && <span className="m-visually-hidden">{text.log.levels[level]}</span>}
          <span className="m-log-message">
            <LogMessage message={line.message} terms={terms} anyCase={anyCase} />
          </span>
        </summary>
        {open && <WholeLine line={line} terms={terms} anyCase={anyCase} range={range} />}
      </details>
      {withTraces &&
        tracesOf(line.message).map((trace) => (
          <Link
            key={trace}
            to={tracePath(trace, { range, tab: "logs", line: printLogPlace(line) })}
            className="m-link"
            title={trace}
          >
            {text.log.trace}
          </Link>
        ))}
    </div>
  );
});

function WholeLine({
  line,
  terms,
  anyCase,
  range,
}: {
  line: ShownLine;
  terms: readonly string[] | undefined;
  anyCase: boolean;
  range: string | undefined;
}) {
  const { text, zone } = useSettings();
  const t = text.log;
  const json = jsonOf(line.message);
  const around = logGroupPath(line.group, { range, stream: line.stream, line: printLogPlace(line) });
  return (
    <div className="m-log-whole">
      <dl>
        <dt>{t.group}</dt>
        <dd>{line.group}</dd>
        <dt>{t.stream}</dt>
        <dd>{line.stream}</dd>
        {line.ingestionTime !== undefined && (
          <>
            <dt>{t.ingested}</dt>
            <dd>{formatTimeMillis(line.ingestionTime, zone)}</dd>
          </>
        )}
      </dl>
      {json === undefined ? (
        <pre>
          <LogMessage message={line.message} terms={terms} anyCase={anyCase} />
        </pre>
      ) : (
        <JsonTree value={json} />
      )}
      <div className="m-links">
        <Link to={around} className="m-link" data-testid="lines-around">
          {t.around}
        </Link>
        <CopyButton
          label={t.copyLine}
          done={text.common.copied}
          failed={text.common.copyFailed}
          value={() => new URL(around, location.href).href}
        />
        <CopyButton
          label={t.copy}
          done={text.common.copied}
          failed={text.common.copyFailed}
          value={() => line.message}
        />
      </div>
    </div>
  );
}
