import { describe, expect, it } from "vitest";

import { failureOf, phasesOf, picturesOf, type ReportStep } from "./canary-report";

const step = (stepName: string, more: Partial<ReportStep> = {}): ReportStep => ({
  stepNumber: 1,
  stepName,
  status: "PASSED",
  ...more,
});
const folder = "canary/us-east-1/shop-1/2026/11/28/10/05-00-000";

describe("what failed", () => {
  it("is the first assertion that did not hold", () => {
    const failed = step("cart", {
      status: "FAILED",
      error: "an assertion failed",
      assertions: [
        { text: "status is 200", passed: true },
        { text: "body has total", actual: { a: 1 }, passed: false },
      ],
    });
    expect(failureOf({ status: "FAILED", steps: [step("home"), failed] }, "x")).toMatchObject({
      kind: "assertion",
      text: "body has total",
      actual: '{"a":1}',
    });
  });

  it("is what has changed on a page", () => {
    const failed = step("home", { status: "FAILED", visual: { changedPercent: 12, allowedPercent: 5 } });
    expect(failureOf({ status: "FAILED", steps: [failed] }, undefined)).toMatchObject({ kind: "visual", changed: 12 });
  });

  it("is the error of a step, or the reason of the run", () => {
    expect(failureOf({ status: "FAILED", steps: [step("a", { status: "FAILED", error: "boom" })] }, "x")).toMatchObject({
      kind: "step",
      error: "boom",
    });
    expect(failureOf(null, "timed out")).toEqual({ kind: "run", reason: "timed out" });
    expect(failureOf({ status: "PASSED", steps: [step("a")] }, undefined)).toBeUndefined();
  });
});

describe("pictures", () => {
  it("are those of steps, then the others, without what is compared", () => {
    const artifacts = ["00-before.png", "01-home.png", "extra.png", "base.png", "diff.png", "results.har"].map((name) => ({
      Key: `${folder}/${name}`,
    }));
    const home = step("home", {
      screenshots: ["00-before.png", "01-home.png"],
      visual: { baseline: "base.png", current: "01-home.png", difference: "diff.png" },
    });
    expect(picturesOf({ status: "PASSED", steps: [home] }, artifacts).map(({ name, step }) => [name, step?.stepName])).toEqual([
      ["00-before.png", "home"],
      ["extra.png", undefined],
    ]);
  });
});

describe("timings", () => {
  it("are in the order in which they happen", () => {
    expect(phasesOf({ downloadMs: 3, dnsMs: 0, loadMs: 9 })).toEqual([
      ["dnsMs", 0],
      ["downloadMs", 3],
    ]);
  });
});
