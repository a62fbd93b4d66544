import { expect, test } from "vitest";

import { piecesOf, termsOf } from "./log-text";

test("the terms of a filter pattern are what a line has to have", () => {
  expect(termsOf('ERROR -timeout ?a1 "a phrase"')).toEqual(["ERROR", "a1", "a phrase"]);
  expect(termsOf('{ $.status = 502 && $.path = "/api/*" && $.x != "no" }')).toEqual(["502", "/api/"]);
  expect(termsOf("[ip, user, ..., status = 5*, size]")).toEqual(["5"]);
  expect(termsOf("%4\\d\\d%")).toEqual([]);
  expect(termsOf(undefined)).toEqual([]);
});

test("pieces are all of the message, JSON by its kinds", () => {
  const message = '{"level":"error", "took_ms": 12.5, "ok":false}';
  const pieces = piecesOf(message, true, ["error"]);
  expect(pieces.map(({ text }) => text).join("")).toBe(message);
  expect(pieces.filter(({ kind }) => kind === "key").map(({ text }) => text)).toEqual(['"level"', '"took_ms"', '"ok"']);
  expect(pieces.find(({ text }) => text === "12.5")?.kind).toBe("number");
  expect(pieces.find(({ term }) => term === 0)).toEqual({ text: "error", kind: "string", term: 0 });
});

test("terms in texts, in any case if wanted", () => {
  expect(piecesOf("an Error (x)", false, ["error", "(x)"], true)).toEqual([
    { text: "an ", kind: "plain" },
    { text: "Error", kind: "plain", term: 0 },
    { text: " ", kind: "plain" },
    { text: "(x)", kind: "plain", term: 1 },
  ]);
});
