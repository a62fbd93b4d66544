// What the traces of a set have in common, value by value, and where two sets differ.

import type { RootCause, TraceSummary } from "../api/xray";
import { quote, serviceSelector } from "./filter";
import { annotationText, stateOfSummary } from "./trace-summary";

export const attributeKinds = [
  "outcome",
  "url",
  "method",
  "status",
  "entry",
  "service",
  "annotation",
  "user",
  "faultCause",
  "errorCause",
  "exception",
  "responseTimeCause",
  "zone",
  "instance",
  "client",
  "agent",
] as const;
export type AttributeKind = (typeof attributeKinds)[number];

interface Value {
  /** Undefined: the traces that have no value. */
  label: string | undefined;
  /** Type of a node, where it has one. */
  type?: string | undefined;
  term: string;
}

interface Counted extends Value {
  count: number;
}

interface Attribute {
  kind: AttributeKind;
  /** Key of an annotation. */
  key: string | undefined;
  values: Map<string, Counted>;
  /** Traces that have a value, and whether some have more than one. */
  traces: number;
  several: boolean;
}

/** How the traces without a value are found; of the other kinds, having none says nothing. */
function withoutTerm(kind: AttributeKind, key: string | undefined): string | undefined {
  switch (kind) {
    case "url":
    case "method":
    case "status":
      return `!http.${kind}`;
    case "user":
      return "!user";
    case "annotation":
      return `!annotation[${key}]`;
    default:
      return undefined;
  }
}

function textValue(keyword: string, text: string | undefined): Value[] {
  return text ? [{ label: text, term: `${keyword} = ${quote(text)}` }] : [];
}

function causeValues(causes: readonly RootCause[] | undefined): Value[] {
  return (causes ?? []).flatMap((cause) => {
    const services = cause.Services ?? [];
    if (services.length === 0) return [];
    const pattern = services.map((service) => ({
      Name: service.Name,
      EntityPath: (service.EntityPath ?? []).map((entity) => ({ Name: entity.Name })),
    }));
    const last = services.at(-1)!;
    const entity = last.EntityPath?.at(-1)?.Name;
    const path = services.map((service) => service.Name ?? "?").join(" → ");
    return [
      {
        label: entity && entity !== last.Name ? `${path} › ${entity}` : path,
        term: `rootcause.json = #${JSON.stringify([{ Services: pattern }])}`,
      },
    ];
  });
}

function exceptionValues(summary: TraceSummary): Value[] {
  const of = (kind: "fault" | "error", causes: readonly RootCause[] | undefined) =>
    (causes ?? [])
      .flatMap((cause) => cause.Services ?? [])
      .flatMap((service) => service.EntityPath ?? [])
      .flatMap((entity) => entity.Exceptions ?? [])
      .map(({ Name: name, Message: message }) => ({
        label: [name, message].filter(Boolean).join(": "),
        term: `rootcause.${kind}.exception { ${[
          ...(name ? [`name = ${quote(name)}`] : []),
          ...(message ? [`message = ${quote(message)}`] : []),
        ].join(" AND ")} }`,
      }))
      .filter((value) => value.label !== "");
  return [...of("fault", summary.FaultRootCauses), ...of("error", summary.ErrorRootCauses)];
}

function valuesOf(summary: TraceSummary): [AttributeKind, string | undefined, Value[]][] {
  const { Http: http, EntryPoint: entry } = summary;
  const state = stateOfSummary(summary);
  const node = (id: { Name?: string; Type?: string } | undefined, end: string): Value[] =>
    id?.Name
      ? [
          {
            label: id.Name,
            type: id.Type || undefined,
            term: serviceSelector({ name: id.Name, type: id.Type || undefined }) + end,
          },
        ]
      : [];
  return [
    ["outcome", undefined, [{ label: state, term: state }]],
    ["url", undefined, textValue("http.url", http?.HttpURL)],
    ["method", undefined, textValue("http.method", http?.HttpMethod)],
    [
      "status",
      undefined,
      http?.HttpStatus
        ? [{ label: String(http.HttpStatus), term: `http.status = ${http.HttpStatus}` }]
        : [],
    ],
    ["entry", undefined, node(entry, " { root = true }")],
    [
      "service",
      undefined,
      (summary.ServiceIds ?? [])
        .filter((id) => id.Type !== "client")
        .flatMap((id) => node(id, "")),
    ],
    ...Object.entries(summary.Annotations ?? {}).map(
      ([key, list]): [AttributeKind, string, Value[]] => [
        "annotation",
        key,
        list.map(({ AnnotationValue: value }) => ({
          label: annotationText(value),
          term: `annotation[${key}] = ${
            value?.StringValue !== undefined ? quote(value.StringValue) : annotationText(value)
          }`,
        })),
      ],
    ),
    ["user", undefined, (summary.Users ?? []).flatMap((u) => textValue("user", u.UserName))],
    ["faultCause", undefined, causeValues(summary.FaultRootCauses)],
    ["errorCause", undefined, causeValues(summary.ErrorRootCauses)],
    ["exception", undefined, exceptionValues(summary)],
    ["responseTimeCause", undefined, causeValues(summary.ResponseTimeRootCauses)],
    [
      "zone",
      undefined,
      (summary.AvailabilityZones ?? []).flatMap((z) => textValue("availabilityzone", z.Name)),
    ],
    [
      "instance",
      undefined,
      (summary.InstanceIds ?? []).flatMap((i) => textValue("instance.id", i.Id)),
    ],
    ["client", undefined, textValue("http.clientip", http?.ClientIp)],
    ["agent", undefined, textValue("http.useragent", http?.UserAgent)],
  ];
}

/** Counts traces, not occurrences: a value that a trace has twice counts once. */
export function tabulate(summaries: readonly TraceSummary[]): Map<string, Attribute> {
  const attributes = new Map<string, Attribute>();
  for (const summary of summaries) {
    for (const [kind, key, values] of valuesOf(summary)) {
      if (values.length === 0) continue;
      const id = key === undefined ? kind : `${kind}:${key}`;
      let attribute = attributes.get(id);
      if (!attribute) {
        attribute = { kind, key, values: new Map(), traces: 0, several: false };
        attributes.set(id, attribute);
      }
      attribute.traces += 1;
      const seen = new Set<string>();
      for (const value of values) {
        if (seen.has(value.term)) continue;
        seen.add(value.term);
        const counted = attribute.values.get(value.term);
        if (counted) counted.count += 1;
        else attribute.values.set(value.term, { ...value, count: 1 });
      }
      attribute.several ||= seen.size > 1;
    }
  }
  for (const { kind, key, values, traces } of attributes.values()) {
    const term = withoutTerm(kind, key);
    if (term && traces < summaries.length)
      values.set(term, { label: undefined, term, count: summaries.length - traces });
  }
  return attributes;
}

export interface ValueComparison extends Value {
  aCount: number;
  bCount: number;
  /** Of the traces of the set, 0 to 1. */
  aShare: number;
  bShare: number;
  difference: number;
}

export interface AttributeComparison {
  id: string;
  kind: AttributeKind;
  key: string | undefined;
  values: ValueComparison[];
  /** How much the sets differ in it beyond what chance explains, 0 to 1. */
  divergence: number;
}

/**
 * The attributes of both sets, those that tell the sets apart first. Without B: in the order of
 * their kinds, the most frequent values first.
 */
export function compareAttributes(
  a: readonly TraceSummary[],
  b: readonly TraceSummary[] | undefined,
): AttributeComparison[] {
  const inA = tabulate(a);
  const inB = tabulate(b ?? []);
  const found: AttributeComparison[] = [];
  for (const id of new Set([...inA.keys(), ...inB.keys()])) {
    const [one, other] = [inA.get(id), inB.get(id)];
    const { kind, key } = (one ?? other)!;
    const values = new Map<string, Value>([...(other?.values ?? []), ...(one?.values ?? [])]);
    // A set in which no trace has the attribute has all of its traces without it.
    const missing = withoutTerm(kind, key);
    if (missing && (!one || !other) && b) values.set(missing, { label: undefined, term: missing });
    const count = (attribute: Attribute | undefined, size: number, term: string) =>
      attribute ? (attribute.values.get(term)?.count ?? 0) : term === missing ? size : 0;
    const single = [...values.values()].map((value): ValueComparison => {
      const aCount = count(one, a.length, value.term);
      const bCount = b ? count(other, b.length, value.term) : 0;
      const aShare = a.length > 0 ? aCount / a.length : 0;
      const bShare = b && b.length > 0 ? bCount / b.length : 0;
      const { label, type, term } = value;
      return { label, type, term, aCount, bCount, aShare, bShare, difference: aShare - bShare };
    });
    const compared = kind === "annotation" ? inRanges(single, key!) : single;
    compared.sort(
      (x, y) =>
        (b ? Math.abs(y.difference) - Math.abs(x.difference) || y.difference - x.difference : 0) ||
        y.aCount + y.bCount - x.aCount - x.bCount ||
        (x.label ?? "").localeCompare(y.label ?? "", undefined, { numeric: true }),
    );
    const several = (one?.several ?? false) || (other?.several ?? false);
    found.push({
      id,
      kind,
      key,
      values: compared,
      divergence: b ? divergenceOf(compared, a.length, b.length, several) : 0,
    });
  }
  const place = (attribute: AttributeComparison) => attributeKinds.indexOf(attribute.kind);
  return found.sort(
    (x, y) =>
      y.divergence - x.divergence ||
      place(x) - place(y) ||
      (x.key ?? "").localeCompare(y.key ?? ""),
  );
}

const manyNumbers = 12;
const ranges = 6;

/** Of an annotation with many numbers each is rare: they are counted in ranges of like size. */
function inRanges(values: readonly ValueComparison[], key: string): ValueComparison[] {
  const numbers = values.flatMap((value) => {
    const number = value.label ? Number(value.label) : NaN;
    // A number in quotes is text: no range finds it.
    return Number.isFinite(number) && !value.term.endsWith('"') ? [{ ...value, number }] : [];
  });
  if (numbers.length <= manyNumbers) return [...values];
  numbers.sort((x, y) => x.number - y.number);
  const total = numbers.reduce((sum, n) => sum + n.aCount + n.bCount, 0);
  const found: (ValueComparison & { from: number; to: number })[] = [];
  let seen = 0;
  for (const { number, aCount, bCount, aShare, bShare, difference } of numbers) {
    const index = Math.min(ranges - 1, Math.floor((seen / total) * ranges));
    seen += aCount + bCount;
    const last = found.at(-1);
    if (last && Number(last.term) === index) {
      last.to = number;
      last.aCount += aCount;
      last.bCount += bCount;
      last.aShare += aShare;
      last.bShare += bShare;
      last.difference += difference;
      continue;
    }
    const counts = { aCount, bCount, aShare, bShare, difference };
    found.push({ label: undefined, term: String(index), from: number, to: number, ...counts });
  }
  const inRange = new Set(numbers.map(({ term }) => term));
  const others = values.filter(({ term }) => !inRange.has(term));
  return [
    ...others,
    ...found.map(({ from, to, ...range }) => ({
      ...range,
      label: from === to ? String(from) : `${from} – ${to}`,
      term:
        from === to
          ? `annotation[${key}] = ${from}`
          : `annotation[${key}] >= ${from} AND annotation[${key}] <= ${to}`,
    })),
  ];
}

/**
 * Total variation: the share of traces that would have to change their value for the two
 * distributions to be alike, having none being a value too. From each difference two and a half
 * standard errors are taken off, so that ids, of which every trace has its own, do not come first.
 * Of an attribute with several values in one trace the shares do not add up to 1: there the value
 * that differs most counts.
 */
export function divergenceOf(
  values: readonly Pick<ValueComparison, "aCount" | "bCount">[],
  aTotal: number,
  bTotal: number,
  several: boolean,
): number {
  if (aTotal === 0 || bTotal === 0) return 0;
  const without = {
    aCount: Math.max(0, values.reduce((left, value) => left - value.aCount, aTotal)),
    bCount: Math.max(0, values.reduce((left, value) => left - value.bCount, bTotal)),
  };
  const beyondChance = (several ? values : [...values, without]).map(({ aCount, bCount }) => {
    const pooled = (aCount + bCount) / (aTotal + bTotal);
    const error = Math.sqrt(pooled * (1 - pooled) * (1 / aTotal + 1 / bTotal));
    return Math.max(0, Math.abs(aCount / aTotal - bCount / bTotal) - 2.5 * error);
  });
  if (several) return Math.max(0, ...beyondChance);
  return Math.min(1, beyondChance.reduce((sum, d) => sum + d, 0) / 2);
}
