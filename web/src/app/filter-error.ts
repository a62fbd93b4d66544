// A mistake in a filter expression, as the box shows it.

import { ApiError } from "../api/client";
import { bareMessage } from "../model/filter-mistake";

export interface FilterError {
  /** As the server says it, without what is expected and where. */
  message: string;
  position: number | undefined;
  expected: readonly string[];
  /** The text that the server judged: the mark fits only that. */
  expression: string;
}

/** Undefined for errors that are about something else. */
export function filterErrorOf(error: unknown, expression: string): FilterError | undefined {
  if (!(error instanceof ApiError) || error.position === undefined) return undefined;
  return {
    message: bareMessage(error.message, error.expected ?? []),
    position: error.position,
    expected: error.expected ?? [],
    expression: expression.trim(),
  };
}
