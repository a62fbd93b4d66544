//! CloudWatch Logs: groups, streams and their events.

mod event;
mod export_task;
mod group;
pub(crate) mod live_tail;
mod lookup_table;
mod metric_filter;
mod query;
mod query_definition;
mod record;
mod sql_query;
mod stream;
mod subscription_filter;
mod tag;

use ::query::log::pattern::PATTERN_CHARS;
use axum::http::StatusCode;
use control::log::{NAME_MAX, is_of_group_name};
use model::principal::Action::{Change, Read, Send};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::error::ApiError;
use crate::rpc::{Service, rpc, rpc_stream};

pub use event::{keep_log_metrics, take_forwarded};
pub(crate) use event::{take_lines, take_performance};

pub(crate) static SERVICE: Service = Service {
    name: "logs",
    target: "Logs_20140328",
    query: None,
    operations: &[
        rpc!("CancelExportTask", Change, export_task::cancel_export_task),
        rpc!("CreateExportTask", Change, export_task::create_export_task),
        rpc!("CreateLogGroup", Send, group::create_log_group),
        rpc!("CreateLogStream", Send, stream::create_log_stream),
        rpc!("CreateLookupTable", Change, lookup_table::create_lookup_table),
        rpc!("DeleteLogGroup", Change, group::delete_log_group),
        rpc!("DeleteLogStream", Change, stream::delete_log_stream),
        rpc!("DeleteLookupTable", Change, lookup_table::delete_lookup_table),
        rpc!("DeleteMetricFilter", Change, metric_filter::delete_metric_filter),
        rpc!("DeleteQueryDefinition", Change, query_definition::delete_query_definition),
        rpc!("DeleteRetentionPolicy", Change, group::delete_retention_policy),
        rpc!("DeleteSubscriptionFilter", Change, subscription_filter::delete_subscription_filter),
        rpc!("DescribeExportTasks", Read, export_task::describe_export_tasks),
        rpc!("DescribeLogGroups", Read, group::describe_log_groups),
        rpc!("DescribeLogStreams", Read, stream::describe_log_streams),
        rpc!("DescribeLookupTables", Read, lookup_table::describe_lookup_tables),
        rpc!("DescribeMetricFilters", Read, metric_filter::describe_metric_filters),
        rpc!("DescribeQueries", Read, query::describe_queries),
        rpc!("DescribeQueryDefinitions", Read, query_definition::describe_query_definitions),
        rpc!("DescribeSubscriptionFilters", Read, subscription_filter::describe_subscription_filters),
        rpc!("FilterLogEvents", Read, event::filter_log_events),
        rpc!("GetLogEvents", Read, event::get_log_events),
        rpc!("GetLogGroupFields", Read, record::get_log_group_fields),
        rpc!("GetLogRecord", Read, record::get_log_record),
        rpc!("GetLookupTable", Read, lookup_table::get_lookup_table),
        rpc!("GetQueryResults", Read, query::get_query_results),
        rpc!("ListLogGroups", Read, group::list_log_groups),
        rpc!("ListLogGroupsForQuery", Read, query::list_log_groups_for_query),
        rpc!("ListTagsForResource", Read, tag::list_tags_for_resource),
        rpc!("ListTagsLogGroup", Read, tag::list_tags_log_group),
        rpc!("PutLogEvents", Send, event::put_log_events),
        rpc!("PutLogGroupDeletionProtection", Change, group::put_log_group_deletion_protection),
        rpc!("PutMetricFilter", Change, metric_filter::put_metric_filter),
        rpc!("PutQueryDefinition", Change, query_definition::put_query_definition),
        rpc!("PutRetentionPolicy", Send, group::put_retention_policy),
        rpc!("PutSubscriptionFilter", Change, subscription_filter::put_subscription_filter),
        rpc_stream!("StartLiveTail", Read, live_tail::start_live_tail),
        rpc!("StartQuery", Read, query::start_query),
        rpc!("StopQuery", Read, query::stop_query),
        rpc!("TagLogGroup", Change, tag::tag_log_group),
        rpc!("TagResource", Change, tag::tag_resource),
        rpc!("TestMetricFilter", Read, metric_filter::test_metric_filter),
        rpc!("UntagLogGroup", Change, tag::untag_log_group),
        rpc!("UntagResource", Change, tag::untag_resource),
        rpc!("UpdateLookupTable", Change, lookup_table::update_lookup_table),
    ],
    of_linked: &[],
    others: OTHERS,
    code: |_| None,
    invalid: "InvalidParameterException",
    broken: Some(broken_member),
};

/// Operations that are AWS's and not this server's.
const OTHERS: &[&str] = &[
    "AssociateKmsKey",
    "AssociateSourceToS3TableIntegration",
    "CancelImportTask",
    "CreateDelivery",
    "CreateImportTask",
    "CreateLogAnomalyDetector",
    "CreateScheduledQuery",
    "DeleteAccountPolicy",
    "DeleteDataProtectionPolicy",
    "DeleteDelivery",
    "DeleteDeliveryDestination",
    "DeleteDeliveryDestinationPolicy",
    "DeleteDeliverySource",
    "DeleteDestination",
    "DeleteIndexPolicy",
    "DeleteIntegration",
    "DeleteLogAnomalyDetector",
    "DeleteResourcePolicy",
    "DeleteScheduledQuery",
    "DeleteTransformer",
    "DescribeAccountPolicies",
    "DescribeConfigurationTemplates",
    "DescribeDeliveries",
    "DescribeDeliveryDestinations",
    "DescribeDeliverySources",
    "DescribeDestinations",
    "DescribeFieldIndexes",
    "DescribeImportTaskBatches",
    "DescribeImportTasks",
    "DescribeIndexPolicies",
    "DescribeResourcePolicies",
    "DisassociateKmsKey",
    "DisassociateSourceFromS3TableIntegration",
    "GetDataProtectionPolicy",
    "GetDelivery",
    "GetDeliveryDestination",
    "GetDeliveryDestinationPolicy",
    "GetDeliverySource",
    "GetIntegration",
    "GetLogAnomalyDetector",
    "GetLogFields",
    "GetLogObject",
    "GetScheduledQuery",
    "GetScheduledQueryHistory",
    "GetTransformer",
    "ListAggregateLogGroupSummaries",
    "ListAnomalies",
    "ListIntegrations",
    "ListLogAnomalyDetectors",
    "ListScheduledQueries",
    "ListSourcesForS3TableIntegration",
    "PutAccountPolicy",
    "PutBearerTokenAuthentication",
    "PutDataProtectionPolicy",
    "PutDeliveryDestination",
    "PutDeliveryDestinationPolicy",
    "PutDeliverySource",
    "PutDestination",
    "PutDestinationPolicy",
    "PutIndexPolicy",
    "PutIntegration",
    "PutResourcePolicy",
    "PutTransformer",
    "TestTransformer",
    "UpdateAnomaly",
    "UpdateDeliveryConfiguration",
    "UpdateLogAnomalyDetector",
    "UpdateScheduledQuery",
];

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "InvalidParameterException", message)
}

fn missing(member: &str) -> ApiError {
    invalid(format!("{member} is required"))
}

fn of(err: control::Error) -> ApiError {
    let refuse = |exception, message| ApiError::new(StatusCode::BAD_REQUEST, exception, message);
    match err {
        control::Error::NoResource(message) => refuse("ResourceNotFoundException", message),
        control::Error::Protected(message) => refuse("OperationAbortedException", message),
        control::Error::Conflict(message) => refuse("ResourceAlreadyExistsException", message),
        control::Error::LimitExceeded(message) => refuse("LimitExceededException", message),
        control::Error::Invalid(message) => invalid(message),
        err => err.into(),
    }
}

/// As ARNs of groups begin; those of operations that were there first end with `:*`.
fn arn(app: &App, group: &str) -> String {
    format!("arn:aws:logs:{}:{}:log-group:{group}", app.identity.region, app.identity.account_id)
}

/// The group that a name or an ARN means, where it is one of this account.
fn group_of_identifier(app: &App, identifier: &str) -> Result<String, ApiError> {
    if !identifier.chars().all(is_of_identifier) {
        return Err(broken_identifier());
    }
    let Some(rest) = identifier.strip_prefix("arn:") else { return Ok(identifier.to_owned()) };
    let parts: Vec<&str> = rest.splitn(6, ':').collect();
    match parts[..] {
        [_, "logs", _, account, "log-group", name] if account == app.identity.account_id => Ok(name.to_owned()),
        [_, "logs", _, account, "log-group", _] => {
            Err(invalid(format!("{identifier} is of account {account}, not of {}", app.identity.account_id)))
        }
        _ => Err(invalid(format!("{identifier} is no ARN of a log group"))),
    }
}

/// Of the two ways to name a group, the one that was used.
fn named_group(app: &App, name: Option<&str>, identifier: Option<&str>) -> Result<String, ApiError> {
    match (name, identifier) {
        (Some(name), None) => Ok(name.to_owned()),
        (None, Some(identifier)) => group_of_identifier(app, identifier),
        (None, None) => Err(missing("logGroupName or logGroupIdentifier")),
        (Some(_), Some(_)) => Err(invalid("logGroupName and logGroupIdentifier exclude each other")),
    }
}

/// Members whose letters and lengths their shapes say.
const SHAPES: [(&str, &Shape); 7] = [
    ("logGroupName", &GROUP),
    ("logGroupNamePrefix", &GROUP),
    ("logStreamName", &NAME),
    ("logStreamNamePrefix", &NAME),
    ("filterName", &NAME),
    ("filterNamePrefix", &NAME),
    ("logGroupIdentifier", &Shape { pattern: IDENTIFIER, is_allowed: is_of_identifier, most: 2_048 }),
];
const GROUP: Shape = Shape { pattern: r"[\.\-_/#A-Za-z0-9]+", is_allowed: is_of_group_name, most: NAME_MAX };
const NAME: Shape = Shape { pattern: "[^:*]*", is_allowed: |letter| !matches!(letter, ':' | '*'), most: NAME_MAX };
const IDENTIFIER: &str = r"[\w#+=/:,.@-]*";

struct Shape {
    pattern: &'static str,
    is_allowed: fn(char) -> bool,
    most: usize,
}

fn is_of_identifier(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '#' | '+' | '=' | '/' | ':' | ',' | '.' | '@' | '-')
}

/// AWS looks at members before it looks anything up.
fn broken_member(input: &serde_json::Value) -> Option<ApiError> {
    let too_long = |most: usize| format!("Member must have length less than or equal to {most}");
    for (member, &Shape { pattern, is_allowed, most }) in SHAPES {
        let Some(value) = input.get(member).and_then(serde_json::Value::as_str) else { continue };
        if value.is_empty() {
            return Some(broken(value, member, "Member must have length greater than or equal to 1"));
        }
        if value.chars().count() > most {
            return Some(broken(value, member, &too_long(most)));
        }
        if !value.chars().all(is_allowed) {
            if member == "logGroupIdentifier" {
                return Some(broken_identifier());
            }
            return Some(broken(value, member, &format!("Member must satisfy regular expression pattern: {pattern}")));
        }
    }
    let pattern =
        input.get("filterPattern").and_then(serde_json::Value::as_str).filter(|text| text.chars().count() > PATTERN_CHARS);
    pattern.map(|text| broken(text, "filterPattern", &too_long(PATTERN_CHARS)))
}

/// Of this one AWS does not say what it was.
fn broken_identifier() -> ApiError {
    invalid(format!(
        "1 validation error detected: Value at 'logGroupIdentifier' failed to satisfy constraint: Member must satisfy regular expression pattern: {IDENTIFIER}"
    ))
}

/// A member that is not as its shape says, in AWS's words.
fn broken(value: &str, member: &str, constraint: &str) -> ApiError {
    invalid(format!("1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"))
}

/// How many of a list are wanted, of those that may be.
fn limit_of(given: Option<i64>, standard: usize, most: usize) -> Result<usize, ApiError> {
    match given {
        None => Ok(standard),
        Some(wanted) if wanted >= 1 && wanted <= most as i64 => Ok(wanted as usize),
        Some(wanted) if wanted < 1 => {
            Err(broken(&wanted.to_string(), "limit", "Member must have value greater than or equal to 1"))
        }
        Some(wanted) => Err(broken(&wanted.to_string(), "limit", &format!("Member must have value less than or equal to {most}"))),
    }
}

/// An answer without members.
#[derive(Serialize)]
struct Nothing {}

/// A question for one group alone.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfGroup {
    log_group_name: Option<String>,
}

impl OfGroup {
    fn name(&self) -> Result<&str, ApiError> {
        self.log_group_name.as_deref().ok_or_else(|| missing("logGroupName"))
    }
}
