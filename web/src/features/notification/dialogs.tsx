import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState, type ReactNode } from "react";

import { useAlarmChange } from "../../api/alarm-hook";
import { subscribe } from "../../api/topic";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { SubscriptionFields } from "../../app/subscription-fields";
import { topicNameOf } from "../../model/alarm";
import { emptySubscription, subscriptionInput, subscriptionMistake } from "../../model/subscription-draft";

interface FrameProps {
  title: string;
  action: string;
  error: Error | null;
  isBusy: boolean;
  onDone: () => void;
  onClose: () => void;
  children: ReactNode;
}

function Frame({ title, action, error, isBusy, onDone, onClose, children }: FrameProps) {
  const text = useText();
  return (
    <Modal
      visible
      onDismiss={onClose}
      closeAriaLabel={text.common.close}
      header={title}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>
              {text.common.cancel}
            </Button>
            <ChangeButton variant="primary" loading={isBusy} loadingText={text.common.loading} onClick={onDone}>
              {action}
            </ChangeButton>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="s">
        {error && <ErrorState error={error} />}
        <div>{children}</div>
      </SpaceBetween>
    </Modal>
  );
}

interface ConfirmDialogProps {
  title: string;
  action: string;
  change: () => Promise<unknown>;
  onClose: () => void;
  children: ReactNode;
}

export function ConfirmDialog({ title, action, change, onClose, children }: ConfirmDialogProps) {
  const it = useAlarmChange(change, onClose);
  return (
    <Frame
      title={title}
      action={action}
      error={it.error}
      isBusy={it.isPending}
      onDone={() => it.mutate(undefined)}
      onClose={onClose}
    >
      {children}
    </Frame>
  );
}

export function SubscribeDialog({ arn, onClose }: { arn: string; onClose: () => void }) {
  const text = useText();
  const t = text.alarm.notification;
  const [draft, setDraft] = useState(emptySubscription);
  const [checked, setChecked] = useState(false);
  const mistake = subscriptionMistake(draft);
  const it = useAlarmChange(() => subscribe(subscriptionInput(arn, draft)), onClose);
  return (
    <Frame
      title={t.subscribeTitle(topicNameOf(arn))}
      action={t.subscribe}
      error={it.error}
      isBusy={it.isPending}
      onDone={() => {
        setChecked(true);
        if (!mistake) it.mutate(undefined);
      }}
      onClose={onClose}
    >
      <SubscriptionFields
        draft={draft}
        onChange={setDraft}
        error={checked && mistake ? t.errors[mistake] : undefined}
      />
    </Frame>
  );
}
