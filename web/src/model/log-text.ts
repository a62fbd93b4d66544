// A message of a log cut into pieces that are coloured: JSON by its kinds, and the terms that somebody looks for.

export type TextKind = "plain" | "key" | "string" | "number" | "literal";

export interface TextPiece {
  text: string;
  kind: TextKind;
  /** Which of the terms it is. */
  term?: number;
}

/** The texts that a filter pattern asks for: terms, phrases, values compared with. What must not be there is none of them. */
export function termsOf(pattern: string | undefined): string[] {
  const text = (pattern ?? "").trim();
  if (text === "") return [];
  const found = new Set<string>();
  const add = (term: string) => {
    const plain = term.replaceAll(/\\(.)/g, "$1");
    if (plain.length > 1 || /\w/.test(plain)) found.add(plain);
  };
  if (/^[{[]/.test(text)) {
    // Values of comparisons for equality; wildcards end a term.
    for (const [, quoted, bare] of text.matchAll(/(?<![!<>])=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"&|{}[\](),]+))/g))
      for (const part of (quoted ?? bare ?? "").split("*")) if (part) add(part);
    return [...found];
  }
  for (const [, minus, quoted, regex, bare] of text.matchAll(/([-?]?)(?:"((?:[^"\\]|\\.)*)"|%([^%]*)%|([^\s"]+))/g)) {
    if (minus === "-" || regex !== undefined) continue;
    add(quoted ?? bare ?? "");
  }
  return [...found].filter(Boolean);
}

const json = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b/g;

function kinds(message: string, isJson: boolean): TextPiece[] {
  if (!isJson) return [{ text: message, kind: "plain" }];
  const pieces: TextPiece[] = [];
  let at = 0;
  for (const match of message.matchAll(json)) {
    const [, string, colon, number] = match;
    const text = string ?? match[0];
    if (match.index > at) pieces.push({ text: message.slice(at, match.index), kind: "plain" });
    pieces.push({ text, kind: string === undefined ? (number === undefined ? "literal" : "number") : colon === undefined ? "string" : "key" });
    at = match.index + text.length;
  }
  if (at < message.length) pieces.push({ text: message.slice(at), kind: "plain" });
  return pieces;
}

const escaped = (term: string) => term.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** The pieces, in order; all of the message is in them. */
export function piecesOf(message: string, isJson: boolean, terms: readonly string[], anyCase = false): TextPiece[] {
  const pieces = kinds(message, isJson);
  const wanted = terms.filter((term) => term !== "");
  if (wanted.length === 0) return pieces;
  const pattern = new RegExp(wanted.map((term) => `(${escaped(term)})`).join("|"), anyCase ? "gi" : "g");
  return pieces.flatMap((piece) => {
    const cut: TextPiece[] = [];
    let at = 0;
    for (const match of piece.text.matchAll(pattern)) {
      if (match.index > at) cut.push({ ...piece, text: piece.text.slice(at, match.index) });
      cut.push({ ...piece, text: match[0], term: match.slice(1).findIndex((part) => part !== undefined) });
      at = match.index + match[0].length;
    }
    if (at < piece.text.length) cut.push({ ...piece, text: piece.text.slice(at) });
    return cut;
  });
}
