//! Metric filters: what is counted of log events.

use std::collections::BTreeMap;

use ::model::log::in_group;
use ::model::metric_filter as model;
use control::log::{NAME_MAX, check_pattern};
use serde::{Deserialize, Serialize};

use super::{Nothing, broken, invalid, limit_of, missing, of};
use crate::app::App;
use crate::error::ApiError;
use crate::page;

const PAGE: usize = 50;
const TESTED_MAX: usize = 50;
const METRIC_NAME_MAX: usize = 255;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutMetricFilter {
    log_group_name: Option<String>,
    filter_name: Option<String>,
    filter_pattern: Option<String>,
    metric_transformations: Option<Vec<MetricTransformation>>,
    field_selection_criteria: Option<String>,
    emit_system_field_dimensions: Option<Vec<String>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct MetricTransformation {
    metric_name: Option<String>,
    metric_namespace: Option<String>,
    metric_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_value: Option<f64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    dimensions: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

pub(super) async fn put_metric_filter(app: &App, input: PutMetricFilter) -> Result<Nothing, ApiError> {
    let group = input.log_group_name.ok_or_else(|| missing("logGroupName"))?;
    let name = input.filter_name.ok_or_else(|| missing("filterName"))?;
    let pattern = input.filter_pattern.ok_or_else(|| missing("filterPattern"))?;
    if input.field_selection_criteria.is_some_and(|criteria| !criteria.is_empty()) {
        return Err(invalid("fieldSelectionCriteria is not supported by this server"));
    }
    let mut transformations = input.metric_transformations.ok_or_else(|| missing("metricTransformations"))?;
    if transformations.len() != 1 {
        return Err(invalid("metricTransformations must have exactly one member"));
    }
    let given = transformations.remove(0);
    let filter = model::MetricFilter {
        key: in_group::key(&group, &name),
        pattern,
        metric: model::MetricTransformation {
            namespace: given.metric_namespace.ok_or_else(|| missing("metricNamespace"))?,
            name: given.metric_name.ok_or_else(|| missing("metricName"))?,
            value: given.metric_value.ok_or_else(|| missing("metricValue"))?,
            default: given.default_value,
            dimensions: given.dimensions,
            unit: given.unit,
        },
        created_us: 0,
        system_dimensions: input.emit_system_field_dimensions.unwrap_or_default(),
    };
    app.logs.group(&group).await.map_err(of)?;
    app.metric_filters.put(filter).await.map_err(of)?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfFilter {
    log_group_name: Option<String>,
    filter_name: Option<String>,
}

impl OfFilter {
    pub(super) fn names(&self) -> Result<(&str, &str), ApiError> {
        let group = self.log_group_name.as_deref().ok_or_else(|| missing("logGroupName"))?;
        Ok((group, self.filter_name.as_deref().ok_or_else(|| missing("filterName"))?))
    }
}

pub(super) async fn delete_metric_filter(app: &App, input: OfFilter) -> Result<Nothing, ApiError> {
    let (group, name) = input.names()?;
    app.logs.group(group).await.map_err(of)?;
    app.metric_filters.delete(group, name).await.map_err(of)?;
    Ok(Nothing {})
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeMetricFilters {
    log_group_name: Option<String>,
    filter_name_prefix: Option<String>,
    metric_name: Option<String>,
    metric_namespace: Option<String>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
    #[serde(skip_serializing)]
    limit: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeMetricFiltersOutput {
    metric_filters: Vec<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    filter_name: String,
    filter_pattern: String,
    metric_transformations: [MetricTransformation; 1],
    creation_time: i64,
    log_group_name: String,
    apply_on_transformed_logs: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    emit_system_field_dimensions: Vec<String>,
}

pub(super) async fn describe_metric_filters(
    app: &App,
    input: DescribeMetricFilters,
) -> Result<DescribeMetricFiltersOutput, ApiError> {
    let texts = [
        ("logGroupName", &input.log_group_name, NAME_MAX),
        ("filterNamePrefix", &input.filter_name_prefix, NAME_MAX),
        ("metricName", &input.metric_name, METRIC_NAME_MAX),
        ("metricNamespace", &input.metric_namespace, METRIC_NAME_MAX),
    ];
    for (member, text, most) in texts {
        if let Some(text) = text.as_ref().filter(|text| text.chars().count() > most) {
            return Err(broken(text, member, &format!("Member must have length less than or equal to {most}")));
        }
    }
    if input.metric_name.is_some() != input.metric_namespace.is_some() {
        return Err(invalid("metricName and metricNamespace go together"));
    }
    if let Some(group) = &input.log_group_name {
        app.logs.group(group).await.map_err(of)?;
    }
    let limit = limit_of(input.limit, PAGE, PAGE)?;
    let is_meant = |filter: &model::MetricFilter| {
        input.log_group_name.as_ref().is_none_or(|group| filter.group() == group)
            && input.filter_name_prefix.as_ref().is_none_or(|prefix| filter.name().starts_with(prefix.as_str()))
            && input.metric_name.as_ref().is_none_or(|name| filter.metric.name == *name)
            && input.metric_namespace.as_ref().is_none_or(|namespace| filter.metric.namespace == *namespace)
    };
    let now_us = app.clock.now_us();
    let meant = app.metric_filters.list().await.map_err(of)?.into_iter().filter(is_meant);
    let token = input.next_token.as_deref();
    let (filters, next_token) = page::cut_by_name(meant, |filter| &filter.key, token, limit, &input, now_us)?;
    let told = |filter: model::MetricFilter| Told {
        filter_name: filter.name().to_owned(),
        log_group_name: filter.group().to_owned(),
        filter_pattern: filter.pattern,
        metric_transformations: [MetricTransformation {
            metric_name: Some(filter.metric.name),
            metric_namespace: Some(filter.metric.namespace),
            metric_value: Some(filter.metric.value),
            default_value: filter.metric.default,
            dimensions: filter.metric.dimensions,
            unit: filter.metric.unit,
        }],
        creation_time: filter.created_us / 1_000,
        apply_on_transformed_logs: false,
        emit_system_field_dimensions: filter.system_dimensions,
    };
    Ok(DescribeMetricFiltersOutput { metric_filters: filters.into_iter().map(told).collect(), next_token })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TestMetricFilter {
    filter_pattern: Option<String>,
    log_event_messages: Option<Vec<String>>,
}

#[derive(Serialize)]
pub(super) struct TestMetricFilterOutput {
    matches: Vec<Matched>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Matched {
    event_number: usize,
    event_message: String,
    extracted_values: BTreeMap<String, String>,
}

pub(super) async fn test_metric_filter(_app: &App, input: TestMetricFilter) -> Result<TestMetricFilterOutput, ApiError> {
    let filter = check_pattern(&input.filter_pattern.ok_or_else(|| missing("filterPattern"))?).map_err(of)?;
    let messages = input.log_event_messages.ok_or_else(|| missing("logEventMessages"))?;
    if messages.is_empty() || messages.len() > TESTED_MAX {
        return Err(invalid(format!("logEventMessages must have from 1 to {TESTED_MAX} messages")));
    }
    let matched = |(place, message): (usize, String)| {
        filter.is_match(&message).then(|| Matched {
            event_number: place + 1,
            extracted_values: filter.extracted(&message),
            event_message: message,
        })
    };
    Ok(TestMetricFilterOutput { matches: messages.into_iter().enumerate().filter_map(matched).collect() })
}
