import { describe, expect, it } from "vitest";

import {
  checkStepsOf,
  kindOfAssertion,
  newStep,
  parseChecks,
  parseHeaders,
  printHeaders,
  assertionKinds,
  valueText,
  withMember,
  withOperator,
  withSteps,
  withValue,
  type Checks,
} from "./multi-checks";

const checks: Checks = { variables: { base: "https://a" }, steps: { "2": newStep("DNS", []), "1": newStep("HTTP", []) } };

describe("multi-checks", () => {
  it("says why a text is none", () => {
    expect(parseChecks("{")).toHaveProperty("problem");
    expect(parseChecks("{}")).toEqual({ problem: "steps" });
    expect(parseChecks('{"steps":{"1":5}}')).toEqual({ problem: "steps.1" });
    expect(parseChecks('{"steps":{}}')).toEqual({ checks: { steps: {} } });
  });

  it("keeps steps in order and numbers them without gaps", () => {
    const steps = checkStepsOf(checks);
    expect(steps.map((step) => step.checkerType)).toEqual(["HTTP", "DNS"]);
    const fewer = withSteps(checks, steps.slice(1));
    expect(Object.keys(fewer.steps)).toEqual(["1"]);
    expect(fewer.variables).toEqual({ base: "https://a" });
  });

  it("gives steps names of their own and what the address tells", () => {
    expect(newStep("SSL", ["certificate"], "https://shop.test/cart")).toMatchObject({
      stepName: "certificate-2",
      hostname: "shop.test",
      port: 443,
    });
  });

  it("leaves out what is empty", () => {
    expect(withMember({ a: 1, body: "x" }, "body", "")).toEqual({ a: 1 });
  });

  it("tells forms of one type of assertion apart", () => {
    expect(kindOfAssertion("HTTP", { type: "BODY", target: "JSON" })).toBe("json");
    expect(kindOfAssertion("HTTP", { type: "BODY", target: "TEXT" })).toBe("text");
    expect(kindOfAssertion("HTTP", { type: "WEATHER" })).toBeUndefined();
  });

  it("writes ranges, numbers and variables", () => {
    const status = assertionKinds.HTTP["status"]!;
    const range = withOperator({ type: "STATUS_CODE", operator: "EQUALS", value: 200 }, "IN_RANGE");
    expect(range).toEqual({ type: "STATUS_CODE", operator: "IN_RANGE", rangeMin: 200, rangeMax: 299 });
    expect(valueText(range)).toBe("200-299");
    expect(withValue(range, status, "200-204")).toMatchObject({ rangeMin: 200, rangeMax: 204 });
    expect(withOperator(range, "EQUALS")).toEqual({ type: "STATUS_CODE", operator: "EQUALS", value: 200 });
    expect(withValue({ type: "STATUS_CODE", operator: "EQUALS" }, status, "204").value).toBe(204);
    expect(withValue({ type: "STATUS_CODE", operator: "EQUALS" }, status, "${code}").value).toBe("${code}");
  });

  it("reads headers as lines", () => {
    expect(parseHeaders("Accept: text/html\n\nX-A:1:2")).toEqual({ Accept: "text/html", "X-A": "1:2" });
    expect(parseHeaders(" ")).toBeUndefined();
    expect(printHeaders({ Accept: "a", B: "c" })).toBe("Accept: a\nB: c");
  });
});
