import { expect, test } from "vitest";

import { awsCommand, shellQuote } from "./aws-cli";
import { and, edgeSelector, narrowed, quote, serviceSelector } from "./filter";
import { complete } from "./filter-completion";
import { normalizeTraceId } from "./trace-id";

test("shell quoting keeps every character", () => {
  expect(shellQuote("http://127.0.0.1:2001")).toBe("http://127.0.0.1:2001");
  expect(shellQuote(`it's "x" $HOME`)).toBe(`'it'\\''s "x" $HOME'`);
  expect(shellQuote("")).toBe("''");
  expect(
    awsCommand("get-trace-summaries", "http://h:1", [
      ["start-time", 5],
      ["filter-expression", "fault AND duration > 1"],
      ["x", ""],
    ]),
  ).toBe(
    "aws xray get-trace-summaries --endpoint-url http://h:1 --region us-east-1 --no-sign-request --start-time 5 --filter-expression 'fault AND duration > 1'",
  );
});

test("where a signature is asked for, the command makes one", () => {
  expect(awsCommand("get-groups", "http://h:1", [], true)).toBe(
    "aws xray get-groups --endpoint-url http://h:1 --region us-east-1",
  );
});

test("trace ids in both notations and inside a tracing header", () => {
  const id = "1-6b02ffc0-7a2ab790817c2e13796371a0";
  expect(normalizeTraceId(` ${id} `)).toBe(id);
  expect(normalizeTraceId("6B02FFC07a2ab790817c2e13796371a0")).toBe(id);
  expect(normalizeTraceId(`00-6b02ffc07a2ab790817c2e13796371a0-37b7f64719017380-01`)).toBe(id);
  expect(normalizeTraceId(`Root=${id};Parent=37b7f64719017380;Sampled=1`)).toBe(id);
  expect(normalizeTraceId("fault")).toBeUndefined();
});

test("selectors leave out a missing type and escape quotes", () => {
  expect(serviceSelector({ name: "Backend #2" })).toBe('service(id(name: "Backend #2"))');
  expect(edgeSelector({ name: 'a"b' }, { name: "t", type: "AWS::DynamoDB::Table" })).toBe(
    'edge(id(name: "a\\"b"), id(name: "t", type: "AWS::DynamoDB::Table"))',
  );
  expect(quote("a\\b")).toBe('"a\\\\b"');
  expect(narrowed("service()", { states: ["fault"], responseTime: { from: 0.1, to: 2 } })).toBe(
    "service() { fault AND responsetime >= 0.1 AND responsetime <= 2 }",
  );
  expect(narrowed("service()", { states: ["fault", "error"] })).toBe(
    "service() { (fault OR error) }",
  );
});

test("adding a term keeps the meaning of an OR", () => {
  expect(and("", "fault")).toBe("fault");
  expect(and("ok OR error", "fault")).toBe("(ok OR error) AND fault");
  expect(and('http.url = "a or b"', "fault")).toBe('http.url = "a or b" AND fault');
  expect(and("fault", "fault")).toBe("fault");
});

const words = {
  services: ["BFF", "Backend #1"],
  annotationKeys: ["tier"],
  values: { "http.method": ["GET", "POST"], "http.status": ["200"] },
};
const texts = (text: string, caret = text.length) =>
  complete(text, caret, words).suggestions.map((s) => s.text);

test("completion knows what may come next", () => {
  expect(texts("fau")).toEqual(["fault"]);
  expect(texts("http.method ")).toContain("CONTAINS");
  expect(texts("http.method = ")).toEqual(['"GET"', '"POST"']);
  expect(texts("http.status = ")).toEqual(["200"]);
  expect(texts("responsetime ")).toContain(">=");
  expect(texts('service("')).toEqual(['"BFF"', '"Backend #1"']);
  expect(texts('service("")', 9)).toEqual(['"BFF"', '"Backend #1"']);
  expect(texts("fault ")).toEqual(["AND", "OR"]);
  expect(texts("annotation[")).toEqual(["annotation[tier]"]);
  const completion = complete('service("")', 9, words);
  expect([completion.from, completion.to]).toEqual([8, 10]);
});
