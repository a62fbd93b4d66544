//! Lookup tables: what queries of logs can look up.

use serde::{Deserialize, Serialize};

use crate::resource::Resource;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupTable {
    pub name: String,
    pub description: Option<String>,
    /// Comma-separated values, the names of the columns first.
    pub body: String,
    pub columns: Vec<String>,
    pub rows: usize,
    pub kms_key: Option<String>,
    pub created_us: i64,
    pub modified_us: i64,
}

impl Resource for LookupTable {
    const KIND: &'static str = "lookup_table";

    fn key(&self) -> &str {
        &self.name
    }
}
