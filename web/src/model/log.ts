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

/** The traces that a message names, each once. */
export function tracesOf(message: string): string[] {
  const found = new Set<string>();
  for (const [, id] of message.matchAll(/(?<![0-9A-Za-z])(1-[0-9a-f]{8}-[0-9a-f]{24}|[0-9a-f]{32})(?![0-9A-Za-z])/g)) {
    const trace = normalizeTraceId(id!);
    if (trace && !/^[0-]*$/.test(id!)) found.add(trace);
  }
  return [...found];
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
