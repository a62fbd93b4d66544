//! Resource policies: kept, checked and told. Nothing is decided by them here; who may send is a matter of keys.

use model::setting::ResourcePolicy;
use serde::{Deserialize, Serialize};

use super::group::Nothing;
use crate::app::App;
use crate::error::ApiError;
use crate::page;
use crate::time::Moment;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResourcePolicyOutput {
    policy_name: String,
    policy_document: String,
    policy_revision_id: String,
    last_updated_time: Moment,
}

impl From<ResourcePolicy> for ResourcePolicyOutput {
    fn from(policy: ResourcePolicy) -> ResourcePolicyOutput {
        ResourcePolicyOutput {
            policy_name: policy.name,
            policy_document: policy.document,
            policy_revision_id: policy.revision.to_string(),
            last_updated_time: Moment(policy.updated_us),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutResourcePolicy {
    policy_name: String,
    policy_document: String,
    policy_revision_id: Option<String>,
    /// Nobody is locked out by a policy here.
    #[expect(dead_code, reason = "read so that its type is checked")]
    bypass_policy_lockout_check: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutResourcePolicyResult {
    resource_policy: ResourcePolicyOutput,
}

pub(super) async fn put_resource_policy(app: &App, input: PutResourcePolicy) -> Result<PutResourcePolicyResult, ApiError> {
    let revision = input.policy_revision_id.as_deref();
    let policy = app.policies.put(&input.policy_name, &input.policy_document, revision).await?;
    Ok(PutResourcePolicyResult { resource_policy: policy.into() })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteResourcePolicy {
    policy_name: String,
    policy_revision_id: Option<String>,
}

pub(super) async fn delete_resource_policy(app: &App, input: DeleteResourcePolicy) -> Result<Nothing, ApiError> {
    app.policies.delete(&input.policy_name, input.policy_revision_id.as_deref()).await?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListResourcePolicies {
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListResourcePoliciesResult {
    resource_policies: Vec<ResourcePolicyOutput>,
}

pub(super) async fn list_resource_policies(app: &App, input: ListResourcePolicies) -> Result<ListResourcePoliciesResult, ApiError> {
    page::none(input.next_token.as_deref())?;
    let policies = app.policies.list().await?;
    Ok(ListResourcePoliciesResult { resource_policies: policies.into_iter().map(ResourcePolicyOutput::from).collect() })
}
