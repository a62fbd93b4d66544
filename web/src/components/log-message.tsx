// A message of a log in colours: JSON by its kinds, terms marked.

import { memo, useMemo } from "react";

import { jsonOf } from "../model/log";
import { piecesOf } from "../model/log-text";

interface LogMessageProps {
  message: string;
  terms?: readonly string[] | undefined;
  /** Whether terms are found in any case. */
  anyCase?: boolean;
}

/** A line shows no more of a message than fits; the rest is what opens. */
const longest = 3000;

export const LogMessage = memo(function LogMessage({ message, terms = noTerms, anyCase = false }: LogMessageProps) {
  const pieces = useMemo(
    () => piecesOf(message.slice(0, longest), jsonOf(message) !== undefined, terms, anyCase),
    [message, terms, anyCase],
  );
  return pieces.map(({ text, kind, term }, i) =>
    term !== undefined ? (
      <mark key={i} className={`m-term m-term-${term % 6}`}>
        {text}
      </mark>
    ) : kind === "plain" ? (
      text
    ) : (
      <span key={i} className={`m-json-${kind === "literal" ? "boolean" : kind}`}>
        {text}
      </span>
    ),
  );
});

const noTerms: readonly string[] = [];
