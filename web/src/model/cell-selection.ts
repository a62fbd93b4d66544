// A part of a chart chosen with the keyboard, in cells of the chart: arrows move it, with Shift
// they stretch it. A chart that is chosen from in one direction has one row.

export interface Cell {
  column: number;
  row: number;
}

export interface Cells {
  columns: number;
  rows: number;
}

/** From the cell where it began to the one that moves, both included. */
export interface CellSelection {
  anchor: Cell;
  focus: Cell;
}

type Move = (cell: Cell, cells: Cells) => Cell;

const by =
  (columns: number, rows: number): Move =>
  (cell) => ({ column: cell.column + columns, row: cell.row + rows });
const page = (cells: Cells) => Math.max(1, Math.round(cells.columns / 8));

const moves: Record<string, Move> = {
  ArrowRight: by(1, 0),
  ArrowLeft: by(-1, 0),
  ArrowUp: by(0, 1),
  ArrowDown: by(0, -1),
  Home: (cell) => ({ ...cell, column: 0 }),
  End: (cell, cells) => ({ ...cell, column: cells.columns - 1 }),
  PageUp: (cell, cells) => ({ ...cell, column: cell.column + page(cells) }),
  PageDown: (cell, cells) => ({ ...cell, column: cell.column - page(cells) }),
};

const clamp = (value: number, length: number) => Math.min(length - 1, Math.max(0, value));

/** The selection after a key, or undefined when the key means nothing here. */
export function moveSelection(
  selection: CellSelection | undefined,
  key: string,
  stretch: boolean,
  cells: Cells,
): CellSelection | undefined {
  const name =
    cells.rows === 1 && key === "ArrowUp"
      ? "ArrowRight"
      : cells.rows === 1 && key === "ArrowDown"
        ? "ArrowLeft"
        : key;
  const move = moves[name];
  if (!move || cells.columns < 1) return undefined;
  if (!selection) return begin(name, cells);
  const wanted = move(selection.focus, cells);
  if (stretch)
    return {
      anchor: selection.anchor,
      focus: { column: clamp(wanted.column, cells.columns), row: clamp(wanted.row, cells.rows) },
    };
  // The whole of it moves, so it stops when one of its ends is at the edge.
  const shift = (part: keyof Cell, length: number) => {
    const ends = [selection.anchor[part], selection.focus[part]];
    const delta = wanted[part] - selection.focus[part];
    return Math.min(length - 1 - Math.max(...ends), Math.max(-Math.min(...ends), delta));
  };
  const columns = shift("column", cells.columns);
  const rows = shift("row", cells.rows);
  const shifted = (cell: Cell) => ({ column: cell.column + columns, row: cell.row + rows });
  return { anchor: shifted(selection.anchor), focus: shifted(selection.focus) };
}

function begin(key: string, cells: Cells): CellSelection {
  const fromEnd = key === "ArrowLeft" || key === "End" || key === "PageDown";
  const middle = cells.rows > 1 ? Math.floor(cells.columns / 2) : 0;
  const cell = {
    column: fromEnd && cells.rows === 1 ? cells.columns - 1 : middle,
    row: Math.floor(cells.rows / 2),
  };
  return { anchor: cell, focus: cell };
}

export interface Rectangle {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Where the selection lies in the chart's area, in pixels; row 0 is the lowest. */
export function rectangleOf(
  { anchor, focus }: CellSelection,
  cells: Cells,
  area: Rectangle,
): Rectangle {
  const width = (area.right - area.left) / cells.columns;
  const height = (area.bottom - area.top) / cells.rows;
  return {
    left: area.left + Math.min(anchor.column, focus.column) * width,
    right: area.left + (Math.max(anchor.column, focus.column) + 1) * width,
    top: area.bottom - (Math.max(anchor.row, focus.row) + 1) * height,
    bottom: area.bottom - Math.min(anchor.row, focus.row) * height,
  };
}

/** The cells that a rectangle touches, to go on from what was chosen before. */
export function selectionOf(
  rectangle: Rectangle,
  cells: Cells,
  area: Rectangle,
): CellSelection {
  const column = (x: number) =>
    clamp(
      Math.floor(((x - area.left) / (area.right - area.left)) * cells.columns),
      cells.columns,
    );
  const row = (y: number) =>
    clamp(Math.floor(((area.bottom - y) / (area.bottom - area.top)) * cells.rows), cells.rows);
  // A hair inside, so that an edge between two cells does not take both.
  const hair = 0.5;
  return {
    anchor: { column: column(rectangle.left + hair), row: row(rectangle.bottom - hair) },
    focus: { column: column(rectangle.right - hair), row: row(rectangle.top + hair) },
  };
}
