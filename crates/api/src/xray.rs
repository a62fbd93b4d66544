//! X-Ray, API version 2016-04-12: REST with JSON bodies, every operation a POST to its own path.

mod group;
mod insight;
mod resource_policy;
mod retrieval;
mod sampling;
mod segment;
mod service_graph;
mod setting;
mod tag;
mod trace;

use model::principal::Action::{Change, Poll, Read, Send};

use crate::operation::{Operation, handler};

/// All operations of the service's model.
pub const OPERATIONS: &[Operation] = &[
    Operation::new("BatchGetTraces", "/Traces", Read, handler!(trace::batch_get_traces)),
    Operation::new("CancelTraceRetrieval", "/CancelTraceRetrieval", Read, handler!(retrieval::cancel_trace_retrieval)),
    Operation::new("CreateGroup", "/CreateGroup", Change, handler!(group::create_group)),
    Operation::new("CreateSamplingRule", "/CreateSamplingRule", Change, handler!(sampling::create_sampling_rule)),
    Operation::new("DeleteGroup", "/DeleteGroup", Change, handler!(group::delete_group)),
    Operation::new("DeleteResourcePolicy", "/DeleteResourcePolicy", Change, handler!(resource_policy::delete_resource_policy)),
    Operation::new("DeleteSamplingRule", "/DeleteSamplingRule", Change, handler!(sampling::delete_sampling_rule)),
    Operation::new("GetEncryptionConfig", "/EncryptionConfig", Read, handler!(setting::get_encryption_config)),
    Operation::new("GetGroup", "/GetGroup", Read, handler!(group::get_group)),
    Operation::new("GetGroups", "/Groups", Read, handler!(group::get_groups)),
    Operation::new("GetIndexingRules", "/GetIndexingRules", Read, handler!(setting::get_indexing_rules)),
    Operation::new("GetInsight", "/Insight", Read, handler!(insight::get_insight)),
    Operation::new("GetInsightEvents", "/InsightEvents", Read, handler!(insight::get_insight_events)),
    Operation::new("GetInsightImpactGraph", "/InsightImpactGraph", Read, handler!(insight::get_insight_impact_graph)),
    Operation::new("GetInsightSummaries", "/InsightSummaries", Read, handler!(insight::get_insight_summaries)),
    Operation::new("GetRetrievedTracesGraph", "/GetRetrievedTracesGraph", Read, handler!(retrieval::get_retrieved_traces_graph)),
    Operation::new("GetSamplingRules", "/GetSamplingRules", Poll, handler!(sampling::get_sampling_rules)),
    Operation::new(
        "GetSamplingStatisticSummaries",
        "/SamplingStatisticSummaries",
        Read,
        handler!(sampling::get_sampling_statistic_summaries),
    ),
    Operation::new("GetSamplingTargets", "/SamplingTargets", Poll, handler!(sampling::get_sampling_targets)),
    Operation::new("GetServiceGraph", "/ServiceGraph", Read, handler!(service_graph::get_service_graph)),
    Operation::new(
        "GetTimeSeriesServiceStatistics",
        "/TimeSeriesServiceStatistics",
        Read,
        handler!(service_graph::get_time_series_service_statistics),
    ),
    Operation::new("GetTraceGraph", "/TraceGraph", Read, handler!(service_graph::get_trace_graph)),
    Operation::new(
        "GetTraceSegmentDestination",
        "/GetTraceSegmentDestination",
        Read,
        handler!(setting::get_trace_segment_destination),
    ),
    Operation::new("GetTraceSummaries", "/TraceSummaries", Read, handler!(trace::get_trace_summaries)),
    Operation::new("ListResourcePolicies", "/ListResourcePolicies", Read, handler!(resource_policy::list_resource_policies)),
    Operation::new("ListRetrievedTraces", "/ListRetrievedTraces", Read, handler!(retrieval::list_retrieved_traces)),
    Operation::new("ListTagsForResource", "/ListTagsForResource", Read, handler!(tag::list_tags_for_resource)),
    Operation::new("PutEncryptionConfig", "/PutEncryptionConfig", Change, handler!(setting::put_encryption_config)),
    Operation::new("PutResourcePolicy", "/PutResourcePolicy", Change, handler!(resource_policy::put_resource_policy)),
    Operation::new("PutTelemetryRecords", "/TelemetryRecords", Send, handler!(segment::put_telemetry_records)),
    Operation::new("PutTraceSegments", "/TraceSegments", Send, segment::put_trace_segments),
    Operation::new("StartTraceRetrieval", "/StartTraceRetrieval", Read, handler!(retrieval::start_trace_retrieval)),
    Operation::new("TagResource", "/TagResource", Change, handler!(tag::tag_resource)),
    Operation::new("UntagResource", "/UntagResource", Change, handler!(tag::untag_resource)),
    Operation::new("UpdateGroup", "/UpdateGroup", Change, handler!(group::update_group)),
    Operation::new("UpdateIndexingRule", "/UpdateIndexingRule", Change, handler!(setting::update_indexing_rule)),
    Operation::new("UpdateSamplingRule", "/UpdateSamplingRule", Change, handler!(sampling::update_sampling_rule)),
    Operation::new(
        "UpdateTraceSegmentDestination",
        "/UpdateTraceSegmentDestination",
        Change,
        handler!(setting::update_trace_segment_destination),
    ),
];
