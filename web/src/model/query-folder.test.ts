import { expect, test } from "vitest";

import { foldersOf } from "./query-folder";

test("slashes in names are folders", () => {
  const root = foldersOf([{ name: "shop/errors/new" }, { name: "all" }, { name: "shop/slow" }]);
  expect(root.items.map(({ name }) => name)).toEqual(["all"]);
  expect(root.folders.map(({ name }) => name)).toEqual(["shop"]);
  expect(root.folders[0]!.items.map(({ name }) => name)).toEqual(["slow"]);
  expect(root.folders[0]!.folders[0]!.items).toEqual([{ name: "new", item: { name: "shop/errors/new" } }]);
});
