// A page puts its details beside itself with <SidePane>. The shell owns the split panel;
// the content goes there through a portal, so it keeps the page's state and context.

import { createContext, use, useEffect, useMemo, useState, type ReactNode } from "react";
import { createPortal } from "react-dom";

export type PanePosition = "side" | "bottom";

export interface PaneRequest {
  title: string;
  position: PanePosition;
  onClose: () => void;
}

interface SidePaneSlot {
  host: HTMLElement | null;
  setHost(element: HTMLElement | null): void;
  request: PaneRequest | undefined;
  setRequest(request: PaneRequest | undefined): void;
}

const SidePaneContext = createContext<SidePaneSlot | undefined>(undefined);

export function SidePaneProvider({ children }: { children: ReactNode }) {
  const [host, setHost] = useState<HTMLElement | null>(null);
  const [request, setRequest] = useState<PaneRequest | undefined>(undefined);
  const slot = useMemo(() => ({ host, setHost, request, setRequest }), [host, request]);
  return <SidePaneContext value={slot}>{children}</SidePaneContext>;
}

export function useSidePaneSlot(): SidePaneSlot {
  const slot = use(SidePaneContext);
  if (!slot) throw new Error("no SidePaneProvider above");
  return slot;
}

export function SidePane({
  title,
  position,
  onClose,
  children,
}: PaneRequest & { children: ReactNode }) {
  const { host, setRequest } = useSidePaneSlot();
  useEffect(() => {
    setRequest({ title, position, onClose });
    // onClose is made anew at each render of the page; the title says which pane it is.
  }, [title, position, setRequest]);
  useEffect(() => () => setRequest(undefined), [setRequest]);
  return host ? createPortal(children, host) : null;
}
