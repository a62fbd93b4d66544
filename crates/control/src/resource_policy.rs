//! Resource policies: kept, checked for their form, and told. Who may send is decided by keys.

use std::sync::Arc;

use model::Clock;
use model::quota::Quotas;
use model::setting::ResourcePolicy;
use serde_json::Value;
use store::Catalog;

use crate::{Error, Result};

/// The revision that says: make it, and do not replace one.
const NEW: &str = "0";

/// The policies. Cheap to clone.
#[derive(Clone)]
pub struct ResourcePolicies {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    quotas: Arc<Quotas>,
    change: Arc<tokio::sync::Mutex<()>>,
}

impl ResourcePolicies {
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>, quotas: Arc<Quotas>) -> ResourcePolicies {
        ResourcePolicies { catalog, clock, quotas, change: Arc::default() }
    }

    /// All policies, by name.
    pub async fn list(&self) -> Result<Vec<ResourcePolicy>> {
        Ok(self.catalog.resources().await?)
    }

    /// Makes the policy or replaces the one of its name; with a revision only if that is the one there is.
    pub async fn put(&self, name: &str, document: &str, revision: Option<&str>) -> Result<ResourcePolicy> {
        let _change = self.change.lock().await;
        check_name(name)?;
        if document.len() > self.quotas.resource_policy_bytes {
            let message = format!("the policy has {} bytes, the limit is {}", document.len(), self.quotas.resource_policy_bytes);
            return Err(Error::PolicySizeLimitExceeded(message));
        }
        check_document(document)?;
        let policies = self.list().await?;
        let known = policies.iter().find(|policy| policy.name == name);
        check_revision(known, revision)?;
        if known.is_none() && policies.len() >= self.quotas.resource_policies {
            let message = format!("there are {} resource policies, the limit", self.quotas.resource_policies);
            return Err(Error::PolicyCountLimitExceeded(message));
        }
        let policy = ResourcePolicy {
            name: name.to_owned(),
            document: document.to_owned(),
            revision: known.map_or(1, |known| known.revision + 1),
            updated_us: self.clock.now_us(),
        };
        self.catalog.put_resource(&policy).await?;
        Ok(policy)
    }

    /// Deletes the policy, if there is one.
    pub async fn delete(&self, name: &str, revision: Option<&str>) -> Result<()> {
        let _change = self.change.lock().await;
        check_name(name)?;
        let known: Option<ResourcePolicy> = self.catalog.resource(name).await?;
        let Some(known) = known else { return Ok(()) };
        check_revision(Some(&known), revision)?;
        self.catalog.delete_resource::<ResourcePolicy>(name).await?;
        Ok(())
    }
}

fn check_revision(known: Option<&ResourcePolicy>, revision: Option<&str>) -> Result<()> {
    let there_is = known.map_or(NEW.to_owned(), |known| known.revision.to_string());
    match revision {
        Some(revision) if revision != there_is => Err(Error::InvalidPolicyRevisionId(match known {
            Some(known) => format!("the policy {} has the revision {there_is}, not {revision}", known.name),
            None => format!("there is no policy of this name, so that it has no revision {revision}; 0 makes a new one"),
        })),
        _ => Ok(()),
    }
}

fn check_name(name: &str) -> Result<()> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(allowed) {
        return Err(Error::Invalid(format!("PolicyName {name:?} must have from 1 to 128 letters, digits and _ + = , . @ -")));
    }
    Ok(())
}

/// IAM's grammar, as far as X-Ray's policies need it: statements with an effect, a principal and actions.
fn check_document(document: &str) -> Result<()> {
    let malformed = |why: String| Err(Error::MalformedPolicyDocument(why));
    let value: Value = match serde_json::from_str(document) {
        Ok(value) => value,
        Err(err) => return malformed(format!("the policy is not JSON: {err}")),
    };
    let statements = match &value["Statement"] {
        Value::Array(statements) if !statements.is_empty() => statements.as_slice(),
        statement @ Value::Object(_) => std::slice::from_ref(statement),
        _ => return malformed("the policy has no Statement".to_owned()),
    };
    for (number, statement) in statements.iter().enumerate() {
        let is_set = |member: &str| matches!(&statement[member], Value::String(_) | Value::Array(_) | Value::Object(_));
        if !matches!(statement["Effect"].as_str(), Some("Allow" | "Deny")) {
            return malformed(format!("statement {} has neither the effect Allow nor Deny", number + 1));
        }
        if !is_set("Action") && !is_set("NotAction") {
            return malformed(format!("statement {} has no Action", number + 1));
        }
        if !is_set("Principal") && !is_set("NotPrincipal") {
            return malformed(format!("statement {} has no Principal", number + 1));
        }
    }
    Ok(())
}
