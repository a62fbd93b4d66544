// A subscription as it is typed, and what keeps it from being sent.

import type { Protocol, SubscriptionInput } from "../api/topic";

export interface SubscriptionDraft {
  protocol: Protocol;
  endpoint: string;
  raw: boolean;
}

export const emptySubscription: SubscriptionDraft = { protocol: "https", endpoint: "", raw: false };

export type SubscriptionMistake = "endpoint" | "address" | "email";

export const isWebhook = (protocol: Protocol) => protocol === "http" || protocol === "https";

export function subscriptionMistake({ protocol, endpoint }: SubscriptionDraft): SubscriptionMistake | undefined {
  const typed = endpoint.trim();
  if (typed === "") return "endpoint";
  if (protocol === "email") return /^[^\s@]+@[^\s@]+$/.test(typed) ? undefined : "email";
  if (protocol === "command") return undefined;
  return /^https?:\/\/[^\s/]+/.test(typed) ? undefined : "address";
}

/** Who writes http:// means HTTP, whichever of the two was chosen. */
export function subscriptionInput(topic: string, draft: SubscriptionDraft): SubscriptionInput {
  const endpoint = draft.endpoint.trim();
  const protocol = isWebhook(draft.protocol) ? (endpoint.startsWith("https:") ? "https" : "http") : draft.protocol;
  return {
    TopicArn: topic,
    Protocol: protocol,
    Endpoint: endpoint,
    ...(draft.raw && isWebhook(protocol) ? { Attributes: { RawMessageDelivery: "true" as const } } : {}),
  };
}

export function isTopicName(name: string): boolean {
  return /^[A-Za-z0-9_-]{1,256}$/.test(name);
}
