//! What an account sets: encryption, where segments go, how much is indexed.
//!
//! Differs from AWS: nothing is encrypted with a key of KMS, everything is indexed, and spans are kept whichever destination is set. The settings are
//! kept and told, so that tools that set them find what they set.

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::error::ApiError;
use crate::page;
use crate::time::Moment;

#[derive(Deserialize)]
pub(super) struct NoInput {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EncryptionResult {
    encryption_config: EncryptionConfig,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EncryptionConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    status: &'static str,
    r#type: &'static str,
}

fn encryption((encryption, active): (model::setting::Encryption, bool)) -> EncryptionResult {
    EncryptionResult {
        encryption_config: EncryptionConfig {
            r#type: if encryption.key_id.is_some() { "KMS" } else { "NONE" },
            key_id: encryption.key_id,
            status: if active { "ACTIVE" } else { "UPDATING" },
        },
    }
}

pub(super) async fn get_encryption_config(app: &App, _: NoInput) -> Result<EncryptionResult, ApiError> {
    Ok(encryption(app.settings.encryption().await?))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutEncryptionConfig {
    key_id: Option<String>,
    r#type: String,
}

pub(super) async fn put_encryption_config(app: &App, input: PutEncryptionConfig) -> Result<EncryptionResult, ApiError> {
    let key_id = match (input.r#type.as_str(), input.key_id) {
        ("NONE", None) => None,
        ("NONE", Some(_)) => return Err(ApiError::invalid("Type NONE takes no KeyId")),
        ("KMS", Some(id)) if !id.is_empty() && id.chars().count() <= 3_000 => Some(id),
        ("KMS", _) => return Err(ApiError::invalid("Type KMS needs a KeyId of 1 to 3000 characters")),
        (other, _) => return Err(ApiError::invalid(format!("Type {other:?} is neither NONE nor KMS"))),
    };
    Ok(encryption(app.settings.put_encryption(key_id).await?))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DestinationResult {
    destination: &'static str,
    status: &'static str,
}

fn destination((destination, active): (model::setting::Destination, bool)) -> DestinationResult {
    DestinationResult {
        destination: if destination.to_logs { "CloudWatchLogs" } else { "XRay" },
        status: if active { "ACTIVE" } else { "PENDING" },
    }
}

pub(super) async fn get_trace_segment_destination(app: &App, _: NoInput) -> Result<DestinationResult, ApiError> {
    Ok(destination(app.settings.destination().await?))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateTraceSegmentDestination {
    destination: Option<String>,
}

pub(super) async fn update_trace_segment_destination(
    app: &App,
    input: UpdateTraceSegmentDestination,
) -> Result<DestinationResult, ApiError> {
    let to_logs = match input.destination.as_deref() {
        Some("XRay") => false,
        Some("CloudWatchLogs") => true,
        Some(other) => return Err(ApiError::invalid(format!("Destination {other:?} is neither XRay nor CloudWatchLogs"))),
        None => return Ok(destination(app.settings.destination().await?)),
    };
    Ok(destination(app.settings.put_destination(to_logs).await?))
}

/// The one indexing rule there is.
const INDEXING_RULE: &str = "Default";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct IndexingRule {
    name: &'static str,
    modified_at: Moment,
    rule: IndexingRuleValue,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct IndexingRuleValue {
    probabilistic: Probabilistic,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Probabilistic {
    desired_sampling_percentage: f64,
    actual_sampling_percentage: f64,
}

fn indexing_rule(indexing: &model::setting::Indexing) -> IndexingRule {
    let probabilistic = Probabilistic {
        desired_sampling_percentage: indexing.percentage,
        // Whatever is wished for, nothing is left out.
        actual_sampling_percentage: 100.0,
    };
    IndexingRule { name: INDEXING_RULE, modified_at: Moment(indexing.modified_us), rule: IndexingRuleValue { probabilistic } }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetIndexingRules {
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetIndexingRulesResult {
    indexing_rules: Vec<IndexingRule>,
}

pub(super) async fn get_indexing_rules(app: &App, input: GetIndexingRules) -> Result<GetIndexingRulesResult, ApiError> {
    page::none(input.next_token.as_deref())?;
    Ok(GetIndexingRulesResult { indexing_rules: vec![indexing_rule(&app.settings.indexing().await?)] })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateIndexingRule {
    name: String,
    rule: RuleUpdate,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RuleUpdate {
    probabilistic: Option<ProbabilisticUpdate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProbabilisticUpdate {
    desired_sampling_percentage: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateIndexingRuleResult {
    indexing_rule: IndexingRule,
}

pub(super) async fn update_indexing_rule(app: &App, input: UpdateIndexingRule) -> Result<UpdateIndexingRuleResult, ApiError> {
    if input.name != INDEXING_RULE {
        return Err(ApiError::no_resource(format!("there is no indexing rule named {}", input.name)).naming(&input.name));
    }
    let Some(probabilistic) = input.rule.probabilistic else {
        return Err(ApiError::invalid("Rule has no member; Probabilistic is the one there is"));
    };
    let indexing = app.settings.put_indexing(probabilistic.desired_sampling_percentage).await?;
    Ok(UpdateIndexingRuleResult { indexing_rule: indexing_rule(&indexing) })
}
