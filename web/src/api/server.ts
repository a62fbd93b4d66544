// Facts about this server that AWS has no call for.

import { get, post, remove } from "./client";

export interface Health {
  status?: string;
  version?: string;
  account_id?: string;
  region?: string;
  uptime_seconds?: number;
  listeners?: {
    http?: string;
    daemon?: string;
    otlp_grpc?: string | null;
    otlp_http?: string | null;
  };
  ingest?: {
    segments_accepted?: number;
    segments_rejected?: Record<string, number>;
    datagrams_received?: number;
    datagrams_rejected?: Record<string, number>;
    datagrams_kernel_dropped?: number;
  };
  store?: {
    traces?: number;
    parts?: number;
    bytes?: number;
    retention_days?: number;
    oldest?: number | null;
  };
}

export function getHealth(signal?: AbortSignal): Promise<Health> {
  return get("/api/health", signal);
}

/** Who is signed in. Where nobody has to be, `required` is false and the rest is null. */
export interface Session {
  required: boolean;
  user: string | null;
  role: "admin" | "read" | "write" | null;
  account_id: string | null;
  /** Set here, not by the server: someone was signed in, and is no more. */
  ended?: boolean;
}

export const signedOut: Session = { required: true, user: null, role: null, account_id: null };

const sessionPath = "/api/session";

export function getSession(signal?: AbortSignal): Promise<Session> {
  return get(sessionPath, signal);
}

export function signIn(input: { user: string; password: string }): Promise<Session> {
  return post(sessionPath, input);
}

export function signOut(): Promise<Session> {
  return remove(sessionPath);
}
