// Checks without a browser, as AWS's blueprint "multi-checks" writes them. The text is the truth: a form changes single members of it, and
// what it does not know stays as it is.

export type CheckerType = "HTTP" | "DNS" | "SSL" | "TCP";

export const checkerTypes: readonly CheckerType[] = ["HTTP", "DNS", "SSL", "TCP"];

export interface CheckAssertion {
  type: string;
  operator?: string;
  value?: unknown;
  [member: string]: unknown;
}

export interface CheckExtractor {
  name?: string;
  type: string;
  path?: string;
  regex?: string;
  [member: string]: unknown;
}

export interface CheckStep {
  stepName: string;
  checkerType: CheckerType;
  assertions?: CheckAssertion[];
  extractors?: CheckExtractor[];
  [member: string]: unknown;
}

export interface Checks {
  globalSettings?: Record<string, unknown>;
  variables?: Record<string, unknown>;
  steps: Record<string, CheckStep>;
}

export const mostSteps = 10;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Checks, or why the text is none. */
export function parseChecks(text: string): { checks: Checks } | { problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
  if (!isObject(value) || !isObject(value["steps"])) return { problem: "steps" };
  for (const [key, step] of Object.entries(value["steps"]))
    if (!isObject(step)) return { problem: `steps.${key}` };
  return { checks: value as unknown as Checks };
}

export function printChecks(checks: Checks): string {
  return JSON.stringify(checks, null, 2);
}

/** In the order of their numbers. */
export function checkStepsOf(checks: Checks): CheckStep[] {
  return Object.entries(checks.steps)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, step]) => step);
}

/** Steps are numbered from 1, without gaps. */
export function withSteps(checks: Checks, steps: readonly CheckStep[]): Checks {
  return { ...checks, steps: Object.fromEntries(steps.map((step, i) => [String(i + 1), step])) };
}

/** A member that is empty is left out. */
export function withMember<Of extends object>(of: Of, member: string, value: unknown): Of {
  const { [member]: _, ...rest } = of as Record<string, unknown>;
  return (value === undefined || value === "" ? rest : { ...of, [member]: value }) as Of;
}

export function newStep(checkerType: CheckerType, taken: readonly string[], url = ""): CheckStep {
  const base = { HTTP: "request", DNS: "dns", SSL: "certificate", TCP: "connection" }[checkerType];
  let stepName = base;
  for (let n = 2; taken.includes(stepName); n += 1) stepName = `${base}-${n}`;
  switch (checkerType) {
    case "HTTP":
      return {
        stepName,
        checkerType,
        url,
        httpMethod: "GET",
        assertions: [
          { type: "STATUS_CODE", operator: "EQUALS", value: 200 },
          { type: "RESPONSE_TIME", operator: "LESS_THAN", value: 2000, unit: "MILLISECONDS" },
        ],
      };
    case "DNS":
      return {
        stepName,
        checkerType,
        domain: hostOf(url),
        recordType: "A",
        assertions: [{ type: "RECORD_COUNT", operator: "GREATER_THAN", value: 0 }],
      };
    case "SSL":
      return {
        stepName,
        checkerType,
        hostname: hostOf(url),
        port: 443,
        assertions: [{ type: "CERTIFICATE_EXPIRY", operator: "GREATER_THAN", value: 14, unit: "DAYS" }],
      };
    case "TCP":
      return {
        stepName,
        checkerType,
        hostname: hostOf(url),
        port: 443,
        assertions: [{ type: "CONNECTION_SUCCESSFUL", value: true }],
      };
  }
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : "";
}

/** What an assertion is made of: members beside its type, operators, and what the value is. */
export interface AssertionKind {
  type: string;
  operators: readonly string[];
  /** Tells which header, part of the body or field of a certificate it is about. */
  about?: "headerName" | "path" | "field";
  target?: "JSON" | "TEXT";
  value: "number" | "text" | "boolean" | "none";
  unit?: string;
}

const compared = ["LESS_THAN", "GREATER_THAN", "EQUALS"];
const texts = ["CONTAINS", "NOT_CONTAINS", "EQUALS", "NOT_EQUALS"];

/** A kind has a name of its own, as one type of assertion may come in several forms. */
export const assertionKinds: Record<CheckerType, Record<string, AssertionKind>> = {
  HTTP: {
    status: {
      type: "STATUS_CODE",
      operators: ["EQUALS", "NOT_EQUALS", "LESS_THAN", "GREATER_THAN", "IN_RANGE"],
      value: "number",
    },
    time: { type: "RESPONSE_TIME", operators: compared, value: "number", unit: "MILLISECONDS" },
    header: {
      type: "HEADER",
      about: "headerName",
      operators: ["EQUALS", "NOT_EQUALS", "CONTAINS", "NOT_CONTAINS", "REGEX_MATCH", "EXIST"],
      value: "text",
    },
    json: { type: "BODY", target: "JSON", about: "path", operators: [...texts, "EXISTS"], value: "text" },
    text: { type: "BODY", target: "TEXT", operators: texts, value: "text" },
  },
  DNS: {
    record: { type: "RECORD_VALUE", operators: [...texts, "REGEX_MATCH"], value: "text" },
    count: { type: "RECORD_COUNT", operators: compared, value: "number" },
    ttl: { type: "TTL", operators: compared, value: "number" },
    time: { type: "RESPONSE_TIME", operators: compared, value: "number", unit: "MILLISECONDS" },
    authoritative: { type: "AUTHORITATIVE", operators: [], value: "boolean" },
  },
  SSL: {
    expiry: { type: "CERTIFICATE_EXPIRY", operators: ["GREATER_THAN", "LESS_THAN"], value: "number", unit: "DAYS" },
    subject: {
      type: "CERTIFICATE_SUBJECT",
      about: "field",
      operators: ["CONTAINS", "EQUALS", "REGEX_MATCH"],
      value: "text",
    },
    issuer: {
      type: "CERTIFICATE_ISSUER",
      about: "field",
      operators: ["CONTAINS", "EQUALS", "REGEX_MATCH"],
      value: "text",
    },
  },
  TCP: {
    connected: { type: "CONNECTION_SUCCESSFUL", operators: [], value: "boolean" },
    response: {
      type: "RESPONSE_DATA",
      operators: ["CONTAINS", "NOT_CONTAINS", "EQUALS", "STARTS_WITH", "ENDS_WITH", "REGEX_MATCH"],
      value: "text",
    },
  },
};

/** The name of an assertion's kind; undefined where it is none that is known here. */
export function kindOfAssertion(checker: CheckerType, assertion: CheckAssertion): string | undefined {
  const kinds = Object.entries(assertionKinds[checker] ?? {}).filter(([, kind]) => kind.type === assertion.type);
  return (kinds.find(([, kind]) => kind.target === undefined || kind.target === assertion["target"]) ?? kinds[0])?.[0];
}

/** The values that a new assertion of a kind begins with. */
export function newAssertion(checker: CheckerType, name: string): CheckAssertion {
  const kind = assertionKinds[checker][name]!;
  const about = { headerName: "content-type", path: "$.status", field: "CN" };
  return {
    type: kind.type,
    ...(kind.target ? { target: kind.target } : {}),
    ...(kind.about ? { [kind.about]: about[kind.about] } : {}),
    ...(kind.operators.length > 0 ? { operator: kind.operators[0]! } : {}),
    value: kind.value === "boolean" ? true : kind.value === "number" ? (name === "status" ? 200 : 1) : "",
    ...(kind.unit ? { unit: kind.unit } : {}),
  };
}

/** Whether an operator compares with a value at all. */
export function hasValue(operator: string | undefined): boolean {
  return operator !== "EXIST" && operator !== "EXISTS";
}

/** What stands in the field of a value: a range is written `200-299`. */
export function valueText(assertion: CheckAssertion): string {
  if (assertion.operator === "IN_RANGE")
    return `${String(assertion["rangeMin"] ?? "")}-${String(assertion["rangeMax"] ?? "")}`;
  return assertion.value === undefined ? "" : String(assertion.value);
}

/** Numbers stay numbers, where a number is meant and the text is one; `${name}` stays a text. */
export function withValue(assertion: CheckAssertion, kind: AssertionKind, text: string): CheckAssertion {
  if (assertion.operator === "IN_RANGE") {
    const [low, high] = text.split("-").map((each) => numberOrText(each.trim()));
    const { value: _, ...rest } = assertion;
    return { ...rest, rangeMin: low ?? "", rangeMax: high ?? "" };
  }
  return { ...assertion, value: kind.value === "number" ? numberOrText(text) : text };
}

export function withOperator(assertion: CheckAssertion, operator: string): CheckAssertion {
  const { rangeMin, rangeMax: _, value, ...rest } = assertion;
  if (operator === "IN_RANGE") return { ...rest, operator, rangeMin: 200, rangeMax: 299 };
  if (!hasValue(operator)) return { ...rest, operator };
  return { ...rest, operator, value: value ?? rangeMin ?? "" };
}

export function numberOrText(text: string): number | string {
  return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** `Name: value`, one in each line, as headers are known. */
export function printHeaders(headers: unknown): string {
  return isObject(headers)
    ? Object.entries(headers)
        .map(([name, value]) => `${name}: ${String(value)}`)
        .join("\n")
    : "";
}

export function parseHeaders(text: string): Record<string, string> | undefined {
  const pairs = text.split("\n").flatMap((line) => {
    const at = line.indexOf(":");
    return at > 0 ? [[line.slice(0, at).trim(), line.slice(at + 1).trim()] as const] : [];
  });
  return pairs.length > 0 ? Object.fromEntries(pairs) : undefined;
}
