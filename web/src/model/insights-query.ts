// The text of a Logs Insights query: its parts, for colours and completion, and other queries made of it. A helper for
// typing, not a parser: the server alone decides what is valid.

export type QueryPartKind = "command" | "function" | "keyword" | "string" | "regex" | "number" | "comment" | "pipe" | "field" | "other";

export interface QueryPart {
  kind: QueryPartKind;
  text: string;
  at: number;
}

export const queryCommands = [
  "fields", "filter", "stats", "sort", "limit", "display", "parse", "dedup", "pattern", "diff", "anomaly", "lookup", "unnest", "unmask", "filterIndex", "SOURCE",
] as const;

const queryFunctions = [
  "count", "count_distinct", "sum", "avg", "min", "max", "pct", "median", "stddev", "earliest", "latest", "sortsFirst", "sortsLast",
  "bin", "datefloor", "dateceil", "fromMillis", "toMillis", "now", "abs", "ceil", "floor", "greatest", "least", "log", "sqrt",
  "ispresent", "coalesce", "if", "jsonParse", "jsonStringify", "isempty", "isblank", "concat", "ltrim", "rtrim", "trim", "strlen",
  "toupper", "tolower", "substr", "replace", "strcontains", "isValidIp", "isValidIpv4", "isValidIpv6", "isIpInSubnet", "isIpv4InSubnet",
  "isIpv6InSubnet", "logGroups",
] as const;

const queryKeywords = ["as", "by", "and", "or", "not", "like", "in", "asc", "desc", "into"];

const sqlKeywords = [
  "SELECT", "FROM", "WHERE", "GROUP BY", "HAVING", "ORDER BY", "LIMIT", "AS", "AND", "OR", "NOT", "IN", "LIKE", "BETWEEN", "IS NULL",
  "IS NOT NULL", "DISTINCT", "INNER JOIN", "LEFT OUTER JOIN", "ON", "CASE", "WHEN", "THEN", "ELSE", "END", "ASC", "DESC", "WITH",
  "UNION ALL", "OVER", "PARTITION BY",
] as const;

const sqlFunctions = [
  "COUNT", "SUM", "AVG", "MIN", "MAX", "approx_percentile_cont", "STDDEV", "ABS", "ROUND", "FLOOR", "CEIL", "UPPER", "LOWER", "LENGTH", "TRIM",
  "SUBSTR", "REPLACE", "CONCAT", "COALESCE", "NULLIF", "CAST", "date_trunc", "date_bin", "date_part", "regexp_like", "regexp_match", "split_part",
] as const;

/** What every event has. */
const eventFields = ["@timestamp", "@message", "@logStream", "@log", "@ingestionTime", "@ptr"];

const lower = (names: readonly string[]) => new Set(names.map((name) => name.toLowerCase()));
const commandNames = lower(queryCommands);
const functionNames = lower(queryFunctions);
const keywordNames = lower(queryKeywords);
const sqlKeywordNames = lower(sqlKeywords.flatMap((words) => words.split(" ")));

// An expression between slashes begins where a value may: elsewhere a slash divides.
const grammar =
  /(?<comment>#[^\n]*)|(?<string>"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)|(?<regex>(?<=(?:like|=~|parse\s+\S+|,|\()\s*)\/(?:[^/\\\n]|\\.)*\/?)|(?<quoted>`[^`]*`?)|(?<number>\b\d+(?:\.\d+)?(?:ms|[smhdw])?\b)|(?<word>[@A-Za-z_][\w.@-]*)|(?<pipe>\|)|(?<space>\s+)|(?<other>[^\s])/gi;

const sqlGrammar =
  /(?<comment>--[^\n]*|\/\*[^]*?(?:\*\/|$))|(?<string>"(?:[^"\\]|\\.)*"?|'(?:[^']|'')*'?)|(?<quoted>`[^`]*`?)|(?<number>\b\d+(?:\.\d+)?\b)|(?<word>[A-Za-z_]\w*)|(?<space>\s+)|(?<other>[^\s])/g;

/** Whether it is in SQL, which no query of Logs Insights' own language looks like. */
export function isSql(query: string): boolean {
  return /^(?:\s|--[^\n]*(?:\n|$)|\/\*[^]*?\*\/)*(?:select|with)\b/i.test(query);
}

function partsOfSql(query: string): QueryPart[] {
  return [...query.matchAll(sqlGrammar)].map((match): QueryPart => {
    const [text] = match;
    const g = match.groups!;
    const of = (kind: QueryPartKind) => ({ kind, text, at: match.index });
    if (g.comment !== undefined) return of("comment");
    if (g.string !== undefined) return of("string");
    if (g.quoted !== undefined) return of("field");
    if (g.number !== undefined) return of("number");
    if (g.word === undefined) return of("other");
    if (sqlKeywordNames.has(text.toLowerCase())) return of("keyword");
    return of(/^\s*\(/.test(query.slice(match.index + text.length)) ? "function" : "field");
  });
}

/** All of the text, in order. */
export function partsOfQuery(query: string): QueryPart[] {
  if (isSql(query)) return partsOfSql(query);
  const parts: QueryPart[] = [];
  let fresh = true; // at the begin of a command
  for (const match of query.matchAll(grammar)) {
    const [text] = match;
    const g = match.groups!;
    const add = (kind: QueryPartKind) => parts.push({ kind, text, at: match.index });
    if (g.comment !== undefined) add("comment");
    else if (g.space !== undefined) add("other");
    else if (g.pipe !== undefined) {
      add("pipe");
      fresh = true;
    } else {
      if (g.string !== undefined) add("string");
      else if (g.regex !== undefined) add("regex");
      else if (g.number !== undefined) add("number");
      else if (g.quoted !== undefined) add("field");
      else if (g.word !== undefined) add(kindOfWord(text, fresh, query.slice(match.index + text.length)));
      else add("other");
      fresh = false;
    }
  }
  return parts;
}

function kindOfWord(word: string, fresh: boolean, after: string): QueryPartKind {
  const name = word.toLowerCase();
  if (fresh && commandNames.has(name)) return "command";
  if (functionNames.has(name) && /^\s*\(/.test(after)) return "function";
  if (keywordNames.has(name)) return "keyword";
  return "field";
}

export interface QueryCommand {
  name: string;
  text: string;
}

/** The commands between the pipes, without comments. */
export function commandsOf(query: string): QueryCommand[] {
  const commands: QueryCommand[] = [];
  let text = "";
  const end = () => {
    const whole = text.trim();
    if (whole) commands.push({ name: /^\S+/.exec(whole)![0].toLowerCase(), text: whole });
    text = "";
  };
  for (const part of partsOfQuery(query)) {
    if (part.kind === "pipe") end();
    else if (part.kind !== "comment") text += part.text;
  }
  end();
  return commands;
}

/** Whether it says itself which groups it is about. */
export function namesGroups(query: string): boolean {
  return isSql(query) || commandsOf(query)[0]?.name === "source";
}

/** After these there are no events any more, or not all of them. */
const closing = new Set(["stats", "sort", "limit", "head", "tail", "dedup", "pattern", "display", "diff", "anomaly", "unnest"]);

function eventCommands(query: string): string[] {
  const commands = commandsOf(query);
  const end = commands.findIndex(({ name }) => closing.has(name));
  return (end < 0 ? commands : commands.slice(0, end)).map(({ text }) => text);
}

/** Queries of the console itself end with this, so that the history of a person's queries has none of them. */
export const ownQueryMark = "# by the console";

const own = (commands: readonly string[]) => `${commands.join("\n| ")}\n${ownQueryMark}`;

/** How many events there are over time. */
export function histogramQuery(query: string, step: string): string {
  return own([...eventCommands(query), `stats count(*) as events by bin(${step})`]);
}

/** The shapes of the events; with `diff`, also how many of each there were in the time before. */
export function patternQuery(query: string, diff = false): string {
  const before = commandsOf(query).find(({ name }) => name === "pattern");
  return own([...eventCommands(query), before?.text ?? "pattern @message", ...(diff ? ["diff"] : [])]);
}

/** The events of a query that have the shape of a pattern. */
export function linesOfPattern(query: string, regex: string): string {
  const kept = eventCommands(query).filter((text) => !/^fields\b/i.test(text));
  const source = kept.filter((text) => /^source\b/i.test(text));
  const rest = kept.filter((text) => !/^source\b/i.test(text));
  return [
    ...source,
    "fields @timestamp, @message, @logStream, @log",
    ...rest,
    `filter @message like /${regex.replaceAll(/(?<!\\)\//g, "\\/")}/`,
    "sort @timestamp desc",
    "limit 1000",
  ].join("\n| ");
}

/** Of `stats … by …` or GROUP BY: the columns that it groups by, as the answer names them. Undefined: the query has no groups. */
export function groupedBy(query: string): string[] | undefined {
  if (isSql(query)) {
    const parts = partsOfSql(query).filter(({ kind }) => kind !== "comment");
    const is = (part: QueryPart, word: string) => part.kind === "keyword" && part.text.toLowerCase() === word;
    const group = parts.findLastIndex((part) => is(part, "group"));
    if (group < 0) return undefined;
    const behind = parts.slice(parts.findIndex((part, at) => at > group && is(part, "by")) + 1);
    const end = behind.findIndex((part) => ["having", "order", "limit", "union"].some((word) => is(part, word)));
    return listed(end < 0 ? behind : behind.slice(0, end));
  }
  const stats = commandsOf(query).findLast(({ name }) => name === "stats");
  if (!stats) return undefined;
  const parts = partsOfQuery(stats.text);
  const by = parts.findIndex(({ kind, text }) => kind === "keyword" && text.toLowerCase() === "by");
  return by < 0 ? [] : listed(parts.slice(by + 1));
}

/** The names of a list. */
function listed(parts: readonly QueryPart[]): string[] {
  const columns: string[] = [];
  let [depth, text] = [0, ""];
  for (const part of [...parts, { kind: "other" as const, text: ",", at: 0 }]) {
    if (part.text === "(") depth += 1;
    else if (part.text === ")") depth -= 1;
    if (part.text === "," && depth === 0) {
      const name = /\bas\s+(\S+)$/i.exec(text.trim())?.[1] ?? text.trim();
      if (name) columns.push(name.replaceAll("`", ""));
      text = "";
    } else text += part.text;
  }
  return columns;
}

const steps: readonly (readonly [number, string])[] = [
  [1, "1s"], [5, "5s"], [10, "10s"], [30, "30s"], [60, "1m"], [300, "5m"], [900, "15m"], [1800, "30m"], [3600, "1h"], [10800, "3h"],
  [21600, "6h"], [43200, "12h"], [86400, "1d"], [604800, "7d"],
];

/** As many bars as a glance can take in. */
export function stepFor(seconds: number, most = 70): { seconds: number; text: string } {
  const [length, text] = steps.find(([length]) => seconds / length <= most) ?? steps.at(-1)!;
  return { seconds: length, text };
}

export type QuerySuggestionKind = "command" | "function" | "keyword" | "field";

export interface QuerySuggestion {
  text: string;
  kind: QuerySuggestionKind;
  /** How far before the end of the inserted text the caret goes. */
  back?: number;
}

export interface QueryCompletion {
  from: number;
  to: number;
  suggestions: QuerySuggestion[];
}

const plainField = /^@?[A-Za-z_][\w.]*$/;

/** What may come at the caret: commands behind a pipe, else fields and functions. */
export function completeQuery(query: string, caret: number, fields: readonly string[]): QueryCompletion {
  const none = { from: caret, to: caret, suggestions: [] };
  const parts = partsOfQuery(query.slice(0, caret));
  const last = parts.at(-1);
  if (last && ["comment", "string", "regex", "number"].includes(last.kind) && last.at + last.text.length === caret) return none;
  const word = last && /^[@`A-Za-z_]/.test(last.text) ? last : undefined;
  const before = parts.slice(0, word ? -1 : undefined).findLast(({ text, kind }) => text.trim() !== "" && kind !== "comment");
  const typed = (word?.text ?? "").toLowerCase();
  const from = word?.at ?? caret;
  const all: QuerySuggestion[] = isSql(query)
    ? [
        ...[...new Set([...eventFields.filter((name) => name !== "@ptr"), ...fields])].map((name): QuerySuggestion => ({
          text: /^[A-Za-z_]\w*$/.test(name) ? name : `\`${name}\``,
          kind: "field",
        })),
        ...sqlFunctions.map((name): QuerySuggestion => ({ text: `${name}()`, kind: "function", back: 1 })),
        ...sqlKeywords.map((text): QuerySuggestion => ({ text: `${text} `, kind: "keyword" })),
      ]
    : !before || before.kind === "pipe"
      ? queryCommands.map((text) => ({ text: `${text} `, kind: "command" }))
      : [
          ...[...new Set([...eventFields, ...fields])].map((name): QuerySuggestion => ({
            text: plainField.test(name) ? name : `\`${name}\``,
            kind: "field",
          })),
          ...queryFunctions.map((name): QuerySuggestion => ({ text: `${name}()`, kind: "function", back: 1 })),
          ...queryKeywords.map((text): QuerySuggestion => ({ text, kind: "keyword" })),
        ];
  const plain = (text: string) => text.toLowerCase().replaceAll("`", "").trim();
  const wanted = plain(typed);
  const suggestions = all
    .filter(({ text }) => plain(text) !== wanted && plain(text).startsWith(wanted))
    .concat(wanted.length > 1 ? all.filter(({ text, kind }) => kind === "field" && plain(text).indexOf(wanted) > 0) : []);
  return { from, to: caret, suggestions: suggestions.slice(0, 60) };
}
