//! People who sign in to the console, and their sessions.

use serde::{Deserialize, Serialize};

use crate::principal::{Principal, Role};
use crate::resource::Resource;

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub name: String,
    /// In PHC's form, which says how it was made.
    pub password_hash: String,
    pub account_id: String,
    pub role: Role,
    pub created_us: i64,
}

impl User {
    pub fn principal(&self) -> Principal {
        Principal { name: self.name.clone(), account_id: self.account_id.clone(), role: self.role }
    }
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

impl Resource for User {
    const KIND: &'static str = "user";

    fn key(&self) -> &str {
        &self.name
    }
}

/// A sign-in that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The hash of the token that the browser has: who reads this has no token.
    pub token_hash: String,
    pub user: String,
    /// Of the password with which it began: another one ends it.
    pub password_tag: String,
    pub expires_us: i64,
}

impl Resource for Session {
    const KIND: &'static str = "session";

    fn key(&self) -> &str {
        &self.token_hash
    }
}
