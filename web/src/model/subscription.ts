// Where a subscription filter sends events to.

export type DestinationKind = "group" | "webhook" | "otlp" | "other";

export function destinationOf(arn: string): { kind: DestinationKind; group?: string } {
  const group = /^arn:[^:]+:logs:[^:]*:\d*:log-group:([^:]+)/.exec(arn)?.[1];
  if (group) return { kind: "group", group };
  if (/^otlp\+https?:\/\//.test(arn)) return { kind: "otlp" };
  if (/^https?:\/\//.test(arn)) return { kind: "webhook" };
  return { kind: "other" };
}

/** Whether an address is one of that kind. */
export function isDestination(address: string, kind: DestinationKind): boolean {
  if (destinationOf(address).kind !== kind) return false;
  return kind === "group" || URL.canParse(address.replace(/^otlp\+/, ""));
}
