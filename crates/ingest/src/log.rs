//! Log events.

use model::log::{EventNumber, LogEvent};

use crate::{Ingest, Result};

impl Ingest {
    /// Keeps events, all or none, and says in which order they came.
    pub async fn log_events(&self, events: &mut [LogEvent]) -> Result<()> {
        let numbers = self.store.begin_events(events.len());
        for (number, event) in (numbers.first.0..).zip(events.iter_mut()) {
            event.number = EventNumber(number);
        }
        self.store.append_log_events(events).await?;
        Ok(())
    }
}
