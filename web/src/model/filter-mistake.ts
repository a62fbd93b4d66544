// What the server says about a filter expression that it cannot read, taken apart so that the
// console can say it in the language of the page. What is not recognised is shown as it came.

/** `one` and `two` are what the message quotes: a character, a keyword, a place, a number. */
export interface Mistake {
  kind: MistakeKind;
  one: string;
  two: string;
}

const patterns = {
  unexpected: /^unexpected `(.+)`$/s,
  endsEarly: /^the expression ends too early$/,
  tooLong: /^the expression is longer than (\d+) characters$/,
  tooDeep: /^nested deeper than (\d+) levels$/,
  unknownKeyword: /^unknown keyword `(.+)`$/s,
  outOfPlace: /^`(.+)` means nothing (.+)$/s,
  noKey: /^the annotation has no key$/,
  notBoolean: /^a true-or-false keyword is compared with something else$/,
  booleanOperator: /^this operator does not suit a true-or-false keyword$/,
  numberOperator: /^this operator does not suit a number$/,
  notNumber: /^the value is not a number$/,
  textOperator: /^this operator does not suit a text$/,
  typeOperator: /^this operator does not suit the value's type$/,
  noService: /^this is no service$/,
  unknownPart: /^unknown part `(.*)` of an id$/s,
  unknownCause: /^unknown kind of root cause$/,
  unknownCausePart: /^unknown part of a root cause$/,
  groupOperator: /^a group is compared with = or !=$/,
  noGroup: /^there is no group of this name$/,
  causePattern: /^a root cause pattern is written `(.+)`$/s,
  notJson: /^the pattern is not JSON: (.+)$/s,
  notJsonArray: /^the pattern is not a JSON array$/,
  noValue: /^the value is missing$/,
  noQuote: /^the text has no closing quote$/,
} as const;

export type MistakeKind = keyof typeof patterns;

/** The message without what stands around it: who speaks, what is expected, and where. */
export function bareMessage(message: string, expected: readonly string[]): string {
  let bare = message.replace(/^filter expression: /, "").replace(/ at character \d+$/, "");
  const tail = `, expected ${expected.join(" or ")}`;
  if (expected.length > 0 && bare.endsWith(tail)) bare = bare.slice(0, -tail.length);
  return bare;
}

export function readMistake(bare: string): Mistake | undefined {
  for (const [kind, pattern] of Object.entries(patterns)) {
    const found = pattern.exec(bare);
    if (found) return { kind: kind as MistakeKind, one: found[1] ?? "", two: found[2] ?? "" };
  }
  return undefined;
}

/** The server counts characters, a string here counts halves of those beyond the first plane. */
export function indexOfCharacter(text: string, position: number): number {
  return [...text].slice(0, position).join("").length;
}
