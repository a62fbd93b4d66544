//! Subscription filters: where log events go on to.

use serde::{Deserialize, Serialize};

use crate::log::{EventNumber, in_group};
use crate::resource::Resource;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubscriptionFilter {
    /// Its group and its name: see [`in_group`].
    pub key: String,
    /// A filter pattern.
    pub pattern: String,
    /// As it was given: the ARN of a log group, or the address of a webhook or of an OTLP endpoint.
    pub destination: String,
    /// Kept as it was told.
    pub role_arn: Option<String>,
    pub distribution: String,
    pub created_us: i64,
    /// Events from there on go on.
    pub since: EventNumber,
}

/// How far a subscription is. Kept apart, because it changes all the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionProgress {
    /// That of the filter.
    pub key: String,
    /// When that was made of which it is the progress: another of the same name begins anew.
    pub created_us: i64,
    /// Everything before it was delivered.
    pub next: EventNumber,
}

impl SubscriptionFilter {
    pub fn group(&self) -> &str {
        in_group::group(&self.key)
    }

    pub fn name(&self) -> &str {
        in_group::name(&self.key)
    }
}

impl Resource for SubscriptionFilter {
    const KIND: &'static str = "subscription_filter";

    fn key(&self) -> &str {
        &self.key
    }
}

impl Resource for SubscriptionProgress {
    const KIND: &'static str = "subscription_progress";

    fn key(&self) -> &str {
        &self.key
    }
}
