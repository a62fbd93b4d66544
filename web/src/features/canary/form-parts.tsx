// What the parts of the form share: a draft, how it is changed, and what is wrong with it.

import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Textarea from "@cloudscape-design/components/textarea";
import type { ReactNode } from "react";

import { useText } from "../../app/settings";
import type { CanaryDraft, Problem, Problems } from "../../model/canary-draft";

export interface PartProps {
  draft: CanaryDraft;
  change: (part: Partial<CanaryDraft>) => void;
  /** Only once somebody has tried to save. */
  problems: Problems;
}

export function useProblemText() {
  const t = useText().canary.form.problems;
  return (problem: Problem | undefined) => (problem ? t[problem] : undefined);
}

export function TextField({
  label,
  value,
  onChange,
  onBlur,
  help,
  note,
  error,
  placeholder,
  numeric,
  mono,
  multiline,
  disabled,
  stretch,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  onBlur?: () => void;
  help?: ReactNode;
  note?: ReactNode;
  error?: string | undefined;
  placeholder?: string;
  numeric?: boolean;
  mono?: boolean;
  multiline?: number;
  disabled?: boolean;
  stretch?: boolean;
}) {
  const shared = {
    value,
    disabled: disabled ?? false,
    ...(placeholder ? { placeholder } : {}),
    onChange: ({ detail }: { detail: { value: string } }) => onChange(detail.value),
    ...(onBlur ? { onBlur } : {}),
  };
  return (
    <FormField label={label} description={help} constraintText={note} errorText={error} stretch={stretch ?? false}>
      {multiline ? (
        <Textarea {...shared} rows={multiline} spellcheck={false} />
      ) : (
        <Input {...shared} spellcheck={!mono} {...(numeric ? { inputMode: "numeric" as const } : {})} />
      )}
    </FormField>
  );
}
