// The form of a metric alarm: what is watched, when that is bad, who is told; beside it, what it would have done.

import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Form from "@cloudscape-design/components/form";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";

import { putMetricAlarm } from "../../api/alarm";
import { useAlarmChange, useAlarms } from "../../api/alarm-hook";
import { ChangeButton } from "../../app/change-button";
import { CliButton } from "../../app/cli-button";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { inputOf, mistakesOf, type AlarmDraft, type DraftMistake } from "../../model/alarm-form";
import { About } from "./form-about";
import { ConditionFields } from "./form-condition";
import { Notify } from "./form-notify";
import { QueryFields } from "./form-queries";
import { Preview } from "./preview";

interface MetricFormProps {
  initial: AlarmDraft;
  isNew: boolean;
  onDone: (name: string) => void;
  onCancel: () => void;
}

export function MetricForm({ initial, isNew, onDone, onCancel }: MetricFormProps) {
  const text = useText();
  const t = text.alarm.form;
  const [draft, setDraft] = useState(initial);
  const [checked, setChecked] = useState(false);
  const alarms = useAlarms().data ?? [];
  const isTaken = isNew && alarms.some((alarm) => alarm.AlarmName === draft.name.trim());
  const mistakes = mistakesOf(draft);
  const save = useAlarmChange(
    () => putMetricAlarm(inputOf(draft)),
    () => onDone(draft.name.trim()),
  );
  const set = (part: Partial<AlarmDraft>) => setDraft((old) => ({ ...old, ...part }));
  const errorOf = (mistake: DraftMistake) => (checked && mistakes.has(mistake) ? t.errors[mistake] : undefined);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        setChecked(true);
        if (mistakes.size === 0) save.mutate(undefined);
      }}
    >
      <Form
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" formAction="none" onClick={onCancel}>
              {text.common.cancel}
            </Button>
            <ChangeButton variant="primary" loading={save.isPending} loadingText={text.common.loading}>
              {isNew ? text.alarm.create : text.common.save}
            </ChangeButton>
          </SpaceBetween>
        }
        secondaryActions={
          mistakes.size === 0 && (
            <CliButton
              service="cloudwatch"
              operation="put-metric-alarm"
              options={[["cli-input-json", JSON.stringify(inputOf(draft))]]}
            />
          )
        }
        errorText={save.error && <ErrorState error={save.error} />}
      >
        <div className="m-alarm-form">
          <SpaceBetween size="m">
            <Container header={<Header variant="h2" description={t.metricText}>{t.metric}</Header>}>
              <QueryFields draft={draft} onChange={set} errorOf={errorOf} />
            </Container>
            <Container header={<Header variant="h2">{t.condition}</Header>}>
              <ConditionFields draft={draft} onChange={set} errorOf={errorOf} />
            </Container>
          </SpaceBetween>
          {/* Beside the fields, or where there is no room, between them: what it is about is above. */}
          <div className="m-alarm-preview">
            <Preview draft={draft} />
          </div>
          <SpaceBetween size="m">
            <Notify
              actions={draft.actions}
              enabled={draft.enabled}
              onChange={(actions) => set({ actions })}
              onEnable={(enabled) => set({ enabled })}
            />
            <About
              name={draft.name}
              description={draft.description}
              isNew={isNew}
              error={errorOf("name")}
              warning={isTaken ? t.errors.nameTaken : undefined}
              onChange={set}
            />
          </SpaceBetween>
        </div>
      </Form>
    </form>
  );
}
