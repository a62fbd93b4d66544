// What is read in a line of a log: its level, its trace, its JSON.

import { normalizeTraceId } from "./trace-id";

export type LogLevel = "error" | "warning" | "other";

/** As loud as a line says that it is. */
export function levelOf(message: string): LogLevel {
  const head = message.slice(0, 400);
  if (/\b(ERROR|FATAL|CRITICAL|SEVERE|PANIC|Exception|Traceback)\b|"level"\s*:\s*"(error|fatal)"/i.test(head))
    return "error";
  if (/\bWARN(ING)?\b|"level"\s*:\s*"warn(ing)?"/i.test(head)) return "warning";
  return "other";
}

export type Part = { text: string; trace?: string };

/** A message, with the trace ids in it told apart. */
export function partsOf(message: string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const match of message.matchAll(/(?<![0-9A-Za-z])(1-[0-9a-f]{8}-[0-9a-f]{24}|[0-9a-f]{32})(?![0-9A-Za-z])/g)) {
    const trace = normalizeTraceId(match[1]!);
    if (!trace || /^[0-]*$/.test(match[1]!)) continue;
    if (match.index > at) parts.push({ text: message.slice(at, match.index) });
    parts.push({ text: match[1]!, trace });
    at = match.index + match[1]!.length;
  }
  if (at < message.length) parts.push({ text: message.slice(at) });
  return parts;
}

/** The object or list that a message is, if it is one. */
export function jsonOf(message: string): unknown {
  if (!/^\s*[[{]/.test(message)) return undefined;
  try {
    return JSON.parse(message) as unknown;
  } catch {
    return undefined;
  }
}
