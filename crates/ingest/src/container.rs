//! What happens to containers.

use model::container::StateChange;

use crate::{Ingest, Result};

impl Ingest {
    /// Takes changes of state in. When this returns, they are durable.
    pub async fn state_changes(&self, mut changes: Vec<StateChange>) -> Result<()> {
        if let Some(owner) = &self.owner {
            changes.iter_mut().for_each(|change| change.owner = Some(owner.clone()));
        }
        Ok(self.store.append_state_changes(&changes).await?)
    }
}
