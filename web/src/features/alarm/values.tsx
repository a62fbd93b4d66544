// What an alarm watched in the time on screen, with its limit, and the states that it was in.

import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import { useMemo } from "react";

import { isComposite, type Alarm, type AlarmHistoryItem, type MetricAlarmInput } from "../../api/alarm";
import { useAlarmPreview } from "../../api/alarm-hook";
import { PreviewChart } from "../../app/alarm-graph";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { PageLoading } from "../../components/page-loading";
import { inputOfAlarm, spansOf, stateChangesOf } from "../../model/alarm";
import { toMinutes } from "../../model/time-range";

export function Values({ alarm, history }: { alarm: Alarm; history: readonly AlarmHistoryItem[] }) {
  const text = useText();
  const t = text.alarm;
  const { window, now, setRange } = useTimeRange();
  // What is asked for must not change with every answer about its state.
  const asked = isComposite(alarm) ? undefined : JSON.stringify(inputOfAlarm(alarm));
  const input = useMemo(() => (asked ? (JSON.parse(asked) as MetricAlarmInput) : undefined), [asked]);
  const preview = useAlarmPreview(input, window);
  const spans = useMemo(
    () => spansOf(stateChangesOf(alarm, history), { start: window.start, end: Math.min(window.end, now) }),
    [alarm, history, window, now],
  );
  return (
    <Container header={<Header variant="h2">{input ? t.chart.title : t.chart.states}</Header>}>
      {preview.error ? (
        <ErrorState error={preview.error} onRetry={() => void preview.refetch()} />
      ) : input && preview.isPending ? (
        <PageLoading label={text.common.loading} rows={4} />
      ) : (
        <PreviewChart
          title={alarm.AlarmName}
          input={input}
          preview={preview.data}
          spans={spans}
          window={window}
          onZoom={(start, end) => setRange({ kind: "absolute", ...toMinutes({ start, end }) })}
        />
      )}
    </Container>
  );
}
