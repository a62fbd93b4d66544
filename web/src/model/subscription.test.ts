import { expect, test } from "vitest";

import { destinationOf, isDestination } from "./subscription";

test("destinations are told apart by their address", () => {
  expect(destinationOf("arn:aws:logs:us-east-1:000000000000:log-group:/ecs/all")).toEqual({ kind: "group", group: "/ecs/all" });
  expect(destinationOf("otlp+http://127.0.0.1:4318/v1/logs").kind).toBe("otlp");
  expect(destinationOf("https://hooks.example.com/x").kind).toBe("webhook");
  expect(destinationOf("arn:aws:lambda:us-east-1:000000000000:function:f").kind).toBe("other");
  expect(isDestination("https://", "webhook")).toBe(false);
  expect(isDestination("otlp+https://c:4318/v1/logs", "otlp")).toBe(true);
  expect(isDestination("http://c/v1/logs", "otlp")).toBe(false);
});
