//! Anomaly detectors of an account: how what is usual of some metrics is learned.

use model::anomaly_detector::{AnomalyDetector, Detected, Training};
use store::Catalog;

use crate::{Error, Result};

/// Detectors of an account.
const DETECTORS_MAX: usize = 10_000;
/// Times of which nothing is learned, of one detector (AWS).
const EXCLUDED_MAX: usize = 20;

/// Cheap to clone.
#[derive(Clone)]
pub struct AnomalyDetectors {
    catalog: Catalog,
    change: std::sync::Arc<tokio::sync::Mutex<()>>,
}

impl AnomalyDetectors {
    pub fn new(catalog: Catalog) -> AnomalyDetectors {
        AnomalyDetectors { catalog, change: Default::default() }
    }

    pub async fn list(&self) -> Result<Vec<AnomalyDetector>> {
        Ok(self.catalog.resources().await?)
    }

    /// Keeps it, in the place of one of the same.
    pub async fn put(&self, of: Detected, training: Training) -> Result<AnomalyDetector> {
        let _change = self.change.lock().await;
        if training.excluded.len() > EXCLUDED_MAX {
            return Err(Error::Invalid(format!("ExcludedTimeRanges can have at most {EXCLUDED_MAX} ranges")));
        }
        if training.excluded.iter().any(|(from, to)| from >= to) {
            return Err(Error::Invalid("the StartTime of an excluded time range is before its EndTime".to_owned()));
        }
        if let Some(zone) = &training.time_zone
            && !query::metric::is_time_zone(zone)
        {
            return Err(Error::Invalid(format!("MetricTimezone {zone:?} is no time zone, such as UTC or Asia/Tokyo")));
        }
        let known = self.list().await?;
        let same = known.iter().find(|known| known.of == of).map(|known| known.id.clone());
        if same.is_none() && known.len() >= DETECTORS_MAX {
            return Err(Error::LimitExceeded(format!("there are {DETECTORS_MAX} anomaly detectors, the limit")));
        }
        let id = same.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let detector = AnomalyDetector { id, of, training };
        self.catalog.put_resource(&detector).await?;
        Ok(detector)
    }

    /// Those that are meant: by id, or by what they are of.
    pub async fn delete(&self, is_meant: impl Fn(&AnomalyDetector) -> bool) -> Result<()> {
        let _change = self.change.lock().await;
        let meant: Vec<AnomalyDetector> = self.list().await?.into_iter().filter(|known| is_meant(known)).collect();
        if meant.is_empty() {
            return Err(Error::NoResource("The anomaly detector does not exist".to_owned()));
        }
        for detector in meant {
            self.catalog.delete_resource::<AnomalyDetector>(&detector.id).await?;
        }
        Ok(())
    }
}
