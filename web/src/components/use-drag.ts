import { useState, type PointerEvent } from "react";

export interface Drag {
  from: { x: number; y: number };
  to: { x: number; y: number };
}

/** A box drawn with the pointer, in pixels of the element. A mere click is no box. */
export function useDrag(
  onDone: (drag: Drag) => void,
  onClick?: (at: { x: number; y: number }) => void,
) {
  const [drag, setDrag] = useState<Drag | undefined>(undefined);
  const at = (event: PointerEvent<Element>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  return {
    drag,
    handlers: {
      onPointerDown: (event: PointerEvent<Element>) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        setDrag({ from: at(event), to: at(event) });
      },
      onPointerMove: (event: PointerEvent<Element>) => {
        if (drag) setDrag({ from: drag.from, to: at(event) });
      },
      onPointerUp: (event: PointerEvent<Element>) => {
        if (!drag) return;
        setDrag(undefined);
        const done = { from: drag.from, to: at(event) };
        if (Math.abs(done.to.x - done.from.x) < 4 && Math.abs(done.to.y - done.from.y) < 4)
          onClick?.(done.to);
        else onDone(done);
      },
      onPointerCancel: () => setDrag(undefined),
    },
  };
}
