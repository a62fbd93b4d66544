import { expect, test } from "vitest";

import {
  cloneName,
  problemOfName,
  tagChanges,
  toCreateInput,
  toGroupDraft,
  toUpdateInput,
  withinGroup,
} from "./group";

test("a copy gets a name that is free and fits", () => {
  expect(cloneName("checkout", ["checkout"])).toBe("checkout-clone");
  expect(cloneName("checkout", ["checkout-clone", "checkout-clone-2"])).toBe("checkout-clone-3");
  expect(cloneName("a".repeat(32), [])).toBe(`${"a".repeat(26)}-clone`);
});

test("an expression is put within a group", () => {
  expect(withinGroup(undefined, "fault")).toBe("fault");
  expect(withinGroup("shop", "")).toBe('group.name = "shop"');
  expect(withinGroup("shop", 'service("a") { fault }')).toBe(
    'group.name = "shop" AND service("a") { fault }',
  );
});

test("names are checked as the server does", () => {
  expect(problemOfName("", [])).toBe("name");
  expect(problemOfName("a b", [])).toBe("name");
  expect(problemOfName("a".repeat(33), [])).toBe("name");
  expect(problemOfName("a_b-C1", [])).toBeUndefined();
  expect(problemOfName("shop", ["shop"])).toBe("nameTaken");
});

test("notifications go with insights", () => {
  const draft = { name: "shop", expression: " fault ", insights: false, notifications: true };
  expect(toUpdateInput(draft)).toEqual({
    GroupName: "shop",
    FilterExpression: "fault",
    InsightsConfiguration: { InsightsEnabled: false, NotificationsEnabled: false },
  });
  expect(toCreateInput(draft, [])).not.toHaveProperty("Tags");
  expect(toCreateInput(draft, [{ Key: "a", Value: "" }]).Tags).toEqual([{ Key: "a", Value: "" }]);
});

test("of the Default group only insights are sent", () => {
  const group = { GroupName: "Default", GroupARN: "arn", InsightsConfiguration: {} };
  expect(toUpdateInput({ ...toGroupDraft(group), insights: true })).toEqual({
    GroupName: "Default",
    InsightsConfiguration: { InsightsEnabled: true, NotificationsEnabled: false },
  });
});

test("only tags that differ are sent", () => {
  const before = [
    { Key: "team", Value: "shop" },
    { Key: "stage", Value: "test" },
    { Key: "old", Value: "" },
  ];
  const after = [
    { Key: "team", Value: "shop" },
    { Key: "stage", Value: "live" },
    { Key: "new", Value: "" },
  ];
  expect(tagChanges(before, after)).toEqual({
    set: [
      { Key: "stage", Value: "live" },
      { Key: "new", Value: "" },
    ],
    remove: ["old"],
  });
});
