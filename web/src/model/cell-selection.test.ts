import { expect, test } from "vitest";

import { moveSelection, rectangleOf, selectionOf, type CellSelection } from "./cell-selection";

const line = { columns: 10, rows: 1 };
const plane = { columns: 10, rows: 4 };

function press(keys: string[], cells = line, from?: CellSelection): number[][] {
  let selection = from;
  for (const key of keys)
    selection = moveSelection(selection, key.replace("+", ""), key.startsWith("+"), cells);
  const { anchor, focus } = selection!;
  return [
    [anchor.column, anchor.row],
    [focus.column, focus.row],
  ];
}

test("arrows begin at the end they come from and move the whole selection", () => {
  expect(press(["ArrowRight"])).toEqual([
    [0, 0],
    [0, 0],
  ]);
  expect(press(["ArrowLeft"])).toEqual([
    [9, 0],
    [9, 0],
  ]);
  expect(press(["ArrowRight", "ArrowRight", "+ArrowRight", "ArrowRight"])).toEqual([
    [2, 0],
    [3, 0],
  ]);
});

test("with Shift they stretch it, also back over its beginning", () => {
  expect(press(["ArrowRight", "ArrowRight", "+ArrowRight", "+ArrowRight"])).toEqual([
    [1, 0],
    [3, 0],
  ]);
  expect(press(["End", "ArrowLeft", "+ArrowLeft", "+Home"])).toEqual([
    [8, 0],
    [0, 0],
  ]);
});

test("it keeps its size at the edge", () => {
  expect(press(["ArrowLeft", "+ArrowLeft", "ArrowRight"])).toEqual([
    [9, 0],
    [8, 0],
  ]);
  expect(press(["ArrowRight", "+ArrowRight", "End"])).toEqual([
    [8, 0],
    [9, 0],
  ]);
  expect(press(["ArrowRight", "+ArrowRight", "PageDown"])).toEqual([
    [0, 0],
    [1, 0],
  ]);
});

test("up and down change rows where there are some, else they go on and back", () => {
  expect(press(["ArrowUp"], plane)).toEqual([
    [5, 2],
    [5, 2],
  ]);
  expect(press(["ArrowRight", "+ArrowUp", "+ArrowUp"], plane)).toEqual([
    [5, 2],
    [5, 3],
  ]);
  expect(press(["ArrowRight", "ArrowUp"])).toEqual([
    [1, 0],
    [1, 0],
  ]);
});

test("other keys mean nothing", () => {
  expect(moveSelection(undefined, "Tab", false, line)).toBeUndefined();
  expect(moveSelection(undefined, "ArrowRight", false, { columns: 0, rows: 1 })).toBeUndefined();
});

test("cells and pixels tell the same", () => {
  const area = { left: 50, right: 150, top: 10, bottom: 50 };
  const selection = { anchor: { column: 2, row: 0 }, focus: { column: 3, row: 1 } };
  const rectangle = rectangleOf(selection, plane, area);
  expect(rectangle).toEqual({ left: 70, right: 90, top: 30, bottom: 50 });
  expect(selectionOf(rectangle, plane, area)).toEqual(selection);
});
