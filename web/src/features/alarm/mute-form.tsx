// The dialog of a mute rule: once from one time to another, or again and again.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import DatePicker from "@cloudscape-design/components/date-picker";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import Multiselect from "@cloudscape-design/components/multiselect";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tiles from "@cloudscape-design/components/tiles";
import TimeInput from "@cloudscape-design/components/time-input";
import { useState } from "react";

import { putMuteRule, type MuteRule } from "../../api/alarm";
import { useAlarmChange, useAlarms } from "../../api/alarm-hook";
import { muteText } from "../../app/alarm-words";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { useSettings } from "../../app/settings";
import {
  draftOfRule,
  muteInput,
  muteMistakes,
  newMuteDraft,
  type MuteDays,
  type MuteDraft,
  type MuteMistake,
} from "../../model/mute-form";

interface MuteFormProps {
  rule: MuteRule | undefined;
  /** Of a new rule. */
  alarm: string | undefined;
  taken: readonly string[];
  onDone: () => void;
  onCancel: () => void;
}

const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

export function MuteForm({ rule, alarm, taken, onDone, onCancel }: MuteFormProps) {
  const { text } = useSettings();
  const t = text.alarm.muteRule;
  const [draft, setDraft] = useState<MuteDraft>(() =>
    rule ? draftOfRule(rule, new Date()) : newMuteDraft(new Date(), ownZone, alarm ? [alarm] : []),
  );
  const [checked, setChecked] = useState(false);
  const mistakes = muteMistakes(draft);
  const hasNoTime = (["times", "cron", "duration", "clock"] as const).some((each) => mistakes.has(each));
  const isTaken = !rule && taken.includes(draft.name.trim());
  const save = useAlarmChange(() => putMuteRule(muteInput(draft)), onDone);
  const set = (part: Partial<MuteDraft>) => setDraft((old) => ({ ...old, ...part }));
  const errorOf = (mistake: MuteMistake) => (checked && mistakes.has(mistake) ? t.errors[mistake] : undefined);
  return (
    <Modal
      visible
      size="large"
      onDismiss={onCancel}
      closeAriaLabel={text.common.close}
      header={rule ? t.editTitle(rule.Name) : t.create}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onCancel}>
              {text.common.cancel}
            </Button>
            <ChangeButton
              variant="primary"
              loading={save.isPending}
              loadingText={text.common.loading}
              onClick={() => {
                setChecked(true);
                if (mistakes.size === 0 && !isTaken) save.mutate(undefined);
              }}
            >
              {text.common.save}
            </ChangeButton>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {save.error && <ErrorState error={save.error} />}
        <FormField
          label={t.name}
          description={rule ? undefined : t.nameHelp}
          errorText={errorOf("name") ?? (checked && isTaken ? t.errors.nameTaken : undefined)}
          stretch
        >
          <Input
            value={draft.name}
            disabled={rule !== undefined}
            onChange={({ detail }) => set({ name: detail.value })}
          />
        </FormField>
        <Targets draft={draft} onChange={set} error={errorOf("targets")} />
        <FormField label={t.repeat} stretch>
          <Tiles
            value={draft.kind}
            columns={2}
            items={[
              { value: "once", label: t.once, description: t.onceHelp },
              { value: "again", label: t.again, description: t.againHelp },
            ]}
            onChange={({ detail }) => set({ kind: detail.value === "once" ? "once" : "again" })}
          />
        </FormField>
        {draft.kind === "once" ? (
          <Once draft={draft} onChange={set} error={errorOf("times")} />
        ) : (
          <Again draft={draft} onChange={set} errorOf={errorOf} />
        )}
        <FormField label={t.zone} stretch>
          <Select
            ariaLabel={t.zone}
            filteringType="auto"
            options={zones(draft.zone).map((value) => ({ value, label: value }))}
            selectedOption={{ value: draft.zone, label: draft.zone }}
            onChange={({ detail }) => set({ zone: detail.selectedOption.value! })}
            expandToViewport
          />
        </FormField>
        {!hasNoTime && <div data-testid="mute-sentence">{muteText(text, muteInput(draft).Rule)}</div>}
        {draft.kind === "again" && (
          <div className="m-form-columns">
            <FormField label={<>{t.starts} - <i>{t.optional}</i></>}>
              <DatePicker
                value={draft.starts}
                placeholder="YYYY-MM-DD"
                format="iso"
                inputFormat="iso"
                onChange={({ detail }) => set({ starts: detail.value })}
              />
            </FormField>
            <FormField label={<>{t.expires} - <i>{t.optional}</i></>}>
              <DatePicker
                value={draft.expires}
                placeholder="YYYY-MM-DD"
                format="iso"
                inputFormat="iso"
                onChange={({ detail }) => set({ expires: detail.value })}
              />
            </FormField>
          </div>
        )}
        <FormField label={<>{t.about} - <i>{t.optional}</i></>} stretch>
          <Input value={draft.description} onChange={({ detail }) => set({ description: detail.value })} />
        </FormField>
      </SpaceBetween>
    </Modal>
  );
}

function zones(own: string): string[] {
  return [...new Set([own, ownZone, "UTC", ...Intl.supportedValuesOf("timeZone")])];
}

interface PartProps {
  draft: MuteDraft;
  onChange: (part: Partial<MuteDraft>) => void;
}

function Targets({ draft, onChange, error }: PartProps & { error: string | undefined }) {
  const { text } = useSettings();
  const t = text.alarm.muteRule;
  const alarms = useAlarms();
  const names = [...new Set([...(alarms.data ?? []).map((alarm) => alarm.AlarmName), ...draft.alarms])].sort();
  const option = (value: string) => ({ value, label: value });
  return (
    <FormField label={t.targets} errorText={error} stretch>
      <Multiselect
        ariaLabel={t.targets}
        options={names.map(option)}
        selectedOptions={draft.alarms.map(option)}
        placeholder={t.chooseAlarms}
        filteringType="auto"
        filteringAriaLabel={text.alarm.find}
        empty={text.alarm.noMatch}
        expandToViewport
        onChange={({ detail }) => onChange({ alarms: detail.selectedOptions.map((each) => each.value!) })}
      />
    </FormField>
  );
}

function Once({ draft, onChange, error }: PartProps & { error: string | undefined }) {
  const t = useSettings().text.alarm.muteRule;
  return (
    <FormField errorText={error} stretch>
      <div className="m-form-columns">
        {(["from", "to"] as const).map((end) => (
          <FormField key={end} label={t[end]} description={t.timeHelp}>
            <div className="m-limit-row">
              <DatePicker
                value={draft[`${end}Date`]}
                ariaLabel={`${t[end]}: ${t.date}`}
                placeholder="YYYY-MM-DD"
                format="iso"
                inputFormat="iso"
                onChange={({ detail }) => onChange({ [`${end}Date`]: detail.value })}
              />
              <span className="m-short">
                <TimeInput
                  value={draft[`${end}Time`]}
                  format="hh:mm"
                  placeholder="hh:mm"
                  ariaLabel={`${t[end]}: ${t.clock}`}
                  onChange={({ detail }) => onChange({ [`${end}Time`]: detail.value })}
                />
              </span>
            </div>
          </FormField>
        ))}
      </div>
    </FormField>
  );
}

function Again({
  draft,
  onChange,
  errorOf,
}: PartProps & { errorOf: (mistake: MuteMistake) => string | undefined }) {
  const { text } = useSettings();
  const t = text.alarm.muteRule;
  const labels: Record<MuteDays, string> = {
    every: t.everyDay,
    weekdays: t.weekdays,
    weekends: t.weekends,
    custom: t.custom,
  };
  return (
    <div className="m-form-columns">
      <FormField label={t.days}>
        <Select
          ariaLabel={t.days}
          options={(Object.keys(labels) as MuteDays[]).map((value) => ({ value, label: labels[value] }))}
          selectedOption={{ value: draft.days, label: labels[draft.days] }}
          onChange={({ detail }) => onChange({ days: detail.selectedOption.value as MuteDays })}
          expandToViewport
        />
      </FormField>
      {draft.days === "custom" ? (
        <FormField label={t.cron} description={t.cronHelp} errorText={errorOf("cron")}>
          <span className="m-mono">
            <Input
              value={draft.cron}
              placeholder="0 22 * * 1-5"
              spellcheck={false}
              onChange={({ detail }) => onChange({ cron: detail.value })}
            />
          </span>
        </FormField>
      ) : (
        <FormField label={t.clock} errorText={errorOf("clock")}>
          <TimeInput
            value={draft.clock}
            format="hh:mm"
            placeholder="hh:mm"
            onChange={({ detail }) => onChange({ clock: detail.value })}
          />
        </FormField>
      )}
      <FormField label={`${t.duration} (${t.minutes})`} description={t.durationHelp} errorText={errorOf("duration")}>
        <Input
          value={draft.minutes}
          inputMode="numeric"
          onChange={({ detail }) => onChange({ minutes: detail.value })}
        />
      </FormField>
    </div>
  );
}
