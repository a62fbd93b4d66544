// Who is told, for each state; a topic that is missing is made in place.

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Multiselect from "@cloudscape-design/components/multiselect";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";

import type { AlarmState } from "../../api/alarm";
import { useTopics } from "../../api/alarm-hook";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { TopicDialog } from "../../app/topic-dialog";
import { topicNameOf } from "../../model/alarm";
import type { ActionDraft } from "../../model/alarm-form";

interface NotifyProps {
  actions: ActionDraft;
  enabled: boolean;
  onChange: (actions: ActionDraft) => void;
  onEnable: (enabled: boolean) => void;
}

const states = ["ALARM", "OK", "INSUFFICIENT_DATA"] as const;
const isTopic = (arn: string) => arn.includes(":sns:");

export function Notify({ actions, enabled, onChange, onEnable }: NotifyProps) {
  const text = useText();
  const t = text.alarm.form;
  const topics = useTopics();
  const [making, setMaking] = useState<AlarmState | undefined>(undefined);
  const known = (topics.data ?? []).map((topic) => topic.TopicArn);
  const set = (state: AlarmState, arns: string[]) => onChange({ ...actions, [state]: arns });
  return (
    <Container header={<Header variant="h2" description={t.notifyText}>{t.notify}</Header>}>
      <SpaceBetween size="m">
        {topics.error && <ErrorState error={topics.error} onRetry={() => void topics.refetch()} />}
        {states.map((state) => {
          const chosen = actions[state].filter(isTopic);
          const others = actions[state].filter((arn) => !isTopic(arn));
          // Topics that are gone stay chosen until someone takes them out.
          const options = [...new Set([...known, ...chosen])].map(optionOf);
          return (
            <FormField key={state} label={t.topicsFor[state]} stretch>
              <div className="m-topic-row">
                <Multiselect
                  ariaLabel={t.topicsFor[state]}
                  options={options}
                  selectedOptions={chosen.map(optionOf)}
                  placeholder={t.chooseTopics}
                  empty={t.noTopics}
                  statusType={topics.isPending ? "loading" : "finished"}
                  loadingText={text.common.loading}
                  expandToViewport
                  onChange={({ detail }) =>
                    set(state, [...detail.selectedOptions.map((option) => option.value!), ...others])
                  }
                />
                <Button
                  formAction="none"
                  ariaLabel={`${t.newTopic}: ${t.topicsFor[state]}`}
                  onClick={() => setMaking(state)}
                >
                  {t.newTopic}
                </Button>
              </div>
              {others.length > 0 && (
                <Box color="text-body-secondary" fontSize="body-s">
                  {t.otherActions(others.join(", "))}
                </Box>
              )}
            </FormField>
          );
        })}
        <Checkbox checked={enabled} onChange={({ detail }) => onEnable(detail.checked)}>
          {t.enabled}
        </Checkbox>
        {!enabled && <Alert type="warning">{`${text.alarm.actions}: ${text.alarm.actionsOff}`}</Alert>}
      </SpaceBetween>
      {making && (
        <TopicDialog
          onCancel={() => setMaking(undefined)}
          onDone={(arn) => {
            set(making, [...actions[making], arn]);
            setMaking(undefined);
          }}
        />
      )}
    </Container>
  );
}

function optionOf(arn: string) {
  return { value: arn, label: topicNameOf(arn) };
}
