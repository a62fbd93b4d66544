import { describe, expect, it } from "vitest";

import type { CanaryRun } from "../api/canary";
import {
  alarmInput,
  blueprintOf,
  canaryArn,
  canaryOfSegment,
  figureQueries,
  figuresOf,
  isAlarmOf,
  isCanaryName,
  standingOf,
  suggestName,
} from "./canary";

const run = (State: "PASSED" | "FAILED" | "RUNNING"): CanaryRun => ({ Id: "r", Name: "a", Status: { State } });

describe("names", () => {
  it("are made of the address", () => {
    expect(suggestName("https://www.shop.test/cart?a=1", [])).toBe("shop-test-cart");
    expect(suggestName("https://Shop.test/", [])).toBe("shop-test");
    expect(suggestName("http://localhost:8080/health", [], "api")).toBe("localhost-health-api");
    expect(suggestName("https://shop.test", ["shop-test", "shop-test-2"])).toBe("shop-test-3");
    expect(suggestName("no address", [])).toBe("");
    expect(suggestName(`https://shop.test/${"long/".repeat(50)}`, []).length).toBeLessThanOrEqual(60);
  });

  it("must not be the address of the form", () => {
    expect(isCanaryName("create")).toBe(false);
    expect(isCanaryName("Shop")).toBe(false);
    expect(isCanaryName("shop_1-a")).toBe(true);
    expect(suggestName("https://create/", [])).toBe("create-2");
  });
});

describe("blueprints", () => {
  const checks = (...types: string[]) => ({
    Code: {
      BlueprintTypes: ["multi-checks"],
      BlueprintConfig: { steps: Object.fromEntries(types.map((checkerType, i) => [i + 1, { checkerType }])) },
    },
  });
  it("are told by the code", () => {
    expect(blueprintOf({ Code: { BlueprintTypes: ["visual"] } })).toBe("visual");
    expect(blueprintOf({ Code: { Handler: "index.handler" } })).toBe("script");
    expect(blueprintOf(checks("HTTP", "HTTP"))).toBe("api");
    expect(blueprintOf(checks("HTTP", "SSL"))).toBe("multi-checks");
  });
});

describe("standing", () => {
  it("is the last result of what runs", () => {
    expect(standingOf({ Status: { State: "RUNNING" } }, run("FAILED"))).toBe("failed");
    expect(standingOf({ Status: { State: "STOPPED" } }, run("FAILED"))).toBe("stopped");
    expect(standingOf({ Status: { State: "RUNNING" } }, undefined)).toBe("none");
  });
});

describe("figures", () => {
  it("are means over runs, not over periods", () => {
    const queries = figureQueries(["a"], 60);
    expect(queries.map((query) => query.Id)).toEqual(["c0_0", "c0_1", "c0_2", "c0_3"]);
    const result = (Id: string, Values: number[]) => ({
      Id,
      Label: "a",
      Timestamps: [60, 120].slice(0, Values.length),
      Values,
      StatusCode: "Complete",
    });
    const found = figuresOf(
      ["a"],
      [result("c0_0", [100, 300]), result("c0_1", [2, 3]), result("c0_2", [500]), result("c0_3", [1])],
    ).get("a")!;
    expect(found.success).toEqual({ mean: 80, values: [50, 100] });
    expect(found.duration).toEqual({ mean: 500, values: [500] });
  });
});

describe("alarms", () => {
  it("are proposed in periods that have a run", () => {
    expect(alarmInput("shop", "success", 300, ["arn:t"])).toMatchObject({
      AlarmName: "Synthetics-Alarm-shop-1",
      Period: 300,
      Threshold: 90,
      AlarmActions: ["arn:t"],
    });
    expect(alarmInput("shop", "faults", 30, [])).toMatchObject({ AlarmName: "Synthetics-Alarm-shop-3", Period: 60 });
    expect(alarmInput("shop", "duration", 60, [])).toMatchObject({
      ComparisonOperator: "GreaterThanUpperThreshold",
      ThresholdMetricId: "ad1",
      EvaluationPeriods: 2,
    });
  });

  it("belong to the canary that they are called after or measure", () => {
    expect(isAlarmOf("shop", { AlarmName: "Synthetics-Alarm-shop-1" })).toBe(true);
    expect(isAlarmOf("shop", { AlarmName: "Synthetics-Alarm-shop-cart-1" })).toBe(false);
    const Dimensions = [{ Name: "CanaryName", Value: "shop" }];
    expect(isAlarmOf("shop", { AlarmName: "x", Namespace: "CloudWatchSynthetics", Dimensions })).toBe(true);
    expect(isAlarmOf("shop", { AlarmName: "x", Namespace: "Mine", Dimensions })).toBe(false);
  });
});

describe("segments", () => {
  it("tell their canary", () => {
    expect(canaryOfSegment({ name: "shop", annotations: { canary_name: "cart", canary_run_id: "r1" } })).toEqual({
      name: "cart",
      run: "r1",
    });
    expect(
      canaryOfSegment({ name: "shop", annotations: { "aws:canary_arn": "arn:aws:synthetics:r:1:canary:x" } })?.name,
    ).toBe("x");
    expect(canaryOfSegment({ name: "shop", origin: "AWS::Synthetics" })).toEqual({ name: "shop", run: undefined });
    expect(
      canaryOfSegment({
        name: "web",
        http: { request: { user_agent: "Chrome/1 CloudWatchSynthetics/arn:aws:synthetics:us-east-1:0:canary:cart" } },
      })?.name,
    ).toBe("cart");
    expect(canaryOfSegment({ name: "web" })).toBeUndefined();
  });

  it("has an ARN where its engine is, else where the server is", () => {
    expect(canaryArn({ Name: "a" }, "1", "r")).toBe("arn:aws:synthetics:r:1:canary:a");
    expect(canaryArn({ Name: "a", EngineArn: "arn:aws:lambda:e:2:function:x" }, "1", "r")).toBe(
      "arn:aws:synthetics:e:2:canary:a",
    );
  });
});
