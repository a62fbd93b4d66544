// Alarms that are made together with a canary, and whom they tell.

import Box from "@cloudscape-design/components/box";
import Checkbox from "@cloudscape-design/components/checkbox";
import FormField from "@cloudscape-design/components/form-field";
import Multiselect from "@cloudscape-design/components/multiselect";
import SpaceBetween from "@cloudscape-design/components/space-between";

import { useTopics } from "../../api/alarm-hook";
import { useText } from "../../app/settings";
import { proposedAlarms, type ProposedAlarm } from "../../model/canary";

export interface AlarmChoice {
  kinds: readonly ProposedAlarm[];
  topics: readonly string[];
}

export function AlarmFields({ choice, onChange }: { choice: AlarmChoice; onChange: (choice: AlarmChoice) => void }) {
  const t = useText().canary.form;
  const topics = useTopics();
  const options = (topics.data ?? []).map(({ TopicArn }) => ({
    value: TopicArn,
    label: TopicArn.split(":").at(-1)!,
  }));
  return (
    <SpaceBetween size="m">
      <SpaceBetween size="xs">
        {proposedAlarms.map((kind) => (
          <Checkbox
            key={kind}
            checked={choice.kinds.includes(kind)}
            description={t.alarmKindHelp[kind]}
            onChange={({ detail }) =>
              onChange({
                ...choice,
                kinds: proposedAlarms.filter((each) => (each === kind ? detail.checked : choice.kinds.includes(each))),
              })
            }
          >
            {t.alarmKinds[kind]}
          </Checkbox>
        ))}
      </SpaceBetween>
      {choice.kinds.length > 0 &&
        (topics.data?.length === 0 || topics.error ? (
          <Box color="text-body-secondary">{t.noTopics}</Box>
        ) : (
          <FormField label={t.topics}>
            <Multiselect
              options={options}
              selectedOptions={options.filter((option) => choice.topics.includes(option.value))}
              placeholder={t.topicsPlaceholder}
              onChange={({ detail }) =>
                onChange({ ...choice, topics: detail.selectedOptions.flatMap((option) => option.value ?? []) })
              }
            />
          </FormField>
        ))}
    </SpaceBetween>
  );
}
