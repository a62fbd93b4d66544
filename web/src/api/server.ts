// Facts about this server that AWS has no call for.

import { get } from "./client";

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
