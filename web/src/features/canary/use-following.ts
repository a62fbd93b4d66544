// Runs come by themselves: a time range that ends now moves on with them.

import { useEffect, useRef } from "react";

import { useTimeRange } from "../../app/time-range";

/** `seen` is what was seen last; undefined as long as nothing has been. */
export function useFollowing(seen: string | undefined): void {
  const { range, refresh } = useTimeRange();
  const before = useRef(seen);
  useEffect(() => {
    if (before.current !== undefined && seen !== undefined && seen !== before.current && range.kind === "relative") refresh();
    before.current = seen;
  }, [seen, range.kind, refresh]);
}
