// Name and description, alike for both kinds of alarms.

import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";

import { useText } from "../../app/settings";

interface AboutProps {
  name: string;
  description: string;
  isNew: boolean;
  error: string | undefined;
  warning: string | undefined;
  onChange: (part: { name?: string; description?: string }) => void;
}

export function About({ name, description, isNew, error, warning, onChange }: AboutProps) {
  const text = useText();
  const t = text.alarm.form;
  return (
    <Container header={<Header variant="h2">{t.about}</Header>}>
      <SpaceBetween size="m">
        <FormField
          label={text.alarm.name}
          description={isNew ? t.nameHelp : undefined}
          errorText={error}
          warningText={error ? undefined : warning}
          stretch
        >
          <Input value={name} disabled={!isNew} onChange={({ detail }) => onChange({ name: detail.value })} />
        </FormField>
        <FormField label={text.alarm.configuration.description} description={t.descriptionHelp} stretch>
          <Textarea
            value={description}
            rows={3}
            placeholder={t.descriptionPlaceholder}
            onChange={({ detail }) => onChange({ description: detail.value })}
          />
        </FormField>
      </SpaceBetween>
    </Container>
  );
}
