//! X-Ray, API version 2016-04-12: REST with JSON bodies, every operation a POST to its own path.

mod sampling;
mod segment;
mod service_graph;
mod trace;

use crate::operation::{Operation, handler};

/// All operations of the service's model. Those without a handler answer that they are not served.
pub const OPERATIONS: &[Operation] = &[
    Operation::served("BatchGetTraces", "/Traces", handler!(trace::batch_get_traces)),
    Operation::refused("CancelTraceRetrieval", "/CancelTraceRetrieval"),
    Operation::refused("CreateGroup", "/CreateGroup"),
    Operation::served("CreateSamplingRule", "/CreateSamplingRule", handler!(sampling::create_sampling_rule)),
    Operation::refused("DeleteGroup", "/DeleteGroup"),
    Operation::refused("DeleteResourcePolicy", "/DeleteResourcePolicy"),
    Operation::served("DeleteSamplingRule", "/DeleteSamplingRule", handler!(sampling::delete_sampling_rule)),
    Operation::refused("GetEncryptionConfig", "/EncryptionConfig"),
    Operation::refused("GetGroup", "/GetGroup"),
    Operation::refused("GetGroups", "/Groups"),
    Operation::refused("GetIndexingRules", "/GetIndexingRules"),
    Operation::refused("GetInsight", "/Insight"),
    Operation::refused("GetInsightEvents", "/InsightEvents"),
    Operation::refused("GetInsightImpactGraph", "/InsightImpactGraph"),
    Operation::refused("GetInsightSummaries", "/InsightSummaries"),
    Operation::refused("GetRetrievedTracesGraph", "/GetRetrievedTracesGraph"),
    Operation::served("GetSamplingRules", "/GetSamplingRules", handler!(sampling::get_sampling_rules)),
    Operation::refused("GetSamplingStatisticSummaries", "/SamplingStatisticSummaries"),
    Operation::served("GetSamplingTargets", "/SamplingTargets", handler!(sampling::get_sampling_targets)),
    Operation::served("GetServiceGraph", "/ServiceGraph", handler!(service_graph::get_service_graph)),
    Operation::served(
        "GetTimeSeriesServiceStatistics",
        "/TimeSeriesServiceStatistics",
        handler!(service_graph::get_time_series_service_statistics),
    ),
    Operation::served("GetTraceGraph", "/TraceGraph", handler!(service_graph::get_trace_graph)),
    Operation::refused("GetTraceSegmentDestination", "/GetTraceSegmentDestination"),
    Operation::served("GetTraceSummaries", "/TraceSummaries", handler!(trace::get_trace_summaries)),
    Operation::refused("ListResourcePolicies", "/ListResourcePolicies"),
    Operation::refused("ListRetrievedTraces", "/ListRetrievedTraces"),
    Operation::refused("ListTagsForResource", "/ListTagsForResource"),
    Operation::refused("PutEncryptionConfig", "/PutEncryptionConfig"),
    Operation::refused("PutResourcePolicy", "/PutResourcePolicy"),
    Operation::served("PutTelemetryRecords", "/TelemetryRecords", handler!(segment::put_telemetry_records)),
    Operation::served("PutTraceSegments", "/TraceSegments", segment::put_trace_segments),
    Operation::refused("StartTraceRetrieval", "/StartTraceRetrieval"),
    Operation::refused("TagResource", "/TagResource"),
    Operation::refused("UntagResource", "/UntagResource"),
    Operation::refused("UpdateGroup", "/UpdateGroup"),
    Operation::refused("UpdateIndexingRule", "/UpdateIndexingRule"),
    Operation::served("UpdateSamplingRule", "/UpdateSamplingRule", handler!(sampling::update_sampling_rule)),
    Operation::refused("UpdateTraceSegmentDestination", "/UpdateTraceSegmentDestination"),
];
