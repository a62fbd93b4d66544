//! Who asks, and what they may do.

use serde::{Deserialize, Serialize};

/// Someone who asks: the owner of a key, a user who signed in, or whoever is on this machine where nobody has to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub name: String,
    pub account_id: String,
    pub role: Role,
}

/// What a key or a user is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Admin,
    /// Sees all and changes nothing.
    Read,
    /// Sends, asks for sampling rules, and sees nothing.
    Write,
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Brings segments, spans, telemetry.
    Send,
    /// Asks what is to be sampled, as those who send and those who look do.
    Poll,
    Read,
    /// Edits groups, rules, settings.
    Change,
}

impl Role {
    pub fn may(self, action: Action) -> bool {
        match self {
            Role::Admin => true,
            Role::Read => matches!(action, Action::Read | Action::Poll),
            Role::Write => matches!(action, Action::Send | Action::Poll),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Read => "read",
            Role::Write => "write",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Role, String> {
        let roles = [Role::Admin, Role::Read, Role::Write];
        roles
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| format!("{text:?} is no role; there are admin, read and write"))
    }
}
