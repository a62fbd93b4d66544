// The form of a composite alarm: a rule over other alarms, and one that keeps it quiet.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea, { type TextareaProps } from "@cloudscape-design/components/textarea";
import { useRef, useState } from "react";

import { alarmStates, putCompositeAlarm, type AlarmState } from "../../api/alarm";
import { useAlarmChange, useAlarms } from "../../api/alarm-hook";
import { ApiError } from "../../api/client";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { compositeInput, compositeMistakes, type CompositeDraft, type CompositeMistake } from "../../model/composite-form";
import { alarmsOfRule, parseRule, printTerm } from "../../model/alarm-rule";
import { About } from "./form-about";
import { Notify } from "./form-notify";
import { Tree } from "./rule-tree";

interface CompositeFormProps {
  initial: CompositeDraft;
  isNew: boolean;
  onDone: (name: string) => void;
  onCancel: () => void;
}

export function CompositeForm({ initial, isNew, onDone, onCancel }: CompositeFormProps) {
  const text = useText();
  const t = text.alarm.form;
  const [draft, setDraft] = useState(initial);
  const [checked, setChecked] = useState(false);
  const alarms = useAlarms().data ?? [];
  const isTaken = isNew && alarms.some((alarm) => alarm.AlarmName === draft.name.trim());
  const mistakes = compositeMistakes(draft);
  const save = useAlarmChange(
    () => putCompositeAlarm(compositeInput(draft)),
    () => onDone(draft.name.trim()),
  );
  const set = (part: Partial<CompositeDraft>) => setDraft((old) => ({ ...old, ...part }));
  const errorOf = (mistake: CompositeMistake) => (checked && mistakes.has(mistake) ? t.errors[mistake] : undefined);
  // What the server says of the rule stands at the rule.
  const ofRule = save.error instanceof ApiError && /rule/i.test(save.error.message) ? save.error.message : undefined;
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
        errorText={save.error && !ofRule && <ErrorState error={save.error} />}
      >
        <SpaceBetween size="m">
          <Rule
            rule={draft.rule}
            name={draft.name}
            error={errorOf("rule") ?? ofRule}
            onChange={(rule) => {
              save.reset();
              set({ rule });
            }}
          />
          <Suppressor draft={draft} onChange={set} errorOf={errorOf} />
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
      </Form>
    </form>
  );
}

interface RuleProps {
  rule: string;
  name: string;
  error: string | undefined;
  onChange: (rule: string) => void;
}

function Rule({ rule, name, error, onChange }: RuleProps) {
  const text = useText();
  const t = text.alarm.form;
  const alarms = useAlarms().data ?? [];
  const [state, setState] = useState<AlarmState>("ALARM");
  const area = useRef<HTMLDivElement>(null);
  const input = useRef<TextareaProps.Ref>(null);
  const parsed = parseRule(rule);
  const unknown = parsed
    ? alarmsOfRule(parsed).filter((each) => alarms.every((alarm) => alarm.AlarmName !== each))
    : [];
  const insert = (alarm: string) => {
    const place = area.current?.querySelector("textarea")?.selectionStart ?? rule.length;
    const before = rule.slice(0, place);
    // Two terms beside each other need a word between them.
    const joint = /\)\s*$/.test(before) ? (before.endsWith(" ") ? "OR " : " OR ") : "";
    onChange(`${before}${joint}${printTerm(state, alarm)}${rule.slice(place)}`);
    input.current?.focus();
  };
  return (
    <Container header={<Header variant="h2">{t.rule}</Header>}>
      <SpaceBetween size="m">
        <FormField
          label={t.rule}
          description={t.ruleHelp}
          errorText={error}
          warningText={
            error || rule.trim() === "" ? undefined : !parsed ? t.ruleBroken : unknown.length > 0 ? t.unknownAlarms(unknown.join(", ")) : undefined
          }
          stretch
        >
          <div ref={area} className="m-mono">
            <Textarea
              ref={input}
              value={rule}
              rows={4}
              spellcheck={false}
              placeholder={t.rulePlaceholder}
              onChange={({ detail }) => onChange(detail.value)}
            />
          </div>
        </FormField>
        <div className="m-limit-row">
          <Select
            ariaLabel={t.insertState}
            options={alarmStates.map((value) => ({ value, label: value }))}
            selectedOption={{ value: state, label: state }}
            onChange={({ detail }) => setState(detail.selectedOption.value as AlarmState)}
            expandToViewport
          />
          <span className="m-picker">
            <Select
              ariaLabel={t.insert}
              placeholder={t.insert}
              filteringType="auto"
              filteringAriaLabel={text.alarm.find}
              options={alarms
                .filter((alarm) => alarm.AlarmName !== name)
                .map((alarm) => ({
                  value: alarm.AlarmName,
                  label: alarm.AlarmName,
                  description: text.alarm.states[alarm.StateValue],
                }))}
              selectedOption={null}
              onChange={({ detail }) => insert(detail.selectedOption.value!)}
              empty={text.alarm.noMatch}
              expandToViewport
            />
          </span>
        </div>
        {parsed && (
          <div>
            <Box variant="h3" tagOverride="h3">
              {t.preview}
            </Box>
            <Tree rule={rule} above={[name]} />
          </div>
        )}
      </SpaceBetween>
    </Container>
  );
}

interface SuppressorProps {
  draft: CompositeDraft;
  onChange: (part: Partial<CompositeDraft>) => void;
  errorOf: (mistake: CompositeMistake) => string | undefined;
}

function Suppressor({ draft, onChange, errorOf }: SuppressorProps) {
  const text = useText();
  const t = text.alarm.form;
  const alarms = useAlarms().data ?? [];
  const names = [...new Set([...alarms.map((alarm) => alarm.AlarmName), ...(draft.suppressor ? [draft.suppressor] : [])])];
  const none = { value: "", label: t.noSuppressor };
  return (
    <Container header={<Header variant="h2" description={t.suppressorHelp}>{t.suppressor}</Header>}>
      <SpaceBetween size="m">
        <FormField label={t.suppressor} stretch>
          <Select
            ariaLabel={t.suppressor}
            filteringType="auto"
            filteringAriaLabel={text.alarm.find}
            options={[none, ...names.filter((name) => name !== draft.name).map((value) => ({ value, label: value }))]}
            selectedOption={draft.suppressor ? { value: draft.suppressor, label: draft.suppressor } : none}
            onChange={({ detail }) => onChange({ suppressor: detail.selectedOption.value ?? "" })}
            expandToViewport
          />
        </FormField>
        {draft.suppressor !== "" && (
          <div className="m-form-columns">
            <FormField label={t.wait} description={t.waitHelp} errorText={errorOf("seconds")}>
              <Input value={draft.wait} inputMode="numeric" onChange={({ detail }) => onChange({ wait: detail.value })} />
            </FormField>
            <FormField label={t.extension} description={t.extensionHelp} errorText={errorOf("seconds")}>
              <Input
                value={draft.extension}
                inputMode="numeric"
                onChange={({ detail }) => onChange({ extension: detail.value })}
              />
            </FormField>
          </div>
        )}
      </SpaceBetween>
    </Container>
  );
}
