// What may come next at the caret of the filter expression box. This is a helper for
// typing, not a parser: the server alone decides what is valid.

import { quote } from "./filter";

export type SuggestionKind =
  "keyword" | "operator" | "value" | "function" | "annotation" | "service";

export interface Suggestion {
  text: string;
  kind: SuggestionKind;
  /** How far before the end of the inserted text the caret goes. */
  back?: number;
}

export interface Completion {
  from: number;
  to: number;
  suggestions: Suggestion[];
}

export interface Vocabulary {
  services: readonly string[];
  annotationKeys: readonly string[];
  values: Readonly<Record<string, readonly string[]>>;
}

const booleans = ["ok", "error", "fault", "throttle", "partial"];
const numbers = ["responsetime", "duration", "http.status"];
const strings = [
  "http.url",
  "http.method",
  "http.useragent",
  "http.clientip",
  "user",
  "availabilityzone",
  "instance.id",
  "resource.arn",
];
const functions: Suggestion[] = [
  { text: 'service("")', kind: "function", back: 2 },
  { text: 'edge("", "")', kind: "function", back: 6 },
  { text: "annotation[]", kind: "function", back: 1 },
  { text: "rootcause.fault.exception { }", kind: "function", back: 2 },
];

interface Token {
  text: string;
  at: number;
}

function tokens(text: string): Token[] {
  const found: Token[] = [];
  const pattern =
    /"(?:[^"\\]|\\.)*"?|[A-Za-z_][\w.]*(?:\[[^\]]*\]?)?|-?\d+(?:\.\d+)?|[<>!]=|[=<>!(){},:]/g;
  for (const match of text.matchAll(pattern)) found.push({ text: match[0], at: match.index });
  return found;
}

export function complete(text: string, caret: number, words: Vocabulary): Completion {
  const before = text.slice(0, caret);
  const list = tokens(before);
  const last = list.at(-1);
  const touching = last !== undefined && last.at + last.text.length === caret;
  const partial =
    touching && /^["A-Za-z_]/.test(last.text) && !closed(last.text) ? last : undefined;
  const previous = partial ? list.at(-2) : last;
  const from = partial ? partial.at : caret;
  const typed = (partial?.text ?? "").toLowerCase();
  const to = partial?.text.startsWith('"') && text[caret] === '"' ? caret + 1 : caret;
  const suggestions = candidates(list, previous, partial, words)
    .filter((s) => s.text.toLowerCase().startsWith(typed) && s.text.toLowerCase() !== typed)
    .slice(0, 50);
  return { from, to, suggestions };
}

function closed(token: string): boolean {
  return token.length > 1 && token.startsWith('"') && token.endsWith('"');
}

function candidates(
  list: readonly Token[],
  previous: Token | undefined,
  partial: Token | undefined,
  words: Vocabulary,
): Suggestion[] {
  const word = previous?.text.toLowerCase() ?? "";
  if (
    partial?.text.toLowerCase().startsWith("annotation[") ||
    partial?.text.toLowerCase().startsWith("annotation.")
  )
    return words.annotationKeys.map((key) => ({ text: `annotation[${key}]`, kind: "annotation" }));
  if (partial?.text.startsWith('"') || word === "(" || word === ",") {
    const before = list
      .slice(0, list.findIndex((t) => t === (partial ?? previous)) + 1)
      .map((t) => t.text.toLowerCase());
    const call = before.findLast((t) => ["service", "edge", "id", "{"].includes(t));
    if (call === "service" || call === "edge" || call === "id")
      return words.services.map((name) => ({ text: quote(name), kind: "service" }));
  }
  if (/^(=|!=|<|>|<=|>=|contains|beginswith|endswith)$/.test(word)) {
    const subject = list[list.indexOf(previous!) - 1]?.text ?? "";
    return valuesFor(subject, words);
  }
  if (isNumber(word))
    return [">", ">=", "<", "<=", "=", "!="].map((text) => ({ text, kind: "operator" }));
  if (isString(word)) {
    const operators = [
      "=",
      "!=",
      "CONTAINS",
      "BEGINSWITH",
      "ENDSWITH",
      ...(word.startsWith("annotation") ? [">", "<"] : []),
    ];
    return [...operators, "AND", "OR"].map((text) => ({ text, kind: "operator" }));
  }
  if (isComplete(word))
    return ["AND", "OR", ...(word === ")" ? ["{ fault }"] : [])].map((text) => ({
      text,
      kind: "operator",
    }));
  return start(words);
}

function isNumber(word: string): boolean {
  return numbers.includes(word);
}

function isString(word: string): boolean {
  return strings.includes(word) || /^annotation[.[]/.test(word);
}

function isComplete(word: string): boolean {
  return (
    booleans.includes(word) || /^["\d]/.test(word) || [")", "}", "true", "false"].includes(word)
  );
}

function valuesFor(subject: string, words: Vocabulary): Suggestion[] {
  const known = words.values[subject.toLowerCase()] ?? words.values[subject] ?? [];
  if (booleans.includes(subject.toLowerCase()))
    return ["true", "false"].map((text) => ({ text, kind: "value" }));
  const bare = isNumber(subject.toLowerCase());
  return known.map((value) => ({ text: bare ? value : quote(value), kind: "value" }));
}

function start(words: Vocabulary): Suggestion[] {
  return [
    ...booleans.map((text): Suggestion => ({ text, kind: "keyword" })),
    ...numbers.map((text): Suggestion => ({ text, kind: "keyword" })),
    ...strings.map((text): Suggestion => ({ text, kind: "keyword" })),
    ...functions,
    ...words.annotationKeys.map((key): Suggestion => ({
      text: `annotation[${key}]`,
      kind: "annotation",
    })),
  ];
}
