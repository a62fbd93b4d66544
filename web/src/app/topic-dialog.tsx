// A new topic with its first subscription.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";

import { useAlarmChange } from "../api/alarm-hook";
import { createTopic, subscribe } from "../api/topic";
import {
  emptySubscription,
  isTopicName,
  subscriptionInput,
  subscriptionMistake,
} from "../model/subscription-draft";
import { ChangeButton } from "./change-button";
import { ErrorState } from "./error-state";
import { useText } from "./settings";
import { SubscriptionFields } from "./subscription-fields";

export function TopicDialog({ onDone, onCancel }: { onDone: (arn: string) => void; onCancel: () => void }) {
  const text = useText();
  const t = text.alarm.notification;
  const [name, setName] = useState("");
  const [draft, setDraft] = useState(emptySubscription);
  const [checked, setChecked] = useState(false);
  const mistake = subscriptionMistake(draft);
  const create = useAlarmChange(async () => {
    // Made again, a topic of the same name is the same: a subscription that was refused can be mended.
    const { TopicArn } = await createTopic(name.trim());
    await subscribe(subscriptionInput(TopicArn, draft));
    onDone(TopicArn);
  });
  return (
    <Modal
      visible
      onDismiss={onCancel}
      closeAriaLabel={text.common.close}
      header={t.createTopic}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" formAction="none" onClick={onCancel}>
              {text.common.cancel}
            </Button>
            <ChangeButton
              variant="primary"
              formAction="none"
              loading={create.isPending}
              loadingText={text.common.loading}
              onClick={() => {
                setChecked(true);
                if (isTopicName(name.trim()) && !mistake) create.mutate(undefined);
              }}
            >
              {text.common.create}
            </ChangeButton>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {create.error && <ErrorState error={create.error} />}
        <FormField
          label={t.name}
          description={t.nameHelp}
          errorText={checked && !isTopicName(name.trim()) ? t.errors.name : undefined}
          stretch
        >
          <Input value={name} placeholder="on-call" onChange={({ detail }) => setName(detail.value)} />
        </FormField>
        <Header variant="h3">{t.firstSubscription}</Header>
        <SubscriptionFields
          draft={draft}
          onChange={setDraft}
          error={checked && mistake ? t.errors[mistake] : undefined}
        />
      </SpaceBetween>
    </Modal>
  );
}
