// What a link should restore lives in the query string. Writes start from the address bar
// as it is now, so that two writes in one event do not undo each other.

import { useCallback, useMemo } from "react";
import { useLocation, useNavigate } from "react-router";

export interface UrlState {
  get(name: string): string | undefined;
  /** Undefined removes. Replaces the history entry unless `push` is set. */
  set(part: Record<string, string | undefined>, options?: { push?: boolean }): void;
}

export function useUrlState(): UrlState {
  const { search } = useLocation();
  const navigate = useNavigate();
  const set = useCallback<UrlState["set"]>(
    (part, options) => {
      const query = new URLSearchParams(window.location.search);
      for (const [name, value] of Object.entries(part)) {
        if (value === undefined || value === "") query.delete(name);
        else query.set(name, value);
      }
      const text = query.toString();
      const next = text ? `?${text}` : "";
      if (next === window.location.search) return;
      void navigate(
        { pathname: window.location.pathname, search: next },
        { replace: !options?.push },
      );
    },
    [navigate],
  );
  return useMemo(() => {
    const query = new URLSearchParams(search);
    return { get: (name) => query.get(name) ?? undefined, set };
  }, [search, set]);
}
