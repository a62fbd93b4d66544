//! Dashboards: what is drawn where, as people made it.

use serde::{Deserialize, Serialize};

use crate::resource::Resource;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dashboard {
    pub name: String,
    /// JSON, in CloudWatch's form.
    pub body: String,
    pub modified_us: i64,
}

impl Resource for Dashboard {
    const KIND: &'static str = "dashboard";

    fn key(&self) -> &str {
        &self.name
    }
}
