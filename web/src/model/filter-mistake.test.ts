import { expect, test } from "vitest";

import { en } from "../i18n/en";
import { ja } from "../i18n/ja";
import { bareMessage, indexOfCharacter, readMistake } from "./filter-mistake";

test("the message is freed of what the page says itself", () => {
  const expected = ["a keyword", "`(`", "`!`"];
  expect(
    bareMessage(
      "filter expression: unexpected `)`, expected a keyword or `(` or `!` at character 9",
      expected,
    ),
  ).toBe("unexpected `)`");
  expect(bareMessage("filter expression: `ok` means nothing here at character 1", [])).toBe(
    "`ok` means nothing here",
  );
});

test("what it quotes is found", () => {
  expect(readMistake("unexpected `>`")).toEqual({ kind: "unexpected", one: ">", two: "" });
  expect(readMistake("`partial` means nothing inside service() { }")).toEqual({
    kind: "outOfPlace",
    one: "partial",
    two: "inside service() { }",
  });
  expect(readMistake("the moon is full")).toBeUndefined();
});

/** Every message of the server's parser. */
const messages = [
  "the expression is longer than 2000 characters",
  "unexpected `>`",
  "the expression ends too early",
  "nested deeper than 64 levels",
  "the annotation has no key",
  "unknown keyword `foo`",
  "`root` means nothing for a whole trace",
  "a true-or-false keyword is compared with something else",
  "this operator does not suit a true-or-false keyword",
  "this operator does not suit a number",
  "the value is not a number",
  "this operator does not suit a text",
  "this operator does not suit the value's type",
  "this is no service",
  "unknown part `nam` of an id",
  "unknown kind of root cause",
  "unknown part of a root cause",
  "a group is compared with = or !=",
  "there is no group of this name",
  "a root cause pattern is written `= #[…]`",
  "the pattern is not JSON: EOF while parsing a list at line 1 column 1",
  "the pattern is not a JSON array",
  "the value is missing",
  "the text has no closing quote",
];

test("every message has words in both languages", () => {
  for (const message of messages) {
    const mistake = readMistake(message);
    expect(mistake, message).toBeDefined();
    const { kind, one, two } = mistake!;
    expect(en.traces.mistakes[kind](one, two).toLowerCase()).toContain(one.toLowerCase());
    expect(ja.traces.mistakes[kind](one, two), message).toMatch(/[ぁ-ん]/);
    expect(ja.traces.mistakes[kind](one, two)).toContain(one);
  }
});

test("places and expected things that are words have Japanese ones", () => {
  for (const place of Object.keys(en.traces.places)) expect(ja.traces.places[place]).toBeTruthy();
  for (const thing of Object.keys(en.traces.things)) expect(ja.traces.things[thing]).toBeTruthy();
});

test("characters outside the first plane are one character to the server", () => {
  expect(indexOfCharacter("𠮷 = 1", 1)).toBe(2);
  expect(indexOfCharacter("ok > 1", 3)).toBe(3);
});
