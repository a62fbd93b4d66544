//! What an account sets about itself as a whole.

use std::sync::Arc;

use model::Clock;
use model::setting::{Destination, Encryption, Indexing, StatusPage};
use store::Catalog;

use crate::{Error, Result};

/// How long a change is told to be under way, as clients that poll for its end expect.
const CHANGE_US: i64 = 1_000_000;

/// The settings. Cheap to clone.
#[derive(Clone)]
pub struct Settings {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
}

impl Settings {
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>) -> Settings {
        Settings { catalog, clock }
    }

    /// With whether it is in force.
    pub async fn encryption(&self) -> Result<(Encryption, bool)> {
        let encryption: Encryption = self.catalog.resource("").await?.unwrap_or_default();
        let active = self.in_force(encryption.changed_us);
        Ok((encryption, active))
    }

    pub async fn put_encryption(&self, key_id: Option<String>) -> Result<(Encryption, bool)> {
        let (known, _) = self.encryption().await?;
        if known.key_id != key_id {
            self.catalog.put_resource(&Encryption { key_id, changed_us: self.clock.now_us() }).await?;
        }
        self.encryption().await
    }

    /// With whether it is in force.
    pub async fn destination(&self) -> Result<(Destination, bool)> {
        let destination: Destination = self.catalog.resource("").await?.unwrap_or_default();
        let active = self.in_force(destination.changed_us);
        Ok((destination, active))
    }

    pub async fn put_destination(&self, to_logs: bool) -> Result<(Destination, bool)> {
        let (known, _) = self.destination().await?;
        if known.to_logs != to_logs {
            self.catalog.put_resource(&Destination { to_logs, changed_us: self.clock.now_us() }).await?;
        }
        self.destination().await
    }

    pub async fn indexing(&self) -> Result<Indexing> {
        Ok(self.catalog.resource("").await?.unwrap_or_default())
    }

    pub async fn put_indexing(&self, percentage: f64) -> Result<Indexing> {
        if !(0.0..=100.0).contains(&percentage) {
            return Err(Error::Invalid(format!("DesiredSamplingPercentage is {percentage}, it must be from 0 to 100")));
        }
        let indexing = Indexing { percentage, modified_us: self.clock.now_us() };
        self.catalog.put_resource(&indexing).await?;
        Ok(indexing)
    }

    pub async fn status_page(&self) -> Result<StatusPage> {
        Ok(self.catalog.resource("").await?.unwrap_or_default())
    }

    pub async fn put_status_page(&self, page: &StatusPage) -> Result<()> {
        Ok(self.catalog.put_resource(page).await?)
    }

    fn in_force(&self, changed_us: i64) -> bool {
        self.clock.now_us() >= changed_us.saturating_add(CHANGE_US)
    }
}
