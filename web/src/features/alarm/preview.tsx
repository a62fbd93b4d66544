// What an alarm that is being made would have done over the last hours or days.

import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useEffect, useMemo, useState } from "react";

import type { MetricAlarmInput } from "../../api/alarm";
import { useAlarmPreview } from "../../api/alarm-hook";
import { PreviewChart } from "../../app/alarm-graph";
import { conditionText, durationText } from "../../app/alarm-words";
import { ErrorState } from "../../app/error-state";
import { useSettings } from "../../app/settings";
import { spanText } from "../../app/time-range-control";
import { PageLoading } from "../../components/page-loading";
import type { Catalogue } from "../../i18n/en";
import { spansOf, type StateSpan } from "../../model/alarm";
import { inputOf, mistakesOf, type AlarmDraft } from "../../model/alarm-form";
import { formatTime } from "../../model/format";

/** A day is told in hours, as it ends now. */
const lengthText = (text: Catalogue, seconds: number) =>
  seconds === 86_400 ? text.range.hours(24) : spanText(text, seconds);

const spans = [3 * 3600, 86_400, 7 * 86_400] as const;

/** Times that are told one by one. */
const mostTimes = 5;

export function Preview({ draft }: { draft: AlarmDraft }) {
  const { text } = useSettings();
  const t = text.alarm.form;
  const [seconds, setSeconds] = useState<number>(86_400);
  const input = useSettled(useMemo(() => previewInput(draft), [draft]), 400);
  const [end] = useState(() => Math.ceil(Date.now() / 60_000) * 60);
  const window = useMemo(() => ({ start: end - seconds, end }), [end, seconds]);
  const preview = useAlarmPreview(input, window);
  const states = useMemo(
    () =>
      spansOf(
        (preview.data?.States ?? []).map((each) => ({
          time: each.StartTime,
          state: each.StateValue,
          reason: each.StateReason,
        })),
        window,
      ),
    [preview.data, window],
  );
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={input ? conditionText(text, input) : undefined}
          actions={
            <SegmentedControl
              label={t.over}
              selectedId={String(seconds)}
              options={spans.map((each) => ({ id: String(each), text: lengthText(text, each) }))}
              onChange={({ detail }) => setSeconds(Number(detail.selectedId))}
            />
          }
        >
          {t.preview}
        </Header>
      }
    >
      <div data-testid="alarm-preview">
        {!input ? (
          <div className="m-text-quiet">{t.previewText}</div>
        ) : preview.error ? (
          <ErrorState error={preview.error} onRetry={() => void preview.refetch()} />
        ) : preview.isPending ? (
          <PageLoading label={text.common.loading} rows={4} />
        ) : (
          <SpaceBetween size="s">
            <PreviewChart
              title={t.preview}
              input={input}
              preview={preview.data}
              spans={states}
              window={window}
              height={260}
            />
            <Rang
              states={states}
              end={end}
              seconds={seconds}
              hasData={preview.data.Series.some((line) => line.Values.length > 0)}
            />
          </SpaceBetween>
        )}
      </div>
    </Container>
  );
}

/** How often it would have rung, and when. */
function Rang({
  states,
  end,
  seconds,
  hasData,
}: {
  states: readonly StateSpan[];
  end: number;
  seconds: number;
  hasData: boolean;
}) {
  const { text, zone } = useSettings();
  const t = text.alarm.form;
  const rang = states.filter((span) => span.state === "ALARM").reverse();
  const time = (at: number) => formatTime(at, zone).slice(5, 16);
  /** Of the same day, the clock is enough. */
  const until = (from: number, to: number) => (time(to).slice(0, 5) === time(from).slice(0, 5) ? time(to).slice(6) : time(to));
  return (
    <div role="status" data-testid="preview-rang" data-count={rang.length}>
      {!hasData && <div>{t.noData}</div>}
      <strong>{t.rang(rang.length, lengthText(text, seconds))}</strong>
      {rang.length > 0 && (
        <ul>
          {rang.slice(0, mostTimes).map((span) => (
            <li key={span.start}>
              {span.end >= end
                ? t.rangStill(time(span.start), durationText(text, span.end - span.start))
                : t.rangFrom(time(span.start), until(span.start, span.end), durationText(text, span.end - span.start))}
            </li>
          ))}
          {rang.length > mostTimes && <li>{t.rangMore(rang.length - mostTimes)}</li>}
        </ul>
      )}
    </div>
  );
}

/** Undefined while there is nothing to compute; a name is not needed for that. */
function previewInput(draft: AlarmDraft): MetricAlarmInput | undefined {
  const mistakes = mistakesOf({ ...draft, name: "preview" });
  return mistakes.size === 0 ? inputOf({ ...draft, name: "preview" }) : undefined;
}

/** The value as it was when nobody had changed it for a while: half a number is no limit. */
function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}
