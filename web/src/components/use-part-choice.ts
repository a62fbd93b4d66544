// Choosing a part of a chart, alike for all of them: drawn with the pointer, or with the keyboard
// (arrows move, with Shift they stretch, Enter applies, Escape clears).

import { useState, type KeyboardEvent, type PointerEvent } from "react";

import {
  moveSelection,
  rectangleOf,
  selectionOf,
  type CellSelection,
  type Cells,
  type Rectangle,
} from "../model/cell-selection";

interface Spot {
  x: number;
  y: number;
}

export interface PartChoiceOptions {
  /** Where the data lies in the element, in pixels. */
  area: Rectangle;
  /** Steps of the keyboard. One row: a range rather than a box. */
  cells: Cells;
  applied: Rectangle | undefined;
  onChoose: (part: Rectangle) => void;
  onClear: () => void;
  /** A mere click is no part. */
  onClick?: ((at: Spot) => void) | undefined;
  /** The keyboard stands on another column, or on none. */
  onColumn?: ((column: number | undefined) => void) | undefined;
}

export interface PartChoice {
  /** What is being chosen, or else what is applied. */
  shown: Rectangle | undefined;
  /** Chosen with the keyboard and not applied yet. */
  draft: Rectangle | undefined;
  column: number | undefined;
  handlers: {
    onPointerDown: (event: PointerEvent<Element>) => void;
    onPointerMove: (event: PointerEvent<Element>) => void;
    onPointerUp: (event: PointerEvent<Element>) => void;
    onPointerCancel: () => void;
    onKeyDown: (event: KeyboardEvent<Element>) => void;
    onBlur: () => void;
  };
}

const clickPixels = 4;
const within = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

export function usePartChoice(options: PartChoiceOptions): PartChoice {
  const { area, cells, applied, onChoose, onClear, onClick, onColumn } = options;
  const [drag, setDrag] = useState<{ from: Spot; to: Spot } | undefined>(undefined);
  const [selection, setSelection] = useState<CellSelection | undefined>(undefined);
  const at = (event: PointerEvent<Element>): Spot => {
    const box = event.currentTarget.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const dragged = (from: Spot, to: Spot): Rectangle => {
    const [left, right] = [from.x, to.x].map((x) => within(x, area.left, area.right));
    const [top, bottom] = [from.y, to.y].map((y) => within(y, area.top, area.bottom));
    return {
      left: Math.min(left!, right!),
      right: Math.max(left!, right!),
      top: cells.rows === 1 ? area.top : Math.min(top!, bottom!),
      bottom: cells.rows === 1 ? area.bottom : Math.max(top!, bottom!),
    };
  };
  const select = (next: CellSelection | undefined) => {
    setSelection(next);
    onColumn?.(next?.focus.column);
  };
  const draft = selection && rectangleOf(selection, cells, area);
  return {
    shown: drag ? dragged(drag.from, drag.to) : (draft ?? applied),
    draft,
    column: selection?.focus.column,
    handlers: {
      onPointerDown: (event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        setSelection(undefined);
        setDrag({ from: at(event), to: at(event) });
      },
      onPointerMove: (event) => {
        if (drag) setDrag({ from: drag.from, to: at(event) });
      },
      onPointerUp: (event) => {
        if (!drag) return;
        setDrag(undefined);
        const to = at(event);
        const click =
          Math.abs(to.x - drag.from.x) < clickPixels && Math.abs(to.y - drag.from.y) < clickPixels;
        if (click) onClick?.(to);
        else onChoose(dragged(drag.from, to));
      },
      onPointerCancel: () => setDrag(undefined),
      onKeyDown: (event) => {
        if (event.altKey || event.ctrlKey || event.metaKey) return;
        if (event.key === "Escape") {
          if (selection) select(undefined);
          else onClear();
        } else if (event.key === "Enter" && draft) {
          select(undefined);
          // A hair inside its edges, so that the neighbours are not chosen too.
          onChoose({
            left: draft.left + 0.1,
            right: draft.right - 0.1,
            top: draft.top + 0.1,
            bottom: draft.bottom - 0.1,
          });
        } else {
          const start = selection ?? (applied && selectionOf(applied, cells, area));
          const next = moveSelection(start, event.key, event.shiftKey, cells);
          if (!next) return;
          select(next);
        }
        event.preventDefault();
      },
      onBlur: () => select(undefined),
    },
  };
}

/** What assistive technology is told of a range that the keyboard can move. */
export function sliderAria(choice: PartChoice, cells: Cells, valueText: string) {
  return {
    role: "slider",
    "aria-valuemin": 1,
    "aria-valuemax": Math.max(1, cells.columns),
    "aria-valuenow": (choice.column ?? 0) + 1,
    "aria-valuetext": valueText,
  } as const;
}
