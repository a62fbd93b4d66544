//! Access keys, with which programs sign.

use serde::{Deserialize, Serialize};

use crate::principal::{Principal, Role};
use crate::resource::Resource;

/// A key, as AWS has them. The secret is kept as it is: who verifies a signature has to make the same one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    pub id: String,
    pub secret: String,
    /// Of temporary keys, which also end.
    pub session_token: Option<String>,
    pub expires_us: Option<i64>,
    /// What it is for, for people.
    pub name: String,
    pub account_id: String,
    pub role: Role,
    pub created_us: i64,
}

impl AccessKey {
    pub fn principal(&self) -> Principal {
        Principal { name: self.name.clone(), account_id: self.account_id.clone(), role: self.role }
    }

    /// The key as one text, for `Authorization: Bearer`.
    pub fn token(&self) -> String {
        format!("{}.{}", self.id, self.secret)
    }
}

/// Secrets stay out of logs.
impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl Resource for AccessKey {
    const KIND: &'static str = "access-key";

    fn key(&self) -> &str {
        &self.id
    }
}
