//! Groups: filter expressions with a name.

use serde::{Deserialize, Serialize};

use crate::resource::Resource;

/// The group that every trace belongs to. It cannot be deleted, and has no expression.
pub const DEFAULT_GROUP: &str = "Default";

/// A group, as X-Ray defines it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub name: String,
    /// The end of its ARN: another group of the same name, later, has another. Empty for the default group.
    pub id: String,
    /// Its expressions, the newest last. Traces of before the first are tested by the first.
    pub versions: Vec<GroupVersion>,
    pub insights_enabled: bool,
    pub notifications_enabled: bool,
}

/// An expression, and from when on traces are tested by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupVersion {
    pub since_us: i64,
    /// None takes every trace.
    pub expression: Option<String>,
}

impl Group {
    pub fn default_group() -> Group {
        let versions = vec![GroupVersion { since_us: 0, expression: None }];
        Group {
            name: DEFAULT_GROUP.to_owned(),
            id: String::new(),
            versions,
            // Differs from AWS, where insights cost: it should notice by itself.
            insights_enabled: true,
            notifications_enabled: false,
        }
    }

    pub fn is_default(&self) -> bool {
        self.name == DEFAULT_GROUP
    }

    /// The expression that counts now.
    pub fn expression(&self) -> Option<&str> {
        self.versions.last()?.expression.as_deref()
    }

    /// Whether the expression changed between the two times.
    pub fn changed_within(&self, from_us: i64, to_us: i64) -> bool {
        self.versions.iter().skip(1).any(|version| from_us < version.since_us && version.since_us < to_us)
    }
}

impl Resource for Group {
    const KIND: &'static str = "group";

    fn key(&self) -> &str {
        &self.name
    }
}
