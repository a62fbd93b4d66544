//! Whose something is.

use std::collections::BTreeSet;

use compact_str::{CompactString, format_compact};
use serde::{Deserialize, Serialize};

/// An account other than the server's own, and the region it sent to. Written `account/region`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owner(CompactString);

impl Owner {
    pub fn new(account_id: &str, region: &str) -> Owner {
        Owner(format_compact!("{account_id}/{region}"))
    }

    /// As it was written.
    pub fn of_text(text: &str) -> Owner {
        Owner(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn account_id(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(account_id, _)| account_id)
    }

    pub fn region(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, region)| region)
    }
}

/// Which accounts' documents someone may see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scope {
    /// All there are.
    #[default]
    Everything,
    Accounts {
        /// The server's own is one of them.
        own: bool,
        others: BTreeSet<String>,
    },
}

impl Scope {
    /// Whether what this owner sent may be seen; none is the server's own account.
    pub fn has(&self, owner: Option<&Owner>) -> bool {
        match (self, owner) {
            (Scope::Everything, _) => true,
            (Scope::Accounts { own, .. }, None) => *own,
            (Scope::Accounts { others, .. }, Some(owner)) => others.contains(owner.account_id()),
        }
    }
}
