// When a canary runs, how long it may take, and how long its runs are kept.

import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";

import { scheduleText } from "../../app/canary-words";
import { useText } from "../../app/settings";
import { rates, type CanaryDraft } from "../../model/canary-draft";
import { isCron } from "../../model/canary-schedule";
import { TextField, useProblemText, type PartProps } from "./form-parts";

export function ScheduleFields({ draft, change, problems }: PartProps) {
  const text = useText();
  const t = text.canary.form;
  const problemText = useProblemText();
  const [isOther, setIsOther] = useState(!rates.some((rate) => String(rate) === draft.minutes));
  const rateOptions = [
    ...rates.map((rate) => ({ value: String(rate), label: scheduleText(text, `rate(${rate} minutes)`) })),
    { value: "other", label: t.otherRate },
  ];
  return (
    <SpaceBetween size="m">
      <SegmentedControl
        label={t.scheduling}
        selectedId={draft.schedule}
        options={(["rate", "cron", "once"] as const).map((id) => ({ id, text: t.scheduleKinds[id] }))}
        onChange={({ detail }) => change({ schedule: detail.selectedId as CanaryDraft["schedule"] })}
      />
      {draft.schedule === "rate" && (
        <div className="m-form-grid">
          <FormField label={text.canary.list.schedule}>
            <Select
              options={rateOptions}
              selectedOption={
                rateOptions.find((option) => option.value === (isOther ? "other" : draft.minutes)) ?? rateOptions[1]!
              }
              onChange={({ detail }) => {
                const { value } = detail.selectedOption;
                setIsOther(value === "other");
                if (value !== "other") change({ minutes: value! });
              }}
            />
          </FormField>
          {isOther && (
            <TextField
              label={t.minutes}
              note="1–60"
              value={draft.minutes}
              onChange={(minutes) => change({ minutes })}
              error={problemText(problems["minutes"])}
              numeric
            />
          )}
        </div>
      )}
      {draft.schedule === "cron" && (
        <TextField
          label={t.scheduleKinds.cron}
          help={t.cronHelp}
          note={isCron(draft.cron) ? scheduleText(text, `cron(${draft.cron})`) : undefined}
          value={draft.cron}
          onChange={(cron) => change({ cron })}
          error={problemText(problems["cron"])}
          mono
        />
      )}
      <Checkbox
        checked={draft.tracing}
        description={t.tracingHelp}
        onChange={({ detail }) => change({ tracing: detail.checked })}
      >
        {t.tracing}
      </Checkbox>
      <MoreFields draft={draft} change={change} problems={problems} />
    </SpaceBetween>
  );
}

function MoreFields({ draft, change, problems }: PartProps) {
  const t = useText().canary.form;
  const problemText = useProblemText();
  const hasProblem = ["timeout", "successDays", "failureDays"].some((field) => problems[field] !== undefined);
  const retries = t.retriesOptions.map((label, i) => ({ value: String(i), label }));
  const field = (
    name: "timeout" | "successDays" | "failureDays",
    label: string,
    help?: string,
  ) => (
    <TextField
      label={label}
      help={help}
      value={draft[name]}
      onChange={(value) => change({ [name]: value })}
      error={problemText(problems[name])}
      numeric
    />
  );
  return (
    // Opens by itself where something in it has to be mended.
    <ExpandableSection key={String(hasProblem)} headerText={t.more} defaultExpanded={hasProblem}>
      <SpaceBetween size="m">
        <div className="m-form-grid">
          {field("timeout", t.timeout, t.timeoutHelp)}
          <FormField label={t.retries} description={t.retriesHelp}>
            <Select
              options={retries}
              selectedOption={retries.find((option) => option.value === draft.retries) ?? retries[0]!}
              onChange={({ detail }) => change({ retries: detail.selectedOption.value! })}
            />
          </FormField>
          {field("successDays", t.successDays)}
          {field("failureDays", t.failureDays)}
        </div>
        {["script", "api", "multi-checks"].includes(draft.blueprint) && <Environment draft={draft} change={change} problems={problems} />}
      </SpaceBetween>
    </ExpandableSection>
  );
}

function Environment({ draft, change }: PartProps) {
  const t = useText().canary.form;
  const { environment, storedNames } = draft;
  const set = (i: number, part: Partial<(typeof environment)[number]>) =>
    change({ environment: environment.map((each, j) => (i === j ? { ...each, ...part } : each)) });
  return (
    <FormField label={t.environment} description={t.environmentHelp} stretch>
      <div className="m-form-rows">
        {storedNames.length > 0 && (
          <div className="m-text-quiet">
            {(environment.length > 0 ? t.storedReplaced : t.storedKept)(storedNames.join(", "))}
          </div>
        )}
        {environment.map(({ key, value }, i) => (
          <div key={i} className="m-form-row m-form-variable">
            <Input
              value={key}
              ariaLabel={`${t.key} ${i + 1}`}
              placeholder={t.key}
              spellcheck={false}
              onChange={({ detail }) => set(i, { key: detail.value })}
            />
            <Input
              value={value}
              ariaLabel={`${t.value} ${i + 1}`}
              placeholder={t.value}
              spellcheck={false}
              onChange={({ detail }) => set(i, { value: detail.value })}
            />
            <Button
              variant="icon"
              iconName="remove"
              formAction="none"
              ariaLabel={`${t.remove}: ${key || i + 1}`}
              onClick={() => change({ environment: environment.filter((_, j) => j !== i) })}
            />
          </div>
        ))}
        <Button
          iconName="add-plus"
          formAction="none"
          onClick={() => change({ environment: [...environment, { key: "", value: "" }] })}
        >
          {t.addVariable}
        </Button>
      </div>
    </FormField>
  );
}
