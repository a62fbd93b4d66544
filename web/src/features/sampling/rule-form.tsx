import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";

import { createSamplingRule, updateSamplingRule, type SamplingRule } from "../../api/xray";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import type { Catalogue } from "../../i18n/en";
import {
  isDefaultRule,
  matchFields,
  problemsOf,
  toDraft,
  toRule,
  toUpdate,
  type RuleDraft,
  type RuleProblem,
} from "../../model/sampling-rule";

interface RuleFormProps {
  rule: SamplingRule | undefined;
  taken: readonly string[];
  onDone: (message: string) => void;
  onCancel: () => void;
}

export function RuleForm({ rule, taken, onDone, onCancel }: RuleFormProps) {
  const text = useText();
  const t = text.sampling;
  const [draft, setDraft] = useState<RuleDraft>(() => toDraft(rule));
  const [checked, setChecked] = useState(false);
  const problems = problemsOf(draft, taken, rule !== undefined);
  const isDefault = rule !== undefined && isDefaultRule(rule);
  const save = useMutation({
    mutationFn: () =>
      rule
        ? updateSamplingRule({ SamplingRuleUpdate: toUpdate(draft) })
        : createSamplingRule({ SamplingRule: toRule(draft) }),
    onSuccess: () => onDone(rule ? t.updated(draft.RuleName) : t.created(draft.RuleName)),
  });
  const submit = () => {
    setChecked(true);
    if (Object.keys(problems).length === 0) save.mutate();
  };
  const field = (
    name: keyof RuleDraft,
    label: string,
    options: { help?: string; note?: string; disabled?: boolean; decimal?: boolean; numeric?: boolean } = {},
  ) => (
    <FormField
      label={label}
      description={options.help}
      constraintText={options.note}
      errorText={checked && problems[name] ? problemText(text, problems[name]) : undefined}
    >
      <Input
        value={draft[name]}
        disabled={options.disabled ?? false}
        {...(options.numeric
          ? { inputMode: options.decimal ? ("decimal" as const) : ("numeric" as const) }
          : {})}
        onChange={({ detail }) => setDraft({ ...draft, [name]: detail.value })}
      />
    </FormField>
  );
  const labels = {
    ServiceName: t.service,
    ServiceType: t.serviceType,
    Host: t.host,
    HTTPMethod: t.method,
    URLPath: t.path,
    ResourceARN: t.arn,
  };
  const attributes = Object.entries(rule?.Attributes ?? {});
  return (
    <Modal
      visible
      size="large"
      onDismiss={onCancel}
      closeAriaLabel={text.common.close}
      header={rule ? t.editTitle(rule.RuleName ?? "") : t.create}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button variant="link" formAction="none" onClick={onCancel}>
                {text.common.cancel}
              </Button>
              <Button variant="primary" loading={save.isPending} loadingText={text.common.loading}>
                {rule ? text.common.save : text.common.create}
              </Button>
            </SpaceBetween>
          }
        >
          <SpaceBetween size="m">
            {save.error && <ErrorState error={save.error} />}
            {isDefault && <Alert type="info">{t.defaultNote}</Alert>}
            <ColumnLayout columns={2}>
              {field("RuleName", t.name, { help: t.nameHelp, disabled: rule !== undefined })}
              {field("Priority", t.priority, {
                help: t.priorityHelp,
                disabled: isDefault,
                numeric: true,
              })}
              {field("ReservoirSize", t.reservoir, { help: t.reservoirHelp, numeric: true })}
              {field("Percent", `${t.fixedRate} (%)`, {
                help: t.rateHelp,
                numeric: true,
                decimal: true,
              })}
            </ColumnLayout>
            <div>
              <Box variant="h3">{t.matching}</Box>
              <Box color="text-body-secondary">{t.matchingHelp}</Box>
            </div>
            <ColumnLayout columns={3}>
              {matchFields.map((name) => (
                <div key={name}>
                  {field(name, labels[name], {
                    disabled: isDefault,
                    ...(name === "ResourceARN" ? { note: t.arnHelp } : {}),
                  })}
                </div>
              ))}
            </ColumnLayout>
            {attributes.length > 0 && (
              <Box color="text-body-secondary">
                {t.attributesKept(attributes.map(([k, v]) => `${k}=${v}`).join(", "))}
              </Box>
            )}
          </SpaceBetween>
        </Form>
      </form>
    </Modal>
  );
}

function problemText(text: Catalogue, problem: RuleProblem): string {
  return typeof problem === "object"
    ? text.sampling.errors.tooLong(problem.tooLong)
    : text.sampling.errors[problem];
}
