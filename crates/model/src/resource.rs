//! What people edit, and what is kept of it.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Something small that is kept as a whole under a key: a group, a policy, a setting.
pub trait Resource: Serialize + DeserializeOwned {
    /// What it is, in the catalog. Never changes: data that is kept has it.
    const KIND: &'static str;

    /// Which one it is among those of its kind.
    fn key(&self) -> &str;
}
