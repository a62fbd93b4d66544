import { expect, test } from "vitest";

import { problemsOf, toDraft, toRule, toUpdate } from "./sampling-rule";

test("a rule survives the form", () => {
  const rule = {
    RuleName: "r",
    ResourceARN: "*",
    Priority: 5,
    FixedRate: 0.07,
    ReservoirSize: 2,
    ServiceName: "a*",
    ServiceType: "*",
    Host: "*",
    HTTPMethod: "GET",
    URLPath: "/x",
    Version: 1,
    Attributes: {},
  };
  expect(toRule(toDraft(rule))).toEqual(rule);
  expect(toDraft(rule).Percent).toBe("7");
});

test("the Default rule only sends its two numbers", () => {
  expect(toUpdate({ ...toDraft(undefined), RuleName: "Default" })).toEqual({
    RuleName: "Default",
    ReservoirSize: 1,
    FixedRate: 0.05,
  });
});

test("problems are found before the server is asked", () => {
  const draft = {
    ...toDraft(undefined),
    RuleName: "a b",
    Priority: "0",
    ReservoirSize: "-1",
    Percent: "101",
    Host: "",
    HTTPMethod: "LONGER-THAN-TEN",
  };
  expect(problemsOf(draft, [], false)).toEqual({
    RuleName: "name",
    Priority: "priority",
    ReservoirSize: "reservoir",
    Percent: "rate",
    Host: "required",
    HTTPMethod: { tooLong: 10 },
  });
  expect(problemsOf({ ...toDraft(undefined), RuleName: "x" }, ["x"], false)).toEqual({
    RuleName: "nameTaken",
  });
});
