// Rules of composite alarms: `ALARM("a") AND NOT (OK(b) OR AT_LEAST(2, ALARM, (c, d, e)))`, read as a tree and printed again.

import { isComposite, type Alarm, type AlarmState } from "../api/alarm";
import { alarmNameOf } from "./alarm";

export type RuleNode =
  | { kind: "constant"; value: boolean }
  /** The alarm is in the state. */
  | { kind: "is"; state: AlarmState; alarm: string }
  | { kind: "atLeast"; count: number; isPercent: boolean; state: AlarmState; isNegated: boolean; alarms: string[] }
  | { kind: "not"; inner: RuleNode }
  /** What is joined alike stands side by side, however it was bracketed. */
  | { kind: "and" | "or"; parts: RuleNode[] };

interface Token {
  kind: "word" | "text" | "(" | ")" | "," | "%";
  value: string;
}

class Malformed extends Error {}

function tokensOf(text: string): Token[] {
  const pattern = /\s*(?:([(),%])|"((?:[^"\\]|\\.)*)"|([^\s(),%"]+))/gy;
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  while (pattern.lastIndex < end) {
    const found = pattern.exec(text);
    if (!found) throw new Malformed();
    const [, mark, quoted, word] = found;
    if (mark) tokens.push({ kind: mark as Token["kind"], value: mark });
    else if (quoted !== undefined) tokens.push({ kind: "text", value: quoted.replace(/\\(.)/g, "$1") });
    else tokens.push({ kind: "word", value: word! });
  }
  return tokens;
}

/** Undefined: it is no rule. What is wrong with it is the server's to say. */
export function parseRule(text: string): RuleNode | undefined {
  try {
    const parser = new Parser(tokensOf(text));
    const rule = parser.or();
    return parser.isDone ? rule : undefined;
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

class Parser {
  private at = 0;
  constructor(private readonly tokens: readonly Token[]) {}

  get isDone(): boolean {
    return this.at === this.tokens.length;
  }

  private next(): Token {
    const token = this.tokens[this.at];
    if (!token) throw new Malformed();
    this.at += 1;
    return token;
  }

  private take(kind: Token["kind"]) {
    if (this.next().kind !== kind) throw new Malformed();
  }

  private takeIf(kind: Token["kind"]): boolean {
    if (this.tokens[this.at]?.kind !== kind) return false;
    this.at += 1;
    return true;
  }

  private takeWord(word: string): boolean {
    const token = this.tokens[this.at];
    if (token?.kind !== "word" || token.value.toUpperCase() !== word) return false;
    this.at += 1;
    return true;
  }

  or(): RuleNode {
    const parts = [this.and()];
    while (this.takeWord("OR")) parts.push(this.and());
    return joined("or", parts);
  }

  private and(): RuleNode {
    const parts = [this.not()];
    while (this.takeWord("AND")) parts.push(this.not());
    return joined("and", parts);
  }

  private not(): RuleNode {
    return this.takeWord("NOT") ? { kind: "not", inner: this.not() } : this.one();
  }

  private one(): RuleNode {
    if (this.takeIf("(")) {
      const inner = this.or();
      this.take(")");
      return inner;
    }
    if (this.takeWord("TRUE")) return { kind: "constant", value: true };
    if (this.takeWord("FALSE")) return { kind: "constant", value: false };
    if (this.takeWord("AT_LEAST")) return this.atLeast();
    const state = this.state();
    this.take("(");
    const alarm = this.name();
    this.take(")");
    return { kind: "is", state, alarm };
  }

  private state(): AlarmState {
    for (const state of ["ALARM", "OK", "INSUFFICIENT_DATA"] as const) if (this.takeWord(state)) return state;
    throw new Malformed();
  }

  private name(): string {
    const token = this.next();
    if ((token.kind !== "word" && token.kind !== "text") || token.value === "") throw new Malformed();
    return alarmNameOf(token.value);
  }

  /** `(2, ALARM, (a, b))`, `(50%, NOT OK, (a, b))` */
  private atLeast(): RuleNode {
    this.take("(");
    const count = Number(this.next().value);
    if (!Number.isFinite(count)) throw new Malformed();
    const isPercent = this.takeIf("%");
    this.take(",");
    const isNegated = this.takeWord("NOT");
    const state = this.state();
    this.take(",");
    this.take("(");
    const alarms = [this.name()];
    while (this.takeIf(",")) alarms.push(this.name());
    this.take(")");
    this.take(")");
    return { kind: "atLeast", count, isPercent, state, isNegated, alarms };
  }
}

function joined(kind: "and" | "or", parts: RuleNode[]): RuleNode {
  if (parts.length === 1) return parts[0]!;
  return { kind, parts: parts.flatMap((part) => (part.kind === kind ? part.parts : [part])) };
}

/** Each name once, in the order of the rule. */
export function alarmsOfRule(node: RuleNode): string[] {
  const found = new Set<string>();
  const visit = (it: RuleNode) => {
    if (it.kind === "is") found.add(it.alarm);
    else if (it.kind === "atLeast") it.alarms.forEach((name) => found.add(name));
    else if (it.kind === "not") visit(it.inner);
    else if (it.kind === "and" || it.kind === "or") it.parts.forEach(visit);
  };
  visit(node);
  return [...found];
}

/** Whether it holds; an alarm that is not there is in no state. */
export function holds(node: RuleNode, stateOf: (alarm: string) => AlarmState | undefined): boolean {
  switch (node.kind) {
    case "constant":
      return node.value;
    case "is":
      return stateOf(node.alarm) === node.state;
    case "atLeast": {
      const count = countOf(node, stateOf);
      return node.isPercent ? count * 100 >= node.count * node.alarms.length : count >= node.count;
    }
    case "not":
      return !holds(node.inner, stateOf);
    case "and":
      return node.parts.every((part) => holds(part, stateOf));
    case "or":
      return node.parts.some((part) => holds(part, stateOf));
  }
}

/** How many alarms are as it is wanted. */
export function countOf(
  node: Extract<RuleNode, { kind: "atLeast" }>,
  stateOf: (alarm: string) => AlarmState | undefined,
): number {
  return node.alarms.filter((name) => {
    const state = stateOf(name);
    return state !== undefined && (state === node.state) !== node.isNegated;
  }).length;
}

/** As a rule names an alarm: `ALARM("cart is slow")` */
export function printTerm(state: AlarmState, alarm: string): string {
  return `${state}("${alarm.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}")`;
}

/** Composite alarms whose rules name one of these. */
export function parentsOf(names: readonly string[], alarms: readonly Alarm[]): string[] {
  return alarms.flatMap((alarm) => {
    if (!isComposite(alarm)) return [];
    const rule = parseRule(alarm.AlarmRule);
    return rule && alarmsOfRule(rule).some((name) => names.includes(name)) ? [alarm.AlarmName] : [];
  });
}

/** Composite alarms one by one, parents before their children; then the others together. */
export function deletionOrder(
  names: readonly string[],
  alarms: readonly Alarm[],
): { first: string[]; rest: string[] } {
  const meant = alarms.filter((alarm) => names.includes(alarm.AlarmName));
  let left = meant.filter(isComposite);
  const first: string[] = [];
  while (left.length > 0) {
    const free = left.find((alarm) => parentsOf([alarm.AlarmName], left).every((name) => name === alarm.AlarmName));
    // In a circle none is free: the server says what to do then.
    const next = free ?? left[0]!;
    first.push(next.AlarmName);
    left = left.filter((alarm) => alarm !== next);
  }
  return { first, rest: names.filter((name) => !first.includes(name)) };
}
