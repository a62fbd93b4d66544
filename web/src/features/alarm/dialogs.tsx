// Setting a state by hand, and deleting: of one alarm or of several.

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState, type ReactNode } from "react";

import { alarmStates, deleteAlarms, setAlarmState, type Alarm, type AlarmState } from "../../api/alarm";
import { useAlarmChange, useAlarms } from "../../api/alarm-hook";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { deletionOrder, parentsOf } from "../../model/alarm-rule";

interface DialogProps {
  title: string;
  action: string;
  error: Error | null;
  isBusy: boolean;
  disabled?: boolean;
  onDone: () => void;
  onCancel: () => void;
  children: ReactNode;
}

function Dialog({ title, action, error, isBusy, disabled, onDone, onCancel, children }: DialogProps) {
  const text = useText();
  return (
    <Modal
      visible
      onDismiss={onCancel}
      closeAriaLabel={text.common.close}
      header={title}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onCancel}>
              {text.common.cancel}
            </Button>
            <ChangeButton
              variant="primary"
              loading={isBusy}
              loadingText={text.common.loading}
              {...(disabled ? { disabled } : {})}
              onClick={onDone}
            >
              {action}
            </ChangeButton>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="s">
        {error && <ErrorState error={error} />}
        {children}
      </SpaceBetween>
    </Modal>
  );
}

interface AlarmDialogProps {
  names: readonly string[];
  onDone: () => void;
  onCancel: () => void;
}

export function SetStateDialog({ names, onDone, onCancel }: AlarmDialogProps) {
  const text = useText();
  const t = text.alarm;
  const [state, setState] = useState<AlarmState>("ALARM");
  const [reason, setReason] = useState(t.reasonDefault);
  const change = useAlarmChange(
    () =>
      Promise.all(
        names.map((AlarmName) => setAlarmState({ AlarmName, StateValue: state, StateReason: reason.trim() })),
      ),
    onDone,
  );
  return (
    <Dialog
      title={t.setStateTitle(names.length)}
      action={text.common.save}
      error={change.error}
      isBusy={change.isPending}
      disabled={reason.trim() === ""}
      onDone={() => change.mutate(undefined)}
      onCancel={onCancel}
    >
      <div>{t.setStateText}</div>
      <SegmentedControl
        label={t.state}
        selectedId={state}
        options={alarmStates.map((id) => ({ id, text: t.states[id] }))}
        onChange={({ detail }) => setState(detail.selectedId as AlarmState)}
      />
      <FormField label={t.reason} stretch>
        <Input value={reason} onChange={({ detail }) => setReason(detail.value)} />
      </FormField>
    </Dialog>
  );
}

export function DeleteAlarmsDialog({ names, onDone, onCancel }: AlarmDialogProps) {
  const text = useText();
  const t = text.alarm;
  const alarms = useAlarms().data ?? [];
  const used = useParentsOf(names).filter((name) => !names.includes(name));
  const change = useAlarmChange(() => deleteInOrder(names, alarms), onDone);
  return (
    <Dialog
      title={t.deleteTitle(names.length, names[0] ?? "")}
      action={text.common.delete}
      error={change.error}
      isBusy={change.isPending}
      disabled={used.length > 0}
      onDone={() => change.mutate(undefined)}
      onCancel={onCancel}
    >
      {names.length > 1 && (
        <ul>
          {names.map((name) => (
            <li key={name}>{name}</li>
          ))}
        </ul>
      )}
      <div>{t.deleteText}</div>
      {used.length > 0 && <Alert type="warning">{t.deleteUsed(used.join(", "))}</Alert>}
    </Dialog>
  );
}

/** One call deletes at most one composite alarm, and none whose parents are still there (AWS). */
async function deleteInOrder(names: readonly string[], alarms: readonly Alarm[]): Promise<void> {
  const { first, rest } = deletionOrder(names, alarms);
  for (const name of first) await deleteAlarms([name]);
  if (rest.length > 0) await deleteAlarms(rest);
}

/** Composite alarms whose rules name one of these. */
export function useParentsOf(names: readonly string[]): string[] {
  const alarms = useAlarms().data ?? [];
  return parentsOf(names, alarms);
}
