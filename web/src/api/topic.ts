// Where notifications go: topics with the names of Amazon SNS, and what Mitoshi adds: what became of each message.

import { call, get } from "./client";

export const protocols = ["https", "http", "email", "slack", "teams", "command"] as const;

export type Protocol = (typeof protocols)[number];

export interface Topic {
  TopicArn: string;
}

export interface Subscription {
  SubscriptionArn: string;
  TopicArn: string;
  Owner?: string;
  Protocol: Protocol;
  /** Addresses that are secrets come back shortened. */
  Endpoint: string;
}

export interface SubscriptionInput {
  TopicArn: string;
  Protocol: Protocol;
  Endpoint: string;
  Attributes?: { RawMessageDelivery: "true" };
}

function sns<Out>(operation: string, body: unknown, signal?: AbortSignal): Promise<Out> {
  return call(`AmazonSimpleNotificationService.${operation}`, "1.0", body, signal);
}

export async function getTopics(signal?: AbortSignal): Promise<Topic[]> {
  const found: Topic[] = [];
  let NextToken: string | undefined;
  do {
    const page: { Topics?: Topic[]; NextToken?: string } = await sns("ListTopics", { NextToken }, signal);
    found.push(...(page.Topics ?? []));
    NextToken = page.NextToken;
  } while (NextToken);
  return found;
}

export async function getSubscriptions(topic: string, signal?: AbortSignal): Promise<Subscription[]> {
  const found: Subscription[] = [];
  let NextToken: string | undefined;
  do {
    const page: { Subscriptions?: Subscription[]; NextToken?: string } = await sns(
      "ListSubscriptionsByTopic",
      { TopicArn: topic, NextToken },
      signal,
    );
    found.push(...(page.Subscriptions ?? []));
    NextToken = page.NextToken;
  } while (NextToken);
  return found;
}

export function createTopic(name: string): Promise<Topic> {
  return sns("CreateTopic", { Name: name });
}

export function deleteTopic(arn: string): Promise<unknown> {
  return sns("DeleteTopic", { TopicArn: arn });
}

export function subscribe(input: SubscriptionInput): Promise<{ SubscriptionArn: string }> {
  return sns("Subscribe", input);
}

export function unsubscribe(arn: string): Promise<unknown> {
  return sns("Unsubscribe", { SubscriptionArn: arn });
}

export function publish(input: {
  TopicArn: string;
  Subject: string;
  Message: string;
}): Promise<{ MessageId: string }> {
  return sns("Publish", input);
}

/** A message on its way to one subscription, or that was. */
export interface Delivery {
  Id: string;
  Time: number;
  AlarmName: string | null;
  TopicArn: string;
  Protocol: Protocol;
  Endpoint: string;
  Subject: string | null;
  State: "PENDING" | "DELIVERED" | "FAILED";
  Tries: number;
  Error: string | null;
  NextTryTime: number | null;
  DoneTime: number | null;
}

/** The newest first. */
export async function getDeliveries(
  of: { alarm?: string | undefined; topic?: string | undefined },
  signal?: AbortSignal,
): Promise<Delivery[]> {
  const query = new URLSearchParams({ limit: "100" });
  for (const [name, value] of Object.entries(of)) if (value) query.set(name, value);
  const answer = await get<{ Deliveries?: Delivery[] }>(`/api/deliveries?${query.toString()}`, signal);
  return answer.Deliveries ?? [];
}

/** What the server's configuration allows. */
export interface NotificationSetup {
  Smtp: boolean;
  Commands: string[];
}

export function getNotificationSetup(signal?: AbortSignal): Promise<NotificationSetup> {
  return get("/api/notification-setup", signal);
}
