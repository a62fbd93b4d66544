// Segment documents as BatchGetTraces returns them, and what can be said of one alone.

import type { State } from "./statistics";

export interface StackFrame {
  path?: string | null;
  line?: number | null;
  label?: string | null;
}

export interface ExceptionDocument {
  id?: string;
  message?: string;
  type?: string;
  remote?: boolean;
  truncated?: number;
  skipped?: number;
  cause?: string;
  stack?: StackFrame[];
}

export interface CauseDocument {
  id?: string;
  working_directory?: string;
  paths?: string[];
  exceptions?: ExceptionDocument[];
}

export interface SegmentDocument {
  id: string;
  name: string;
  trace_id?: string;
  parent_id?: string;
  type?: string;
  start_time: number;
  end_time?: number;
  in_progress?: boolean;
  inferred?: boolean;
  namespace?: string;
  origin?: string;
  user?: string;
  resource_arn?: string;
  error?: boolean;
  fault?: boolean;
  throttle?: boolean;
  cause?: string | CauseDocument;
  http?: {
    request?: {
      method?: string;
      url?: string;
      user_agent?: string;
      client_ip?: string;
      x_forwarded_for?: boolean;
      traced?: boolean;
    };
    response?: { status?: number; content_length?: number };
  };
  aws?: Record<string, unknown>;
  service?: Record<string, unknown>;
  sql?: Record<string, unknown>;
  annotations?: Record<string, string | number | boolean>;
  metadata?: Record<string, unknown>;
  links?: { trace_id?: string; id?: string; attributes?: Record<string, unknown> }[];
  subsegments?: SegmentDocument[];
}

export type SegmentState = State | "in-progress";

export function stateOf(segment: SegmentDocument): SegmentState {
  if (segment.fault) return "fault";
  if (segment.throttle) return "throttle";
  if (segment.error) return "error";
  if (isInProgress(segment)) return "in-progress";
  return "ok";
}

/** Some SDKs write `in_progress: false` beside an end time: the end time decides. */
export function isInProgress(segment: SegmentDocument): boolean {
  return segment.end_time === undefined && segment.in_progress !== false;
}

const weight: Record<SegmentState, number> = {
  ok: 0,
  "in-progress": 1,
  error: 2,
  throttle: 3,
  fault: 4,
};

export function worse(a: SegmentState, b: SegmentState): SegmentState {
  return weight[b] > weight[a] ? b : a;
}

export function isFailure(state: SegmentState): boolean {
  return weight[state] >= 2;
}

export function causeOf(segment: SegmentDocument): CauseDocument | undefined {
  return typeof segment.cause === "object" && segment.cause !== null ? segment.cause : undefined;
}

export function parseDocument(text: string): SegmentDocument | undefined {
  try {
    const value = JSON.parse(text) as SegmentDocument;
    return typeof value?.id === "string" && typeof value.start_time === "number"
      ? value
      : undefined;
  } catch {
    return undefined;
  }
}

/** Frames of libraries and runtimes are shown paler than a person's own code. */
export function isLibraryFrame(frame: StackFrame): boolean {
  const path = frame.path ?? "";
  if (/(^|\/)(node_modules|site-packages|dist-packages|internal)\//.test(path)) return true;
  return path === "" || path === "node" || path.startsWith("node:") || path.startsWith("<");
}
