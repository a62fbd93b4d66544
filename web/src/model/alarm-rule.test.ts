import { expect, test } from "vitest";

import type { Alarm, AlarmState } from "../api/alarm";
import { alarmsOfRule, countOf, deletionOrder, holds, parentsOf, parseRule, printTerm, type RuleNode } from "./alarm-rule";

const is = (alarm: string, state: AlarmState = "ALARM"): RuleNode => ({ kind: "is", state, alarm });

test("a rule is read as a tree", () => {
  expect(parseRule('ALARM("cart is slow") AND ALARM(b) OR NOT OK(c)')).toEqual({
    kind: "or",
    parts: [
      { kind: "and", parts: [is("cart is slow"), is("b")] },
      { kind: "not", inner: is("c", "OK") },
    ],
  });
  expect(parseRule("(ALARM(a) or (ALARM(b) OR ALARM(c)))")).toEqual({
    kind: "or",
    parts: [is("a"), is("b"), is("c")],
  });
  expect(parseRule("TRUE")).toEqual({ kind: "constant", value: true });
});

test("names may be ARNs, and may have marks in them", () => {
  expect(parseRule('ALARM("arn:aws:cloudwatch:us-east-1:123456789012:alarm:a b")')).toEqual(is("a b"));
  expect(parseRule(printTerm("OK", 'say "hi" \\ go'))).toEqual(is('say "hi" \\ go', "OK"));
});

test("some of several alarms", () => {
  expect(parseRule('AT_LEAST(2, ALARM, (a, "b", c))')).toEqual({
    kind: "atLeast",
    count: 2,
    isPercent: false,
    state: "ALARM",
    isNegated: false,
    alarms: ["a", "b", "c"],
  });
  expect(parseRule("AT_LEAST(50%, NOT OK, (a, b))")).toMatchObject({ count: 50, isPercent: true, isNegated: true });
});

test("what is no rule has no tree", () => {
  for (const text of ["", "ALARM", "ALARM()", "ALARM(a", "ALARM(a) ALARM(b)", "a AND b", 'ALARM("a)', "AT_LEAST(x, ALARM, (a))"])
    expect(parseRule(text), text).toBeUndefined();
});

test("a rule holds or not, and an alarm that is gone is in no state", () => {
  const states: Record<string, AlarmState> = { a: "ALARM", b: "OK", c: "ALARM" };
  const stateOf = (name: string) => states[name];
  const check = (text: string) => holds(parseRule(text)!, stateOf);
  expect(check("ALARM(a) AND NOT ALARM(b)")).toBe(true);
  expect(check("ALARM(b) OR INSUFFICIENT_DATA(a)")).toBe(false);
  expect(check("AT_LEAST(2, ALARM, (a, b, c))")).toBe(true);
  expect(check("AT_LEAST(70%, ALARM, (a, b, c))")).toBe(false);
  expect(check("ALARM(gone) OR OK(gone)")).toBe(false);
  const node = parseRule("AT_LEAST(1, NOT OK, (a, b, gone))") as Extract<RuleNode, { kind: "atLeast" }>;
  expect(countOf(node, stateOf)).toBe(1);
  expect(alarmsOfRule(parseRule("ALARM(a) AND (OK(b) OR NOT ALARM(a))")!)).toEqual(["a", "b"]);
});

test("parents are deleted before their children", () => {
  const facts = { AlarmArn: "", StateValue: "OK" as const };
  const alarms: Alarm[] = [
    { ...facts, AlarmName: "low", AlarmRule: "ALARM(a)" },
    { ...facts, AlarmName: "high", AlarmRule: "ALARM(low) OR ALARM(b)" },
    { ...facts, AlarmName: "a" },
    { ...facts, AlarmName: "b" },
  ];
  expect(parentsOf(["a"], alarms)).toEqual(["low"]);
  expect(deletionOrder(["a", "low", "b", "high"], alarms)).toEqual({ first: ["high", "low"], rest: ["a", "b"] });
});
