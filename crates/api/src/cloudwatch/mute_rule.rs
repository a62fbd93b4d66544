//! Mute rules of alarms.

use axum::http::StatusCode;
use control::mute_rule::{MuteStatus, status};
use control::tag::Taggable;
use model::mute_rule::MuteRule;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::dashboard::Nothing;
use super::tag::{Tag, map_of};
use super::{missing, refuse, validation};
use crate::app::App;
use crate::error::ApiError;
use crate::page;
use crate::time::Moment;

/// Rules on a page.
const PAGE: usize = 50;
const PAGE_MAX: i64 = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutAlarmMuteRule {
    name: Option<String>,
    description: Option<String>,
    rule: Option<Rule>,
    mute_targets: Option<MuteTargets>,
    tags: Option<Vec<Tag>>,
    start_date: Option<Moment>,
    expire_date: Option<Moment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Rule {
    schedule: Option<Schedule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Schedule {
    expression: Option<String>,
    duration: Option<String>,
    timezone: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MuteTargets {
    alarm_names: Option<Vec<String>>,
}

fn of(err: control::Error) -> ApiError {
    match err {
        control::Error::NoResource(message) => ApiError::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", message),
        control::Error::LimitExceeded(message) => refuse("LimitExceededFault", message),
        control::Error::Invalid(message) => validation(message),
        err => err.into(),
    }
}

fn arn(app: &App, name: &str) -> String {
    format!("arn:aws:cloudwatch:{}:{}:alarm-mute-rule:{name}", app.identity.region, app.identity.account_id)
}

pub(super) async fn put_alarm_mute_rule(app: &App, input: PutAlarmMuteRule) -> Result<Nothing, ApiError> {
    let schedule = input.rule.and_then(|rule| rule.schedule).ok_or_else(|| missing("Rule.Schedule"))?;
    let name = input.name.ok_or_else(|| missing("Name"))?;
    let tags = map_of(input.tags.unwrap_or_default())?;
    control::tag::check(&tags, &app.quotas).map_err(of)?;
    let rule = MuteRule {
        name: name.clone(),
        description: input.description,
        expression: schedule.expression.ok_or_else(|| missing("Rule.Schedule.Expression"))?,
        duration: schedule.duration.ok_or_else(|| missing("Rule.Schedule.Duration"))?,
        time_zone: schedule.timezone,
        alarms: input.mute_targets.and_then(|targets| targets.alarm_names).unwrap_or_default(),
        start_us: input.start_date.map(|moment| moment.0),
        expire_us: input.expire_date.map(|moment| moment.0),
        updated_us: 0,
    };
    app.mute_rules.put(rule).await.map_err(of)?;
    if !tags.is_empty() {
        app.tags.add(&Taggable::MuteRule(name), tags).await.map_err(of)?;
    }
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OfRule {
    alarm_mute_rule_name: Option<String>,
}

/// `OneTime` or `Recurring`.
fn mute_type(rule: &MuteRule) -> &'static str {
    if rule.expression.trim().starts_with("at(") { "ONE_TIME" } else { "RECURRING" }
}

pub(super) async fn get_alarm_mute_rule(app: &App, input: OfRule) -> Result<Value, ApiError> {
    let name = input.alarm_mute_rule_name.ok_or_else(|| missing("AlarmMuteRuleName"))?;
    let rule = app.mute_rules.get(&name).await.map_err(of)?;
    let (status, until_us) = status(&rule, app.clock.now_us());
    let mut schedule = json!({"Expression": rule.expression, "Duration": rule.duration});
    if let Some(zone) = &rule.time_zone {
        schedule["Timezone"] = json!(zone);
    }
    let mut told = json!({
        "Name": rule.name,
        "AlarmMuteRuleArn": arn(app, &rule.name),
        "Rule": {"Schedule": schedule},
        "MuteTargets": {"AlarmNames": rule.alarms},
        "Status": status.as_str(),
        "LastUpdatedTimestamp": Moment(rule.updated_us),
        "MuteType": mute_type(&rule),
    });
    let dates = [("StartDate", rule.start_us), ("ExpireDate", rule.expire_us), ("ActiveUntil", until_us)];
    for (name, us) in dates {
        if let Some(us) = us {
            told[name] = json!(Moment(us));
        }
    }
    if let Some(description) = &rule.description {
        told["Description"] = json!(description);
    }
    Ok(told)
}

pub(super) async fn delete_alarm_mute_rule(app: &App, input: OfRule) -> Result<Nothing, ApiError> {
    let name = input.alarm_mute_rule_name.ok_or_else(|| missing("AlarmMuteRuleName"))?;
    app.mute_rules.delete(&name).await.map_err(of)?;
    app.tags.forget(&Taggable::MuteRule(name)).await.map_err(of)?;
    Ok(Nothing {})
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListAlarmMuteRules {
    alarm_name: Option<String>,
    statuses: Option<Vec<String>>,
    #[serde(skip_serializing)]
    max_records: Option<i64>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
}

pub(super) async fn list_alarm_mute_rules(app: &App, input: ListAlarmMuteRules) -> Result<Value, ApiError> {
    let most = match input.max_records {
        None => PAGE,
        Some(wanted) if (1..=PAGE_MAX).contains(&wanted) => wanted as usize,
        Some(wanted) => return Err(validation(format!("MaxRecords {wanted} must be from 1 to {PAGE_MAX}"))),
    };
    let statuses = input.statuses.as_deref().unwrap_or_default();
    if let Some(other) = statuses.iter().find(|given| !MuteStatus::WORDS.contains(&given.as_str())) {
        return Err(validation(format!("Statuses {other:?} is none of {}", MuteStatus::WORDS.join(", "))));
    }
    let now_us = app.clock.now_us();
    let is_meant = |rule: &MuteRule| {
        input.alarm_name.as_ref().is_none_or(|name| rule.alarms.contains(name))
            && (statuses.is_empty() || statuses.iter().any(|known| known == status(rule, now_us).0.as_str()))
    };
    let rules = app.mute_rules.list().await.map_err(of)?.into_iter().filter(is_meant);
    let (found, next) = page::cut_by_name(rules, |rule| &rule.name, input.next_token.as_deref(), most, &input, now_us)
        .map_err(|err| err.instead("InvalidRequestException", "InvalidNextToken"))?;
    let told = found.iter().map(|rule| {
        let mut told = json!({
            "AlarmMuteRuleArn": arn(app, &rule.name),
            "Status": status(rule, now_us).0.as_str(),
            "MuteType": mute_type(rule),
            "LastUpdatedTimestamp": Moment(rule.updated_us),
        });
        if let Some(expire) = rule.expire_us {
            told["ExpireDate"] = json!(Moment(expire));
        }
        told
    });
    let mut answer = json!({"AlarmMuteRuleSummaries": told.collect::<Vec<_>>()});
    if let Some(token) = next {
        answer["NextToken"] = json!(token);
    }
    Ok(answer)
}
