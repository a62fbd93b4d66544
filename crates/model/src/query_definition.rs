//! Queries of logs that people keep.

use serde::{Deserialize, Serialize};

use crate::resource::Resource;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryDefinition {
    pub id: String,
    /// With folders before slashes.
    pub name: String,
    pub text: String,
    pub language: String,
    pub groups: Vec<String>,
    pub parameters: Vec<QueryParameter>,
    pub modified_us: i64,
}

/// Something in a query that is said when it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryParameter {
    pub name: String,
    pub default: Option<String>,
    pub description: Option<String>,
}

impl Resource for QueryDefinition {
    const KIND: &'static str = "query_definition";

    fn key(&self) -> &str {
        &self.id
    }
}
