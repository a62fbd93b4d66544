//! Groups.

use std::collections::BTreeMap;

use control::group::{GroupChange, GroupRef};
use control::tag::{self, Taggable};
use model::group::{DEFAULT_GROUP, Group};
use query::filter::Expression;
use serde::{Deserialize, Serialize};

use super::tag::{Tag, map_of};
use crate::app::{App, Identity};
use crate::error::ApiError;
use crate::page;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct InsightsConfiguration {
    insights_enabled: Option<bool>,
    notifications_enabled: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GroupOutput {
    group_name: String,
    #[serde(rename = "GroupARN")]
    group_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter_expression: Option<String>,
    insights_configuration: InsightsConfiguration,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GroupResult {
    group: GroupOutput,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateGroup {
    group_name: String,
    filter_expression: Option<String>,
    insights_configuration: Option<InsightsConfiguration>,
    tags: Option<Vec<Tag>>,
}

pub(super) async fn create_group(app: &App, input: CreateGroup) -> Result<GroupResult, ApiError> {
    let tags = input.tags.map(map_of).transpose()?.unwrap_or_default();
    tag::check(&tags, &app.quotas)?;
    let change = change(input.filter_expression, input.insights_configuration);
    let group = app.groups.create(&input.group_name, change).await?;
    set_tags(app, Taggable::Group(GroupRef::Name(group.name.clone())), tags).await?;
    Ok(GroupResult { group: output(group, &app.identity) })
}

/// Tags of what was just made. It has none of an earlier resource of its name.
pub(super) async fn set_tags(app: &App, of: Taggable, tags: BTreeMap<String, String>) -> Result<(), ApiError> {
    app.tags.forget(&of).await?;
    if !tags.is_empty() {
        app.tags.add(&of, tags).await?;
    }
    Ok(())
}

fn change(filter_expression: Option<String>, insights: Option<InsightsConfiguration>) -> GroupChange {
    GroupChange {
        expression: filter_expression,
        insights_enabled: insights.as_ref().and_then(|insights| insights.insights_enabled),
        notifications_enabled: insights.as_ref().and_then(|insights| insights.notifications_enabled),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NamedGroup {
    group_name: Option<String>,
    #[serde(rename = "GroupARN")]
    group_arn: Option<String>,
}

pub(super) async fn get_group(app: &App, input: NamedGroup) -> Result<GroupResult, ApiError> {
    let group = app.groups.get(&group_ref(app, input.group_name, input.group_arn)?).await?;
    Ok(GroupResult { group: output(group, &app.identity) })
}

#[derive(Serialize)]
pub(super) struct Nothing {}

pub(super) async fn delete_group(app: &App, input: NamedGroup) -> Result<Nothing, ApiError> {
    let which = group_ref(app, input.group_name, input.group_arn)?;
    app.groups.delete(&which).await?;
    app.tags.forget(&Taggable::Group(which)).await?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateGroup {
    group_name: Option<String>,
    #[serde(rename = "GroupARN")]
    group_arn: Option<String>,
    filter_expression: Option<String>,
    insights_configuration: Option<InsightsConfiguration>,
}

pub(super) async fn update_group(app: &App, input: UpdateGroup) -> Result<GroupResult, ApiError> {
    let which = group_ref(app, input.group_name, input.group_arn)?;
    let group = app.groups.update(&which, change(input.filter_expression, input.insights_configuration)).await?;
    Ok(GroupResult { group: output(group, &app.identity) })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetGroups {
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetGroupsResult {
    groups: Vec<GroupOutput>,
}

pub(super) async fn get_groups(app: &App, input: GetGroups) -> Result<GetGroupsResult, ApiError> {
    page::none(input.next_token.as_deref())?;
    let groups = app.groups.list().await?;
    Ok(GetGroupsResult { groups: groups.into_iter().map(|group| output(group, &app.identity)).collect() })
}

fn output(group: Group, identity: &Identity) -> GroupOutput {
    GroupOutput {
        group_arn: arn(&group, identity),
        filter_expression: group.expression().map(str::to_owned),
        insights_configuration: InsightsConfiguration {
            insights_enabled: Some(group.insights_enabled),
            notifications_enabled: Some(group.notifications_enabled),
        },
        group_name: group.name,
    }
}

pub(super) fn arn(group: &Group, identity: &Identity) -> String {
    arn_of(&group.name, &group.id, identity)
}

pub(super) fn arn_of(name: &str, id: &str, identity: &Identity) -> String {
    let end = if id.is_empty() { String::new() } else { format!("/{id}") };
    format!("{}{name}{end}", arn_start(identity))
}

fn arn_start(identity: &Identity) -> String {
    format!("arn:aws:xray:{}:{}:group/", identity.region, identity.account_id)
}

/// The group that an ARN of this account means, if it is one's.
pub(super) fn of_arn(arn: &str, identity: &Identity) -> Option<GroupRef> {
    let tail = arn.strip_prefix(&arn_start(identity))?;
    match tail.split_once('/') {
        Some((name, id)) => Some(GroupRef::Exactly(name.to_owned(), id.to_owned())),
        None if tail == DEFAULT_GROUP => Some(GroupRef::Name(tail.to_owned())),
        None => None,
    }
}

/// A group is named by its name or its ARN.
pub(super) fn group_ref(app: &App, name: Option<String>, arn: Option<String>) -> Result<GroupRef, ApiError> {
    match (name, arn) {
        (Some(name), None) => Ok(GroupRef::Name(name)),
        (name, Some(arn)) => {
            let of_arn = of_arn(&arn, &app.identity).ok_or_else(|| ApiError::invalid(format!("there is no group {arn}")))?;
            match name {
                Some(name) if name != of_arn.name() => Err(ApiError::invalid("GroupName and GroupARN name different groups")),
                _ => Ok(of_arn),
            }
        }
        (None, None) => Err(ApiError::invalid("GroupName or GroupARN is missing")),
    }
}

/// Which traces a question about a group is about, and whether the group was another in the range.
pub(super) async fn of_group(
    app: &App,
    name: Option<String>,
    arn: Option<String>,
    range: model::TimeRange,
) -> Result<(Expression, bool), ApiError> {
    if name.is_none() && arn.is_none() {
        return Ok((Expression::Constant(true), false));
    }
    let group = app.groups.get(&group_ref(app, name, arn)?).await?;
    Ok((query::filter::group_expression(&group), group.changed_within(range.start_us, range.end_us)))
}
