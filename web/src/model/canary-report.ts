// What a run says of itself: our own report, and what follows from it.

export type StepStatus = "PASSED" | "FAILED" | "SKIPPED";

export interface StepTimings {
  dnsMs?: number;
  connectMs?: number;
  tlsMs?: number;
  firstByteMs?: number;
  downloadMs?: number;
  domContentLoadedMs?: number;
  loadMs?: number;
  largestPaintMs?: number;
}

export interface VisualComparison {
  /** Names of files among the artifacts. */
  baseline?: string | null;
  current?: string | null;
  difference?: string | null;
  changedPercent?: number;
  allowedPercent?: number;
}

export interface ReportStep {
  stepNumber: number;
  stepName: string;
  status: StepStatus;
  startTime?: string;
  durationMs?: number;
  url?: string;
  destinationUrl?: string;
  statusCode?: number;
  error?: string;
  screenshots?: string[];
  assertions?: { text: string; actual?: unknown; passed: boolean }[];
  timings?: StepTimings;
  consoleErrors?: string[];
  failedRequests?: { url: string; reason: string }[];
  traceId?: string;
  visual?: VisualComparison;
}

export interface CanaryReport {
  canaryName?: string;
  runId?: string;
  blueprint?: string;
  startTime?: string;
  endTime?: string;
  status: "PASSED" | "FAILED";
  reason?: string;
  traceIds?: string[];
  requests?: Record<string, number>;
  steps?: ReportStep[];
}

/** The kinds of answers that a report counts, in the order of a table. */
export const requestKinds = ["2xx", "3xx", "4xx", "5xx", "failed"] as const;

export type Failure =
  | { kind: "assertion"; step: ReportStep; text: string; actual: string }
  | { kind: "visual"; step: ReportStep; changed: number; allowed: number }
  | { kind: "step"; step: ReportStep; error: string }
  | { kind: "run"; reason: string };

/** What failed first, as precisely as the report says it. */
export function failureOf(report: CanaryReport | null | undefined, reason: string | undefined): Failure | undefined {
  const step = report?.steps?.find(({ status }) => status === "FAILED");
  if (!step) {
    const why = report?.reason ?? reason;
    return why ? { kind: "run", reason: why } : undefined;
  }
  const assertion = step.assertions?.find(({ passed }) => !passed);
  if (assertion) return { kind: "assertion", step, text: assertion.text, actual: actualText(assertion.actual) };
  const { visual } = step;
  if (visual?.changedPercent !== undefined && visual.changedPercent > (visual.allowedPercent ?? 0))
    return { kind: "visual", step, changed: visual.changedPercent, allowed: visual.allowedPercent ?? 0 };
  return { kind: "step", step, error: step.error ?? report?.reason ?? reason ?? "" };
}

/** What was found instead: a text as it is, anything else as JSON. */
export function actualText(actual: unknown): string {
  if (actual === undefined || actual === null) return "";
  return typeof actual === "string" ? actual : JSON.stringify(actual);
}

/** The artifact that a report calls by its file name only. */
export function keyOf(name: string | null | undefined, artifacts: readonly { Key: string }[]): string | undefined {
  if (!name) return undefined;
  return artifacts.find(({ Key }) => Key === name || Key.endsWith(`/${name}`))?.Key;
}

export function fileOf(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

export interface Picture {
  key: string;
  name: string;
  /** The step that it is of, where the report says so. */
  step: ReportStep | undefined;
}

/** Every screenshot once: those of steps in their order, then what no step names. What is compared stands elsewhere. */
export function picturesOf(report: CanaryReport | null | undefined, artifacts: readonly { Key: string }[]): Picture[] {
  const found = new Map<string, Picture>();
  const compared = new Set<string>();
  for (const { visual } of report?.steps ?? [])
    for (const name of [visual?.baseline, visual?.current, visual?.difference]) {
      const key = keyOf(name, artifacts);
      if (key) compared.add(key);
    }
  for (const step of report?.steps ?? [])
    for (const name of step.screenshots ?? []) {
      const key = keyOf(name, artifacts);
      if (key && !found.has(key) && !compared.has(key)) found.set(key, { key, name, step });
    }
  for (const { Key } of artifacts)
    if (/\.(png|jpe?g|webp)$/i.test(Key) && !found.has(Key) && !compared.has(Key))
      found.set(Key, { key: Key, name: fileOf(Key), step: undefined });
  return [...found.values()];
}

/** The phases of a request in their order, those that took time. */
export function phasesOf(timings: StepTimings | undefined): [phase: "dnsMs" | "connectMs" | "tlsMs" | "firstByteMs" | "downloadMs", ms: number][] {
  const order = ["dnsMs", "connectMs", "tlsMs", "firstByteMs", "downloadMs"] as const;
  return order.flatMap((phase) => {
    const ms = timings?.[phase];
    return ms === undefined ? [] : [[phase, ms] as [typeof phase, number]];
  });
}
