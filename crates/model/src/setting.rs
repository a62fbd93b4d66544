//! What an account sets about its traces as a whole, and what it ties to resources: policies and tags.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::resource::Resource;

/// With which key AWS would encrypt traces. Kept and told; here the disk is the operator's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Encryption {
    /// None: with AWS's own.
    pub key_id: Option<String>,
    pub changed_us: i64,
}

/// Where segments go: to X-Ray, or as spans to a log group too.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Destination {
    pub to_logs: bool,
    pub changed_us: i64,
}

/// Which share of spans becomes traces that can be searched for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Indexing {
    pub percentage: f64,
    pub modified_us: i64,
}

impl Default for Indexing {
    fn default() -> Indexing {
        Indexing { percentage: 100.0, modified_us: 0 }
    }
}

/// Who else may send, in the words of IAM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourcePolicy {
    pub name: String,
    pub document: String,
    pub revision: u64,
    pub updated_us: i64,
}

/// Keys and values that people put on what they made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tags {
    /// As `group/<name>` or `alarm/<name>`.
    pub resource: String,
    pub tags: BTreeMap<String, String>,
}

/// A page about how things are, for everybody.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StatusPage {
    pub is_enabled: bool,
    pub title: String,
    pub description: String,
    /// Names of what is told of.
    pub canaries: Vec<String>,
    pub alarms: Vec<String>,
}

/// Of what there is one, the key says nothing.
macro_rules! only_one {
    ($($name:ident $kind:literal),*) => {
        $(impl Resource for $name {
            const KIND: &'static str = $kind;

            fn key(&self) -> &str {
                ""
            }
        })*
    };
}
only_one!(Encryption "encryption", Destination "destination", Indexing "indexing", StatusPage "status_page");

impl Resource for ResourcePolicy {
    const KIND: &'static str = "resource_policy";

    fn key(&self) -> &str {
        &self.name
    }
}

impl Resource for Tags {
    const KIND: &'static str = "tags";

    fn key(&self) -> &str {
        &self.resource
    }
}
