//! Subscription filters: where log events go on to.

use model::log::in_group;
use model::subscription_filter::SubscriptionFilter;
use serde::{Deserialize, Serialize};

use super::metric_filter::OfFilter;
use super::{Nothing, broken, invalid, limit_of, missing, of};
use crate::app::App;
use crate::error::ApiError;
use crate::page;

const PAGE: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutSubscriptionFilter {
    log_group_name: Option<String>,
    filter_name: Option<String>,
    filter_pattern: Option<String>,
    destination_arn: Option<String>,
    role_arn: Option<String>,
    distribution: Option<String>,
    field_selection_criteria: Option<String>,
}

pub(super) async fn put_subscription_filter(app: &App, input: PutSubscriptionFilter) -> Result<Nothing, ApiError> {
    let group = input.log_group_name.ok_or_else(|| missing("logGroupName"))?;
    let name = input.filter_name.ok_or_else(|| missing("filterName"))?;
    if input.field_selection_criteria.is_some_and(|criteria| !criteria.is_empty()) {
        return Err(invalid("fieldSelectionCriteria is not supported by this server"));
    }
    let distribution = input.distribution.unwrap_or_else(|| "ByLogStream".to_owned());
    if !["ByLogStream", "Random"].contains(&distribution.as_str()) {
        return Err(broken(&distribution, "distribution", "Member must satisfy enum value set: [Random, ByLogStream]"));
    }
    let filter = SubscriptionFilter {
        key: in_group::key(&group, &name),
        pattern: input.filter_pattern.ok_or_else(|| missing("filterPattern"))?,
        destination: input.destination_arn.ok_or_else(|| missing("destinationArn"))?,
        role_arn: input.role_arn,
        distribution,
        created_us: 0,
        since: Default::default(),
    };
    app.logs.group(&group).await.map_err(of)?;
    app.subscription_filters.put(filter).await.map_err(of)?;
    Ok(Nothing {})
}

pub(super) async fn delete_subscription_filter(app: &App, input: OfFilter) -> Result<Nothing, ApiError> {
    let (group, name) = input.names()?;
    app.logs.group(group).await.map_err(of)?;
    app.subscription_filters.delete(group, name).await.map_err(of)?;
    Ok(Nothing {})
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeSubscriptionFilters {
    log_group_name: Option<String>,
    filter_name_prefix: Option<String>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
    #[serde(skip_serializing)]
    limit: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeSubscriptionFiltersOutput {
    subscription_filters: Vec<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    filter_name: String,
    log_group_name: String,
    filter_pattern: String,
    destination_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    distribution: String,
    apply_on_transformed_logs: bool,
    creation_time: i64,
}

pub(super) async fn describe_subscription_filters(
    app: &App,
    input: DescribeSubscriptionFilters,
) -> Result<DescribeSubscriptionFiltersOutput, ApiError> {
    let group = input.log_group_name.as_deref().ok_or_else(|| missing("logGroupName"))?;
    app.logs.group(group).await.map_err(of)?;
    let limit = limit_of(input.limit, PAGE, PAGE)?;
    let is_meant = |filter: &SubscriptionFilter| {
        filter.group() == group && input.filter_name_prefix.as_ref().is_none_or(|prefix| filter.name().starts_with(prefix.as_str()))
    };
    let now_us = app.clock.now_us();
    let meant = app.subscription_filters.list().await.map_err(of)?.into_iter().filter(is_meant);
    let token = input.next_token.as_deref();
    let (filters, next_token) = page::cut_by_name(meant, |filter| &filter.key, token, limit, &input, now_us)?;
    let told = |filter: SubscriptionFilter| Told {
        filter_name: filter.name().to_owned(),
        log_group_name: filter.group().to_owned(),
        filter_pattern: filter.pattern,
        destination_arn: filter.destination,
        role_arn: filter.role_arn,
        distribution: filter.distribution,
        apply_on_transformed_logs: false,
        creation_time: filter.created_us / 1_000,
    };
    Ok(DescribeSubscriptionFiltersOutput { subscription_filters: filters.into_iter().map(told).collect(), next_token })
}
