// The pages on which alarms are made and changed.

import Alert from "@cloudscape-design/components/alert";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";

import { isComposite } from "../../api/alarm";
import { useAlarm } from "../../api/alarm-hook";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { useUrlState } from "../../app/url-state";
import { PageLoading } from "../../components/page-loading";
import { draftOfAlarm, draftOfPrefill, prefillNames, type Prefill } from "../../model/alarm-form";
import { draftOfComposite, emptyComposite } from "../../model/composite-form";
import { alarmPath, alarmsPath } from "../../path";
import { CompositeForm } from "./composite-form";
import { MetricForm } from "./metric-form";
import { Trail } from "./trail";

function useWays() {
  const navigate = useNavigate();
  const { printed: range } = useTimeRange();
  return {
    toAlarm: (name: string) => void navigate(alarmPath(name, { range })),
    toList: () => void navigate(alarmsPath({ range })),
  };
}

export function CreateAlarmPage() {
  const t = useText().alarm.form;
  const url = useUrlState();
  const { toAlarm, toList } = useWays();
  // A link fills the form in once; what is typed then is not taken back.
  const [initial] = useState(() =>
    draftOfPrefill(Object.fromEntries(prefillNames.map((name) => [name, url.get(name)])) as Prefill),
  );
  return (
    <SpaceBetween size="s">
      <Trail name={t.createMetric} />
      <Header variant="h1">{t.createMetric}</Header>
      <MetricForm initial={initial} isNew onDone={toAlarm} onCancel={toList} />
    </SpaceBetween>
  );
}

export function CreateCompositeAlarmPage() {
  const t = useText().alarm.form;
  const { toAlarm, toList } = useWays();
  return (
    <SpaceBetween size="s">
      <Trail name={t.createComposite} />
      <Header variant="h1">{t.createComposite}</Header>
      <CompositeForm initial={emptyComposite} isNew onDone={toAlarm} onCancel={toList} />
    </SpaceBetween>
  );
}

export function EditAlarmPage() {
  const text = useText();
  const t = text.alarm.form;
  const name = useParams().name ?? "";
  const { toAlarm } = useWays();
  const alarm = useAlarm(name);
  const found = alarm.data;
  return (
    <SpaceBetween size="s">
      <Trail name={text.common.edit} alarm={name} />
      <Header variant="h1">{t.edit(name)}</Header>
      {alarm.error ? (
        <ErrorState error={alarm.error} onRetry={() => void alarm.refetch()} />
      ) : alarm.isPending ? (
        <PageLoading label={text.common.loading} />
      ) : !found ? (
        <Alert type="info" header={text.alarm.notFound(name)}>
          {text.alarm.notFoundText}
        </Alert>
      ) : isComposite(found) ? (
        <CompositeForm
          initial={draftOfComposite(found)}
          isNew={false}
          onDone={toAlarm}
          onCancel={() => toAlarm(name)}
        />
      ) : (
        <MetricForm initial={draftOfAlarm(found)} isNew={false} onDone={toAlarm} onCancel={() => toAlarm(name)} />
      )}
    </SpaceBetween>
  );
}
