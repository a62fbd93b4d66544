// A trace id as X-Ray writes it (1-8-24) or as W3C does (32 hexadecimal digits).

export function normalizeTraceId(text: string): string | undefined {
  const value = text.trim().toLowerCase();
  if (/^1-[0-9a-f]{8}-[0-9a-f]{24}$/.test(value)) return value;
  const w3c = /^(?:00-)?([0-9a-f]{8})([0-9a-f]{24})(?:-[0-9a-f]{16}-[0-9a-f]{2})?$/.exec(value);
  if (w3c) return `1-${w3c[1]}-${w3c[2]}`;
  // A whole tracing header pasted from a log line.
  const header = /(?:^|;\s*)root=(1-[0-9a-f]{8}-[0-9a-f]{24})(?:;|$)/.exec(value);
  return header?.[1];
}
