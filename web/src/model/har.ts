// Requests of a run, read from an HTTP archive (HAR 1.2).

export const harPhases = ["blocked", "dns", "connect", "tls", "send", "wait", "receive"] as const;
export type HarPhase = (typeof harPhases)[number];

export interface HarRow {
  key: number;
  /** Milliseconds after the first request. */
  start: number;
  ms: number;
  method: string;
  url: string;
  host: string;
  path: string;
  /** 0: no answer. */
  status: number;
  statusText: string;
  mimeType: string;
  bytes: number | undefined;
  phases: Partial<Record<HarPhase, number>>;
  error: string | undefined;
  requestHeaders: HarPair[];
  responseHeaders: HarPair[];
  serverAddress: string | undefined;
  /** The step of the canary that it belongs to. */
  step: string | undefined;
}

export interface HarPair {
  name: string;
  value: string;
}

export interface Har {
  rows: HarRow[];
  /** Milliseconds from the first request to the end of the last one. */
  total: number;
}

interface Timings {
  blocked?: number;
  dns?: number;
  connect?: number;
  ssl?: number;
  send?: number;
  wait?: number;
  receive?: number;
}

interface Entry {
  startedDateTime?: string;
  time?: number;
  request?: { method?: string; url?: string; headers?: HarPair[] };
  response?: {
    status?: number;
    statusText?: string;
    headers?: HarPair[];
    bodySize?: number;
    content?: { size?: number; mimeType?: string };
    _error?: string;
    _transferSize?: number;
  };
  timings?: Timings;
  serverIPAddress?: string;
  _error?: string;
  _stepName?: string;
}

export function parseHar(text: string): Har {
  const value = JSON.parse(text) as { log?: { entries?: Entry[] } };
  const entries = (value.log?.entries ?? [])
    .map((entry) => ({ entry, at: Date.parse(entry.startedDateTime ?? "") }))
    .filter(({ at }) => Number.isFinite(at))
    .sort((a, b) => a.at - b.at);
  const first = entries[0]?.at ?? 0;
  const rows = entries.map(({ entry, at }, key) => rowOf(entry, key, at - first));
  return { rows, total: Math.max(0, ...rows.map((row) => row.start + row.ms)) };
}

function rowOf(entry: Entry, key: number, start: number): HarRow {
  const { request, response } = entry;
  const url = request?.url ?? "";
  const place = placeOf(url);
  const phases = phasesOf(entry.timings);
  const sum = harPhases.reduce((total, phase) => total + (phases[phase] ?? 0), 0);
  const ms = entry.time !== undefined && entry.time > 0 ? entry.time : sum;
  return {
    key,
    start,
    ms,
    method: request?.method ?? "GET",
    url,
    ...place,
    status: response?.status && response.status > 0 ? response.status : 0,
    statusText: response?.statusText ?? "",
    mimeType: (response?.content?.mimeType ?? "").split(";")[0]!.trim(),
    bytes: sizeOf(response),
    phases,
    error: entry._error ?? response?._error,
    requestHeaders: request?.headers ?? [],
    responseHeaders: response?.headers ?? [],
    serverAddress: entry.serverIPAddress,
    step: entry._stepName,
  };
}

/** What went over the wire if that is known, else how much it was. -1 is unknown. */
function sizeOf(response: Entry["response"]): number | undefined {
  const sizes = [response?._transferSize, response?.bodySize, response?.content?.size];
  return sizes.find((size) => size !== undefined && size > 0) ?? (sizes.some((size) => size === 0) ? 0 : undefined);
}

function placeOf(url: string): { host: string; path: string } {
  if (!URL.canParse(url)) return { host: "", path: url };
  const { protocol, host, pathname, search } = new URL(url);
  return host ? { host, path: `${pathname}${search}` } : { host: protocol, path: pathname.slice(0, 80) };
}

/** -1 is what did not happen. The time to connect has that of TLS in it. */
function phasesOf(timings: Timings | undefined): Partial<Record<HarPhase, number>> {
  const of = (ms: number | undefined) => (ms !== undefined && ms > 0 ? ms : 0);
  const tls = of(timings?.ssl);
  const all: Record<HarPhase, number> = {
    blocked: of(timings?.blocked),
    dns: of(timings?.dns),
    connect: Math.max(0, of(timings?.connect) - tls),
    tls,
    send: of(timings?.send),
    wait: of(timings?.wait),
    receive: of(timings?.receive),
  };
  return Object.fromEntries(Object.entries(all).filter(([, ms]) => ms > 0));
}

export function isFailedRow(row: HarRow): boolean {
  return row.status === 0 || row.status >= 400;
}

/** What the list is narrowed to. */
export type HarKind = "all" | "document" | "script" | "style" | "image" | "data" | "failed";

export function harKindOf(row: HarRow): Exclude<HarKind, "all" | "failed"> | "other" {
  const type = row.mimeType;
  if (type.includes("html")) return "document";
  if (/javascript|ecmascript|wasm/.test(type)) return "script";
  if (type.includes("css")) return "style";
  if (/^(image|font|video|audio)\//.test(type)) return "image";
  if (/json|xml|text\/plain|octet|grpc/.test(type)) return "data";
  return "other";
}

export function narrowHar(rows: readonly HarRow[], kind: HarKind, typed: string): HarRow[] {
  const wanted = typed.trim().toLowerCase();
  return rows.filter(
    (row) =>
      (kind === "all" || (kind === "failed" ? isFailedRow(row) : harKindOf(row) === kind)) &&
      (wanted === "" || row.url.toLowerCase().includes(wanted)),
  );
}

export interface HostSummary {
  host: string;
  count: number;
  failed: number;
  bytes: number;
  /** Of all requests, one after the other. */
  ms: number;
  slowest: HarRow;
}

/** Who was asked, those first that took the most time. */
export function hostsOf(rows: readonly HarRow[]): HostSummary[] {
  const found = new Map<string, HostSummary>();
  for (const row of rows) {
    const known = found.get(row.host) ?? { host: row.host, count: 0, failed: 0, bytes: 0, ms: 0, slowest: row };
    known.count += 1;
    if (isFailedRow(row)) known.failed += 1;
    known.bytes += row.bytes ?? 0;
    known.ms += row.ms;
    if (row.ms > known.slowest.ms) known.slowest = row;
    found.set(row.host, known);
  }
  return [...found.values()].sort((a, b) => b.ms - a.ms);
}
