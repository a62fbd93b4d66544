//! Limits that AWS sets its accounts, as far as they can be set here: each with AWS's number where AWS has one. Limits that protect the server stand
//! in `limit`.

use serde::{Deserialize, Serialize};

/// All of them. `config/default.toml` says what each is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quotas {
    pub document_bytes: usize,
    pub span_bytes: usize,
    pub documents_per_put: usize,
    pub spans_per_request: usize,
    pub trace_ids_per_get: usize,
    pub trace_ids_per_graph: usize,
    pub trace_ids_per_retrieval: usize,
    pub sampling_documents: usize,
    pub graph_range_hours: i64,
    pub insight_days: i64,
    pub sampling_rules: usize,
    pub groups: usize,
    pub resource_policies: usize,
    pub resource_policy_bytes: usize,
    pub tags_per_resource: usize,
    pub metrics_per_put: usize,
    pub metrics_per_page: usize,
    pub metric_queries: usize,
    pub metric_datapoints: usize,
    pub statistics_datapoints: i64,
    pub lenient: bool,
}

impl Default for Quotas {
    fn default() -> Quotas {
        Quotas {
            document_bytes: 64 * 1024,
            span_bytes: 200 * 1024,
            documents_per_put: 50,
            spans_per_request: 10_000,
            trace_ids_per_get: 5,
            // AWS states none; a graph of more is what `GetServiceGraph` is for.
            trace_ids_per_graph: 100,
            trace_ids_per_retrieval: 100,
            sampling_documents: 25,
            graph_range_hours: 6,
            insight_days: 30,
            sampling_rules: 25,
            groups: 25,
            resource_policies: 5,
            resource_policy_bytes: 5 * 1024,
            tags_per_resource: 50,
            metrics_per_put: 1_000,
            metrics_per_page: 500,
            metric_queries: 500,
            metric_datapoints: 100_800,
            statistics_datapoints: 1_440,
            lenient: false,
        }
    }
}
