// A session of StartLiveTail: lines as they come in, the newest five thousand of them.

import { useCallback, useEffect, useRef, useState } from "react";

import { tailLogs, type TailEvent } from "../../api/logs";
import type { ShownLine } from "../../app/log-lines";

export interface LiveTail {
  lines: readonly ShownLine[];
  state: "connecting" | "open" | "ended";
  error: Error | undefined;
  /** Lines a second, over the last ten. */
  rate: number;
  /** There were more than the server sends. */
  sampled: boolean;
  /** Came in since it was paused. */
  waiting: number;
  clear: () => void;
}

export interface LiveTailInput {
  groups: readonly string[];
  filter: string | undefined;
}

const mostLines = 5000;
/** A busy group must not draw the page more often than somebody reads. */
const everyMillis = 300;
const rateSeconds = 10;

/** Another input, or another number of the session, begins anew. Paused, what comes is kept and shown later. */
export function useLiveTail(input: LiveTailInput | undefined, session: number, paused: boolean): LiveTail {
  const [shown, setShown] = useState<Omit<LiveTail, "clear">>(nothing);
  const kept = useRef<ShownLine[]>([]);
  const isPaused = useRef(paused);
  isPaused.current = paused;
  const asked = input && JSON.stringify(input);
  useEffect(() => {
    if (asked === undefined) return;
    const { groups, filter } = JSON.parse(asked) as LiveTailInput;
    const stop = new AbortController();
    const arrivals: { at: number; count: number }[] = [];
    let [number, waiting, sampled, changed] = [0, 0, false, false];
    let state: LiveTail["state"] = "connecting";
    let error: Error | undefined;
    kept.current = [];
    setShown(nothing);
    const show = () => {
      const now = Date.now();
      while (arrivals[0] && arrivals[0].at < now - rateSeconds * 1000) arrivals.shift();
      const rate = arrivals.reduce((sum, { count }) => sum + count, 0) / rateSeconds;
      if (!isPaused.current) waiting = 0;
      const isNew = changed && !isPaused.current;
      if (isNew) changed = false;
      setShown((old) => ({
        lines: isNew || old.lines.length === 0 ? kept.current : old.lines,
        state,
        error,
        rate,
        sampled,
        waiting,
      }));
    };
    const timer = setInterval(show, everyMillis);
    tailLogs(
      { logGroupIdentifiers: [...groups], logEventFilterPattern: filter },
      (events, isSampled) => {
        sampled = isSampled;
        if (events.length === 0) return;
        arrivals.push({ at: Date.now(), count: events.length });
        waiting += events.length;
        changed = true;
        kept.current = [...kept.current, ...events.map((event) => toLine(event, (number += 1)))].slice(-mostLines);
      },
      () => (state = "open"),
      stop.signal,
    )
      .catch((reason: unknown) => {
        if (!stop.signal.aborted) error = reason instanceof Error ? reason : new Error(String(reason));
      })
      .finally(() => {
        clearInterval(timer);
        if (stop.signal.aborted) return;
        state = "ended";
        show();
      });
    return () => {
      stop.abort();
      clearInterval(timer);
    };
  }, [asked, session]);
  const clear = useCallback(() => {
    kept.current = [];
    setShown((old) => ({ ...old, lines: [], waiting: 0 }));
  }, []);
  return { ...shown, clear };
}

const nothing: Omit<LiveTail, "clear"> = {
  lines: [],
  state: "connecting",
  error: undefined,
  rate: 0,
  sampled: false,
  waiting: 0,
};

function toLine(event: TailEvent, number: number): ShownLine {
  return {
    key: String(number),
    timestamp: event.timestamp,
    message: event.message,
    // `<account>:<group>`, or an ARN.
    group: /:log-group:([^:]+)/.exec(event.logGroupIdentifier)?.[1] ?? event.logGroupIdentifier.replace(/^\d+:/, ""),
    stream: event.logStreamName,
    ingestionTime: event.ingestionTime,
  };
}
