// The exceptions of a row, with causes followed through the whole trace.

import { causeOf, type ExceptionDocument } from "./segment";
import type { SegmentNode, Waterfall } from "./waterfall";

export interface ShownException {
  exception: ExceptionDocument;
  /** Set when it was recorded on another row of the trace. */
  from: SegmentNode | undefined;
  /** 0 for what was thrown, 1 for its cause, and so on. */
  level: number;
}

export interface ShownExceptions {
  list: ShownException[];
  workingDirectory: string | undefined;
  /** An id that no exception of the trace has. */
  unresolved: string | undefined;
}

export function exceptionsOf(waterfall: Waterfall, node: SegmentNode): ShownExceptions {
  const index = new Map<string, { exception: ExceptionDocument; owner: SegmentNode }>();
  for (const owner of waterfall.byId.values())
    // An inferred segment repeats the cause of the subsegment it was made from.
    if (!owner.document.inferred || owner === node)
      for (const exception of causeOf(owner.document)?.exceptions ?? [])
        if (exception.id && !index.has(exception.id)) index.set(exception.id, { exception, owner });

  const cause = node.document.cause;
  const own = causeOf(node.document);
  const shown: ShownExceptions = {
    list: [],
    workingDirectory: own?.working_directory,
    unresolved: undefined,
  };
  const seen = new Set<ExceptionDocument>();

  const add = (
    exception: ExceptionDocument,
    from: SegmentNode | undefined,
    level: number,
  ): void => {
    if (seen.has(exception)) return;
    seen.add(exception);
    shown.list.push({ exception, from, level });
    if (!exception.cause) return;
    const next = index.get(exception.cause);
    if (next) add(next.exception, next.owner === node ? undefined : next.owner, level + 1);
  };

  const exceptions = own?.exceptions ?? [];
  const causes = new Set(exceptions.map((e) => e.cause).filter(Boolean));
  for (const exception of exceptions)
    if (!exception.id || !causes.has(exception.id)) add(exception, undefined, 0);
  for (const exception of exceptions) add(exception, undefined, 1);

  const reference =
    typeof cause === "string" ? cause : exceptions.length === 0 ? own?.id : undefined;
  if (reference) {
    const found = index.get(reference);
    if (found) {
      add(found.exception, found.owner === node ? undefined : found.owner, 0);
      shown.workingDirectory ??= causeOf(found.owner.document)?.working_directory;
    } else if (shown.list.length === 0) shown.unresolved = reference;
  }
  return shown;
}
