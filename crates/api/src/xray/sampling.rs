//! Sampling: rules and targets.
//!
//! Differs from AWS: every list fits on one page. Members that clients are known to misspell or to leave out are optional.

use std::collections::BTreeMap;

use control::sampling::SamplingRuleUpdate;
use control::tag::{self, Taggable};
use model::sampling::{BoostStatistics, SamplingRateBoost, SamplingRule, SamplingStatistics, SamplingWindow};
use serde::{Deserialize, Deserializer, Serialize};

use super::group::set_tags;
use super::tag::{Tag, map_of};
use crate::app::{App, Identity};
use crate::error::ApiError;
use crate::page;
use crate::time::Moment;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetSamplingRules {
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetSamplingRulesResult {
    sampling_rule_records: Vec<SamplingRuleRecord>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SamplingRuleRecord {
    sampling_rule: SamplingRuleOutput,
    created_at: Moment,
    modified_at: Moment,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SamplingRuleRecordResult {
    sampling_rule_record: SamplingRuleRecord,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SamplingRuleOutput {
    rule_name: String,
    #[serde(rename = "RuleARN")]
    rule_arn: String,
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
    priority: i64,
    fixed_rate: f64,
    reservoir_size: i64,
    service_name: String,
    service_type: String,
    host: String,
    #[serde(rename = "HTTPMethod")]
    http_method: String,
    #[serde(rename = "URLPath")]
    url_path: String,
    version: i64,
    attributes: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sampling_rate_boost: Option<RateBoost>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RateBoost {
    max_rate: f64,
    cooldown_window_minutes: i64,
}

impl From<RateBoost> for SamplingRateBoost {
    fn from(boost: RateBoost) -> SamplingRateBoost {
        SamplingRateBoost { max_rate: boost.max_rate, cooldown_window_minutes: boost.cooldown_window_minutes }
    }
}

pub(super) async fn get_sampling_rules(app: &App, input: GetSamplingRules) -> Result<GetSamplingRulesResult, ApiError> {
    page::none(input.next_token.as_deref())?;
    let rules = app.sampling.rules().await?;
    Ok(GetSamplingRulesResult { sampling_rule_records: rules.into_iter().map(|rule| record(rule, &app.identity)).collect() })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateSamplingRule {
    sampling_rule: SamplingRuleInput,
    tags: Option<Vec<Tag>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SamplingRuleInput {
    rule_name: Option<String>,
    #[serde(rename = "RuleARN")]
    rule_arn: Option<String>,
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
    priority: i64,
    fixed_rate: f64,
    reservoir_size: i64,
    service_name: String,
    service_type: String,
    host: String,
    #[serde(rename = "HTTPMethod")]
    http_method: String,
    #[serde(rename = "URLPath")]
    url_path: String,
    version: i64,
    attributes: Option<BTreeMap<String, String>>,
    sampling_rate_boost: Option<RateBoost>,
}

pub(super) async fn create_sampling_rule(app: &App, input: CreateSamplingRule) -> Result<SamplingRuleRecordResult, ApiError> {
    let tags = input.tags.map(map_of).transpose()?.unwrap_or_default();
    tag::check(&tags, &app.quotas)?;
    let input = input.sampling_rule;
    if input.version != 1 {
        return Err(ApiError::invalid(format!("Version is {}, only 1 is known", input.version)));
    }
    let name = rule_name(input.rule_name, input.rule_arn)?;
    let rule = SamplingRule {
        name,
        priority: input.priority,
        fixed_rate: input.fixed_rate,
        reservoir_size: input.reservoir_size,
        service_name: input.service_name,
        service_type: input.service_type,
        host: input.host,
        http_method: input.http_method,
        url_path: input.url_path,
        resource_arn: input.resource_arn,
        attributes: input.attributes.unwrap_or_default(),
        rate_boost: input.sampling_rate_boost.map(SamplingRateBoost::from),
        created_us: 0,
        modified_us: 0,
    };
    let rule = app.sampling.create(rule).await?;
    set_tags(app, Taggable::SamplingRule(rule.name.clone()), tags).await?;
    Ok(SamplingRuleRecordResult { sampling_rule_record: record(rule, &app.identity) })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateSamplingRule {
    sampling_rule_update: SamplingRuleUpdateInput,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SamplingRuleUpdateInput {
    rule_name: Option<String>,
    #[serde(rename = "RuleARN")]
    rule_arn: Option<String>,
    #[serde(rename = "ResourceARN")]
    resource_arn: Option<String>,
    priority: Option<i64>,
    fixed_rate: Option<f64>,
    reservoir_size: Option<i64>,
    host: Option<String>,
    service_name: Option<String>,
    service_type: Option<String>,
    #[serde(rename = "HTTPMethod")]
    http_method: Option<String>,
    #[serde(rename = "URLPath")]
    url_path: Option<String>,
    attributes: Option<BTreeMap<String, String>>,
    sampling_rate_boost: Option<RateBoost>,
}

pub(super) async fn update_sampling_rule(app: &App, input: UpdateSamplingRule) -> Result<SamplingRuleRecordResult, ApiError> {
    let input = input.sampling_rule_update;
    let name = rule_name(input.rule_name, input.rule_arn)?;
    let update = SamplingRuleUpdate {
        priority: input.priority,
        fixed_rate: input.fixed_rate,
        reservoir_size: input.reservoir_size,
        service_name: input.service_name,
        service_type: input.service_type,
        host: input.host,
        http_method: input.http_method,
        url_path: input.url_path,
        resource_arn: input.resource_arn,
        attributes: input.attributes,
        rate_boost: input.sampling_rate_boost.map(SamplingRateBoost::from),
    };
    let rule = app.sampling.update(&name, update).await?;
    Ok(SamplingRuleRecordResult { sampling_rule_record: record(rule, &app.identity) })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteSamplingRule {
    rule_name: Option<String>,
    #[serde(rename = "RuleARN")]
    rule_arn: Option<String>,
}

pub(super) async fn delete_sampling_rule(app: &App, input: DeleteSamplingRule) -> Result<SamplingRuleRecordResult, ApiError> {
    let name = rule_name(input.rule_name, input.rule_arn)?;
    let rule = app.sampling.delete(&name).await?;
    app.tags.forget(&Taggable::SamplingRule(name)).await?;
    Ok(SamplingRuleRecordResult { sampling_rule_record: record(rule, &app.identity) })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetSamplingTargets {
    sampling_statistics_documents: Vec<SamplingStatisticsInput>,
    /// Some clients send null.
    sampling_boost_statistics_documents: Option<Vec<BoostStatisticsInput>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SamplingStatisticsInput {
    rule_name: String,
    #[serde(rename = "ClientID")]
    client_id: String,
    timestamp: Moment,
    #[serde(default, deserialize_with = "count")]
    request_count: u64,
    /// The OpenTelemetry sampler for Python spells it `SampleCount`.
    #[serde(default, deserialize_with = "count", alias = "SampleCount")]
    sampled_count: u64,
    #[serde(default, deserialize_with = "count")]
    borrow_count: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BoostStatisticsInput {
    rule_name: String,
    service_name: String,
    timestamp: Moment,
    #[serde(default, deserialize_with = "count")]
    anomaly_count: u64,
    #[serde(default, deserialize_with = "count")]
    total_count: u64,
    #[serde(default, deserialize_with = "count")]
    sampled_anomaly_count: u64,
}

fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(Option::<u64>::deserialize(deserializer)?.unwrap_or(0))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetSamplingTargetsResult {
    sampling_target_documents: Vec<SamplingTargetDocument>,
    last_rule_modification: Moment,
    unprocessed_statistics: Vec<UnprocessedStatistics>,
    unprocessed_boost_statistics: Vec<UnprocessedStatistics>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SamplingTargetDocument {
    rule_name: String,
    fixed_rate: f64,
    reservoir_quota: i64,
    /// Whole seconds: the Node SDK takes no fraction.
    #[serde(rename = "ReservoirQuotaTTL")]
    reservoir_quota_ttl: i64,
    interval: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sampling_boost: Option<SamplingBoostOutput>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SamplingBoostOutput {
    boost_rate: f64,
    /// Whole seconds.
    #[serde(rename = "BoostRateTTL")]
    boost_rate_ttl: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UnprocessedStatistics {
    rule_name: String,
    error_code: &'static str,
    message: String,
}

pub(super) async fn get_sampling_targets(app: &App, input: GetSamplingTargets) -> Result<GetSamplingTargetsResult, ApiError> {
    let count = input.sampling_statistics_documents.len();
    if count > app.quotas.sampling_documents {
        return Err(ApiError::invalid(format!(
            "SamplingStatisticsDocuments has {count} documents, the limit is {}",
            app.quotas.sampling_documents
        )));
    }
    let boosts = input.sampling_boost_statistics_documents.unwrap_or_default();
    if boosts.len() > app.quotas.sampling_documents {
        return Err(ApiError::invalid(format!(
            "SamplingBoostStatisticsDocuments has {} documents, the limit is {}",
            boosts.len(),
            app.quotas.sampling_documents
        )));
    }
    let anomalies: Vec<BoostStatistics> = boosts
        .into_iter()
        .map(|report| BoostStatistics {
            rule_name: report.rule_name,
            service_name: report.service_name,
            timestamp_us: report.timestamp.0,
            anomaly_count: report.anomaly_count,
            total_count: report.total_count,
            sampled_anomaly_count: report.sampled_anomaly_count,
        })
        .collect();
    let reports: Vec<SamplingStatistics> = input
        .sampling_statistics_documents
        .into_iter()
        .map(|report| SamplingStatistics {
            rule_name: report.rule_name,
            client_id: report.client_id,
            timestamp_us: report.timestamp.0,
            request_count: report.request_count,
            sampled_count: report.sampled_count,
            borrow_count: report.borrow_count,
        })
        .collect();
    let answer = app.sampling.targets(&reports, &anomalies).await?;
    Ok(GetSamplingTargetsResult {
        sampling_target_documents: answer
            .targets
            .into_iter()
            .map(|target| SamplingTargetDocument {
                rule_name: target.rule_name,
                fixed_rate: target.fixed_rate,
                reservoir_quota: target.reservoir_quota,
                reservoir_quota_ttl: target.quota_until_us / 1_000_000,
                interval: target.interval_secs,
                sampling_boost: target
                    .boost
                    .map(|boost| SamplingBoostOutput { boost_rate: boost.rate, boost_rate_ttl: boost.until_us / 1_000_000 }),
            })
            .collect(),
        last_rule_modification: Moment(answer.rules_modified_us),
        unprocessed_statistics: unprocessed(answer.unprocessed),
        unprocessed_boost_statistics: unprocessed(answer.unprocessed_boosts),
    })
}

fn unprocessed(reports: Vec<(String, &'static str, String)>) -> Vec<UnprocessedStatistics> {
    let one = |(rule_name, error_code, message)| UnprocessedStatistics { rule_name, error_code, message };
    reports.into_iter().map(one).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetSamplingStatisticSummaries {
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetSamplingStatisticSummariesResult {
    sampling_statistic_summaries: Vec<SamplingStatisticSummary>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SamplingStatisticSummary {
    rule_name: String,
    timestamp: Moment,
    request_count: u64,
    borrow_count: u64,
    sampled_count: u64,
}

pub(super) async fn get_sampling_statistic_summaries(
    app: &App,
    input: GetSamplingStatisticSummaries,
) -> Result<GetSamplingStatisticSummariesResult, ApiError> {
    page::none(input.next_token.as_deref())?;
    let summary = |window: SamplingWindow| SamplingStatisticSummary {
        rule_name: window.rule_name,
        timestamp: Moment(window.start_us),
        request_count: window.request_count,
        borrow_count: window.borrow_count,
        sampled_count: window.sampled_count,
    };
    Ok(GetSamplingStatisticSummariesResult {
        sampling_statistic_summaries: app.sampling.windows().into_iter().map(summary).collect(),
    })
}

/// A rule is named by its name or its ARN, never by both.
fn rule_name(name: Option<String>, arn: Option<String>) -> Result<String, ApiError> {
    match (name, arn) {
        (Some(name), None) => Ok(name),
        (None, Some(arn)) => match arn.split_once(":sampling-rule/") {
            Some((head, name)) if head.starts_with("arn:") && head.contains(":xray:") => Ok(name.to_owned()),
            _ => Err(ApiError::invalid(format!("{arn} is not the ARN of a sampling rule"))),
        },
        (Some(_), Some(_)) => Err(ApiError::invalid("give RuleName or RuleARN, not both")),
        (None, None) => Err(ApiError::invalid("RuleName or RuleARN is missing")),
    }
}

/// The rule that an ARN of this account means, if it is one's.
pub(super) fn rule_of_arn(arn: &str, identity: &Identity) -> Option<String> {
    let tail = arn.strip_prefix(&format!("arn:aws:xray:{}:{}:sampling-rule/", identity.region, identity.account_id))?;
    Some(tail.to_owned())
}

fn record(rule: SamplingRule, identity: &Identity) -> SamplingRuleRecord {
    SamplingRuleRecord {
        created_at: Moment(rule.created_us),
        modified_at: Moment(rule.modified_us),
        sampling_rule: SamplingRuleOutput {
            rule_arn: format!("arn:aws:xray:{}:{}:sampling-rule/{}", identity.region, identity.account_id, rule.name),
            rule_name: rule.name,
            resource_arn: rule.resource_arn,
            priority: rule.priority,
            fixed_rate: rule.fixed_rate,
            reservoir_size: rule.reservoir_size,
            service_name: rule.service_name,
            service_type: rule.service_type,
            host: rule.host,
            http_method: rule.http_method,
            url_path: rule.url_path,
            version: 1,
            attributes: rule.attributes,
            sampling_rate_boost: rule
                .rate_boost
                .map(|boost| RateBoost { max_rate: boost.max_rate, cooldown_window_minutes: boost.cooldown_window_minutes }),
        },
    }
}
