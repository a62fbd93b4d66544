//! Groups of log events.

use std::collections::BTreeMap;

use control::log::{NAME_MAX, NewGroup};
use model::log::{LogGroup, LogGroupClass};
use serde::{Deserialize, Serialize};

use super::{Nothing, OfGroup, arn, broken, group_of_identifier, invalid, limit_of, missing, of};
use crate::app::App;
use crate::error::ApiError;
use crate::page;

/// Groups on a page (AWS).
const PAGE: usize = 50;
const LIST_MAX: usize = 1_000;
const TAGS_MAX: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateLogGroup {
    log_group_name: Option<String>,
    kms_key_id: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    log_group_class: Option<String>,
    deletion_protection_enabled: Option<bool>,
}

fn class(text: &str) -> Result<LogGroupClass, ApiError> {
    LogGroupClass::of_text(text)
        .ok_or_else(|| invalid(format!("logGroupClass {text:?} is none of STANDARD, INFREQUENT_ACCESS and DELIVERY")))
}

pub(super) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let is_wrong = |(key, value): (&String, &String)| key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256;
    match tags.len() > TAGS_MAX || tags.iter().any(is_wrong) {
        true => Err(invalid(format!("tags: at most {TAGS_MAX}, with keys of 1 to 128 characters and values of up to 256"))),
        false => Ok(()),
    }
}

pub(super) async fn create_log_group(app: &App, input: CreateLogGroup) -> Result<Nothing, ApiError> {
    let name = input.log_group_name.ok_or_else(|| missing("logGroupName"))?;
    if name.len() > NAME_MAX {
        return Err(broken(&name, "logGroupName", &format!("Member must have length less than or equal to {NAME_MAX}")));
    }
    let tags = input.tags.unwrap_or_default();
    check_tags(&tags)?;
    let group = NewGroup {
        name,
        class: input.log_group_class.as_deref().map(class).transpose()?.unwrap_or_default(),
        is_protected: input.deletion_protection_enabled.unwrap_or(false),
        kms_key: input.kms_key_id,
        tags,
    };
    app.logs.create_group(group).await.map_err(of)?;
    Ok(Nothing {})
}

pub(super) async fn delete_log_group(app: &App, input: OfGroup) -> Result<Nothing, ApiError> {
    let name = input.name()?;
    app.logs.delete_group(name).await.map_err(of)?;
    app.metric_filters.delete_group(name).await.map_err(of)?;
    app.subscription_filters.delete_group(name).await.map_err(of)?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutRetentionPolicy {
    log_group_name: Option<String>,
    retention_in_days: Option<u32>,
}

pub(super) async fn put_retention_policy(app: &App, input: PutRetentionPolicy) -> Result<Nothing, ApiError> {
    let name = input.log_group_name.ok_or_else(|| missing("logGroupName"))?;
    match input.retention_in_days {
        None => Err(missing("retentionInDays")),
        Some(0) => Err(invalid("retentionInDays must be above 0; DeleteRetentionPolicy keeps events for ever")),
        Some(days) => {
            app.logs.set_retention(&name, days).await.map_err(of)?;
            Ok(Nothing {})
        }
    }
}

pub(super) async fn delete_retention_policy(app: &App, input: OfGroup) -> Result<Nothing, ApiError> {
    app.logs.set_retention(input.name()?, 0).await.map_err(of)?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutLogGroupDeletionProtection {
    log_group_identifier: Option<String>,
    deletion_protection_enabled: Option<bool>,
}

pub(super) async fn put_log_group_deletion_protection(
    app: &App,
    input: PutLogGroupDeletionProtection,
) -> Result<Nothing, ApiError> {
    let name = group_of_identifier(app, &input.log_group_identifier.ok_or_else(|| missing("logGroupIdentifier"))?)?;
    let is_protected = input.deletion_protection_enabled.ok_or_else(|| missing("deletionProtectionEnabled"))?;
    app.logs.change_group(&name, |group| group.is_protected = is_protected).await.map_err(of)?;
    Ok(Nothing {})
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeLogGroups {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    log_group_class: Option<String>,
    log_group_identifiers: Option<Vec<String>>,
    account_identifiers: Option<Vec<String>>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
    #[serde(skip_serializing)]
    limit: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeLogGroupsOutput {
    log_groups: Vec<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    log_group_name: String,
    creation_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention_in_days: Option<u32>,
    metric_filter_count: usize,
    arn: String,
    stored_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
    log_group_class: &'static str,
    log_group_arn: String,
    deletion_protection_enabled: bool,
}

fn told(app: &App, group: LogGroup, bytes: u64, metric_filter_count: usize) -> Told {
    let name = arn(app, &group.name);
    Told {
        creation_time: group.created_us / 1_000,
        retention_in_days: (group.retention_days > 0).then_some(group.retention_days),
        metric_filter_count,
        arn: format!("{name}:*"),
        stored_bytes: bytes,
        kms_key_id: group.kms_key,
        log_group_class: group.class.as_str(),
        log_group_arn: name,
        deletion_protection_enabled: group.is_protected,
        log_group_name: group.name.into(),
    }
}

pub(super) async fn describe_log_groups(app: &App, input: DescribeLogGroups) -> Result<DescribeLogGroupsOutput, ApiError> {
    if input.log_group_name_prefix.is_some() && input.log_group_name_pattern.is_some() {
        return Err(invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
    }
    let limit = limit_of(input.limit, PAGE, PAGE)?;
    let wanted_class = input.log_group_class.as_deref().map(class).transpose()?;
    let named = input.log_group_identifiers.iter().flatten().map(|identifier| group_of_identifier(app, identifier));
    let named: Vec<String> = named.collect::<Result<_, _>>()?;
    let pattern = input.log_group_name_pattern.as_deref().unwrap_or_default().to_lowercase();
    let is_meant = |group: &LogGroup| {
        input.log_group_name_prefix.as_ref().is_none_or(|prefix| group.name.starts_with(prefix.as_str()))
            && (pattern.is_empty() || group.name.to_lowercase().contains(&pattern))
            && wanted_class.is_none_or(|class| group.class == class)
            && (named.is_empty() || named.iter().any(|name| *name == group.name))
            && input.account_identifiers.as_ref().is_none_or(|ids| ids.is_empty() || ids.contains(&app.identity.account_id))
    };
    let now_us = app.clock.now_us();
    let all = app.logs.groups_with_bytes().await.map_err(of)?;
    let meant = all.into_iter().filter(|(group, _)| is_meant(group));
    let (groups, next_token) =
        page::cut_by_name(meant, |(group, _)| &group.name, input.next_token.as_deref(), limit, &input, now_us)?;
    let mut log_groups = Vec::with_capacity(groups.len());
    for (group, bytes) in groups {
        let metric_filters = app.metric_filters.count(&group.name).await.map_err(of)?;
        log_groups.push(told(app, group, bytes, metric_filters));
    }
    Ok(DescribeLogGroupsOutput { log_groups, next_token })
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListLogGroups {
    log_group_name_pattern: Option<String>,
    log_group_class: Option<String>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
    #[serde(skip_serializing)]
    limit: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListLogGroupsOutput {
    log_groups: Vec<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    log_group_name: String,
    log_group_arn: String,
    log_group_class: &'static str,
}

pub(super) async fn list_log_groups(app: &App, input: ListLogGroups) -> Result<ListLogGroupsOutput, ApiError> {
    let limit = limit_of(input.limit, PAGE, LIST_MAX)?;
    let wanted_class = input.log_group_class.as_deref().map(class).transpose()?;
    // Names, or beginnings of names behind ^, with | between them.
    let alternatives: Vec<&str> = input.log_group_name_pattern.as_deref().unwrap_or_default().split('|').collect();
    let is_named = |name: &str| {
        alternatives.iter().any(|one| match one.strip_prefix('^') {
            Some(prefix) => name.starts_with(prefix),
            None => name.contains(one),
        })
    };
    let now_us = app.clock.now_us();
    let all = app.logs.groups().await.map_err(of)?;
    let is_meant = |group: &LogGroup| is_named(&group.name) && wanted_class.is_none_or(|class| group.class == class);
    let meant = all.into_iter().filter(is_meant);
    let (groups, next_token) = page::cut_by_name(meant, |group| &group.name, input.next_token.as_deref(), limit, &input, now_us)?;
    let summary = |group: LogGroup| Summary {
        log_group_arn: arn(app, &group.name),
        log_group_class: group.class.as_str(),
        log_group_name: group.name.into(),
    };
    Ok(ListLogGroupsOutput { log_groups: groups.into_iter().map(summary).collect(), next_token })
}
