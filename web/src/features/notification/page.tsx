// Who is told of alarms: topics, what is subscribed to them, and what became of each message.

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Flashbar from "@cloudscape-design/components/flashbar";
import Header from "@cloudscape-design/components/header";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";

import { useAlarms, useNotificationSetup, useSubscriptions, useTopics } from "../../api/alarm-hook";
import type { Topic } from "../../api/topic";
import { ChangeButton } from "../../app/change-button";
import { DeliveryTable } from "../../app/delivery-table";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { SetupNote } from "../../app/subscription-fields";
import { TopicDialog } from "../../app/topic-dialog";
import { useUrlState } from "../../app/url-state";
import { PageLoading } from "../../components/page-loading";
import { topicNameOf } from "../../model/alarm";
import { TopicCard } from "./topic-card";

export function NotificationsPage() {
  const text = useText();
  const t = text.alarm.notification;
  const url = useUrlState();
  const topics = useTopics();
  const setup = useNotificationSetup();
  const [creating, setCreating] = useState(false);
  const [tested, setTested] = useState<string | undefined>(undefined);
  const chosen = url.get("topic");
  const everyTopic = { value: "", label: t.everyTopic };
  const options = [
    everyTopic,
    ...(topics.data ?? []).map(({ TopicArn }) => ({ value: TopicArn, label: topicNameOf(TopicArn) })),
  ];
  return (
    <SpaceBetween size="s">
      <Header
        variant="h1"
        description={t.description}
        actions={
          <ChangeButton variant="primary" onClick={() => setCreating(true)}>
            {t.createTopic}
          </ChangeButton>
        }
      >
        {t.title}
      </Header>
      {tested !== undefined && (
        <Flashbar
          items={[
            {
              type: "success",
              dismissible: true,
              dismissLabel: text.common.close,
              onDismiss: () => setTested(undefined),
              content: t.tested(tested),
            },
          ]}
        />
      )}
      {topics.error ? (
        <ErrorState error={topics.error} onRetry={() => void topics.refetch()} />
      ) : topics.isPending ? (
        <PageLoading label={text.common.loading} />
      ) : (
        <Topics topics={topics.data} chosen={chosen} onCreate={() => setCreating(true)} onTested={setTested} />
      )}
      <DeliveryTable
        of={{ topic: chosen }}
        actions={
          options.length > 1 && (
            <Select
              ariaLabel={t.topic}
              options={options}
              selectedOption={options.find((option) => option.value === (chosen ?? "")) ?? everyTopic}
              onChange={({ detail }) => url.set({ topic: detail.selectedOption.value || undefined })}
              expandToViewport
            />
          )
        }
      />
      <SetupNote setup={setup.data} />
      {creating && <TopicDialog onDone={() => setCreating(false)} onCancel={() => setCreating(false)} />}
    </SpaceBetween>
  );
}

interface TopicsProps {
  topics: readonly Topic[];
  /** That an alarm's page leads to: it stands first. */
  chosen: string | undefined;
  onCreate: () => void;
  onTested: (name: string) => void;
}

function Topics({ topics, chosen, onCreate, onTested }: TopicsProps) {
  const text = useText();
  const t = text.alarm.notification;
  const arns = topics
    .map((topic) => topic.TopicArn)
    .sort((a, b) => Number(b === chosen) - Number(a === chosen) || topicNameOf(a).localeCompare(topicNameOf(b)));
  const subscriptions = useSubscriptions(arns);
  const alarms = useAlarms().data ?? [];
  if (arns.length === 0)
    return (
      <Container>
        <div data-testid="no-topics">
          <SpaceBetween size="s">
            <Box variant="h2">{t.none}</Box>
            <div>{t.noneText}</div>
            <Button onClick={onCreate}>{t.createTopic}</Button>
          </SpaceBetween>
        </div>
      </Container>
    );
  return (
    <SpaceBetween size="s">
      {subscriptions.error && <ErrorState error={subscriptions.error} />}
      {chosen && !arns.includes(chosen) && <Alert type="warning">{`${t.topic}: ${chosen}`}</Alert>}
      {arns.map((arn) => (
        <TopicCard
          key={arn}
          arn={arn}
          subscriptions={subscriptions.of.get(arn)}
          usedBy={alarms
            .filter((alarm) =>
              [alarm.AlarmActions, alarm.OKActions, alarm.InsufficientDataActions].some((each) => each?.includes(arn)),
            )
            .map((alarm) => alarm.AlarmName)}
          onTested={onTested}
        />
      ))}
    </SpaceBetween>
  );
}
