// A topic: what is subscribed to it, which alarms name it, and what can be done with it.

import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { Link } from "react-router";

import { useAlarmChange } from "../../api/alarm-hook";
import { deleteTopic, publish, unsubscribe, type Subscription } from "../../api/topic";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { topicNameOf } from "../../model/alarm";
import { alarmPath } from "../../path";
import { ConfirmDialog, SubscribeDialog } from "./dialogs";

interface TopicCardProps {
  arn: string;
  /** Undefined: they are still asked for. */
  subscriptions: readonly Subscription[] | undefined;
  usedBy: readonly string[];
  onTested: (name: string) => void;
}

export function TopicCard({ arn, subscriptions, usedBy, onTested }: TopicCardProps) {
  const text = useText();
  const t = text.alarm.notification;
  const { printed: range } = useTimeRange();
  const name = topicNameOf(arn);
  const [open, setOpen] = useState<"subscribe" | "delete" | undefined>(undefined);
  const [removed, setRemoved] = useState<Subscription | undefined>(undefined);
  const test = useAlarmChange(
    () => publish({ TopicArn: arn, Subject: t.testSubject, Message: t.testMessage }),
    () => onTested(name),
  );
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={<span className="m-mono m-wrap">{arn}</span>}
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <ChangeButton
                disabled={(subscriptions ?? []).length === 0}
                loading={test.isPending}
                ariaLabel={`${t.test}: ${name}`}
                onClick={() => test.mutate(undefined)}
              >
                {t.test}
              </ChangeButton>
              <ChangeButton ariaLabel={`${t.subscribe}: ${name}`} onClick={() => setOpen("subscribe")}>
                {t.subscribe}
              </ChangeButton>
              <ChangeButton ariaLabel={`${t.deleteTopic}: ${name}`} onClick={() => setOpen("delete")}>
                {text.common.delete}
              </ChangeButton>
            </SpaceBetween>
          }
        >
          {name}
        </Header>
      }
    >
      <div data-testid="topic" data-name={name}>
        {test.error && <ErrorState error={test.error} />}
        {subscriptions === undefined ? (
          <div className="m-text-quiet">{text.common.loading}</div>
        ) : subscriptions.length === 0 ? (
          <div className="m-text-quiet">{t.noSubscriptions}</div>
        ) : (
          subscriptions.map((subscription) => (
            <div key={subscription.SubscriptionArn} className="m-sub-row" data-testid="subscription">
              <span>
                <strong>{t.protocols[subscription.Protocol] ?? subscription.Protocol}</strong>{" "}
                <span className="m-wrap">{subscription.Endpoint}</span>
              </span>
              <ChangeButton
                variant="inline-link"
                ariaLabel={`${t.unsubscribe}: ${subscription.Endpoint}`}
                onClick={() => setRemoved(subscription)}
              >
                {t.unsubscribe}
              </ChangeButton>
            </div>
          ))
        )}
        {usedBy.length > 0 && (
          <div className="m-sub-row">
            <span className="m-links">
              {t.usedBy}:
              {usedBy.map((alarm) => (
                <Link key={alarm} className="m-link" to={alarmPath(alarm, { range })}>
                  {alarm}
                </Link>
              ))}
            </span>
          </div>
        )}
      </div>
      {open === "subscribe" && <SubscribeDialog arn={arn} onClose={() => setOpen(undefined)} />}
      {open === "delete" && (
        <ConfirmDialog
          title={t.deleteTitle(name)}
          action={text.common.delete}
          change={() => deleteTopic(arn)}
          onClose={() => setOpen(undefined)}
        >
          {usedBy.length > 0 ? `${t.deleteText} ${usedBy.join(", ")}` : t.deleteUnused}
        </ConfirmDialog>
      )}
      {removed && (
        <ConfirmDialog
          title={t.unsubscribeTitle(removed.Endpoint)}
          action={t.unsubscribe}
          change={() => unsubscribe(removed.SubscriptionArn)}
          onClose={() => setRemoved(undefined)}
        >
          {t.unsubscribeText}
        </ConfirmDialog>
      )}
    </Container>
  );
}
