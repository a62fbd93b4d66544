//! Insights: found by looking at every minute of the groups that want them, and kept.

use std::sync::Arc;
use std::time::Duration;

use model::group::Group;
use model::insight::{Impact, Insight};
use model::minute::minute_of;
use model::quota::Quotas;
use model::resource::Resource;
use model::service::ServiceId;
use model::{Clock, TimeRange, limit};
use query::Query;
use query::filter::{self, Expression};
use query::insight::FaultMinute;
use serde::{Deserialize, Serialize};
use store::Catalog;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::group::{GroupRef, Groups};
use crate::{Error, Result};

mod detector;

use detector::Detector;

/// How long after its end a minute is looked at: by then calls whose callee may yet report itself are decided, and most of what
/// was slow has arrived.
const SETTLE_US: i64 = (limit::TRACED_GRACE_SECS + 5) * 1_000_000;
/// Minutes that are looked at again after a pause. Longer ones are left out, as they are long over.
const CATCH_UP_MINUTES: i64 = 60;
/// How often it is seen whether a minute is ready.
const TICK: Duration = Duration::from_secs(5);

/// The insights. Cheap to clone.
#[derive(Clone)]
pub struct Insights {
    catalog: Catalog,
    query: Query,
    groups: Groups,
    clock: Arc<dyn Clock>,
    quotas: Arc<Quotas>,
    /// One look at a time.
    looking: Arc<tokio::sync::Mutex<()>>,
}

/// What is known of a group's usual faults, as it is kept.
#[derive(Serialize, Deserialize)]
struct GroupWatch {
    group: String,
    detector: Detector,
}

impl Resource for GroupWatch {
    const KIND: &'static str = "group-watch";

    fn key(&self) -> &str {
        &self.group
    }
}

/// Looks at every minute once it has settled, for all accounts that there are by then, until told to stop.
pub async fn run(of_all: impl Fn() -> Vec<Insights>, mut stop: watch::Receiver<bool>) {
    let mut failed = false;
    loop {
        let mut failure = None;
        for insights in of_all() {
            failure = insights.look().await.err().or(failure);
        }
        // Once, not every few seconds.
        if let Some(err) = failure.as_ref().filter(|_| !failed) {
            warn!(error = %err, "cannot look for insights");
        }
        failed = failure.is_some();
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

/// Which insights are asked for.
#[derive(Debug, Clone)]
pub struct InsightQuery {
    pub group: GroupRef,
    pub range: TimeRange,
    /// None: both active and closed ones.
    pub active: Option<bool>,
}

impl Insights {
    pub fn new(catalog: Catalog, query: Query, groups: Groups, clock: Arc<dyn Clock>, quotas: Arc<Quotas>) -> Insights {
        Insights { catalog, query, groups, clock, quotas, looking: Arc::default() }
    }

    /// Looks at the minutes that have settled and were not looked at yet.
    pub async fn look(&self) -> Result<()> {
        let _looking = self.looking.lock().await;
        let last = minute_of(self.clock.now_us() - SETTLE_US) - 1;
        let groups = self.groups.list().await?;
        let mut watches: Vec<GroupWatch> = self.catalog.resources().await?;
        for group in &groups {
            let key = watch_key(group);
            let place = watches.iter().position(|watch| watch.group == key);
            let known = place.map(|place| watches.swap_remove(place).detector);
            if group.insights_enabled {
                self.look_at(group, key, known.unwrap_or_default(), last).await?;
            } else if known.is_some() {
                self.forget(&key).await?;
            }
        }
        // Groups that are gone, or have another expression since.
        for watch in watches {
            self.forget(&watch.group).await?;
        }
        self.drop_old().await
    }

    async fn look_at(&self, group: &Group, key: String, mut detector: Detector, last: i64) -> Result<()> {
        let first = detector.next.unwrap_or(i64::MIN).max(last + 1 - CATCH_UP_MINUTES);
        if first > last {
            return Ok(());
        }
        let mut active = self.of_group(group).await?;
        active.retain(Insight::is_active);
        let expression = filter::group_expression(group);
        if detector.next == Some(first) && first == last {
            detector.correct(self.minute(first - 1, &expression).await?);
        }
        for minute in first..=last {
            let minute = self.minute(minute, &expression).await?;
            let changed = detector.take(minute, active.clone(), || blank(group));
            for insight in changed {
                self.tell(&insight);
                self.catalog.put_resource(&insight).await?;
                active.retain(|known| known.id != insight.id);
                active.extend(insight.is_active().then_some(insight));
            }
        }
        Ok(self.catalog.put_resource(&GroupWatch { group: key, detector }).await?)
    }

    async fn minute(&self, minute: i64, expression: &Expression) -> Result<FaultMinute> {
        let (query, expression) = (self.query.clone(), expression.clone());
        let found = tokio::task::spawn_blocking(move || query.fault_minute(minute, &expression)).await;
        Ok(found.map_err(|err| Error::Unexpected(err.to_string()))??)
    }

    fn tell(&self, insight: &Insight) {
        if let Some(event) = insight.events.last().filter(|event| event.time_us == insight.updated_us) {
            info!(group = insight.group_name, insight = insight.id, "insight: {}", event.summary);
        }
    }

    /// The baselines of a group are gone, and what goes on is over: nobody looks at it any more.
    async fn forget(&self, key: &str) -> Result<()> {
        self.catalog.delete_resource::<GroupWatch>(key).await?;
        let now_us = self.clock.now_us();
        for mut insight in self.catalog.resources::<Insight>().await? {
            if insight.is_active() && key.starts_with(&group_key(&insight.group_name, &insight.group_id)) {
                insight.end_us = Some(insight.updated_us);
                insight.updated_us = now_us;
                self.catalog.put_resource(&insight).await?;
            }
        }
        Ok(())
    }

    async fn drop_old(&self) -> Result<()> {
        if self.quotas.lenient {
            return Ok(());
        }
        let oldest_us = self.clock.now_us().saturating_sub(self.quotas.insight_days.saturating_mul(86_400_000_000));
        for insight in self.catalog.resources::<Insight>().await? {
            if insight.end_us.is_some_and(|end_us| end_us < oldest_us) {
                self.catalog.delete_resource::<Insight>(&insight.id).await?;
            }
        }
        Ok(())
    }

    async fn of_group(&self, group: &Group) -> Result<Vec<Insight>> {
        let mut insights: Vec<Insight> = self.catalog.resources().await?;
        insights.retain(|insight| insight.group_name == group.name && insight.group_id == group.id);
        Ok(insights)
    }

    /// A group's insights, the newest first.
    pub async fn list(&self, query: &InsightQuery) -> Result<Vec<Insight>> {
        let group = self.groups.get(&query.group).await?;
        let mut insights = self.of_group(&group).await?;
        insights.retain(|insight| {
            insight.overlaps(query.range.start_us, query.range.end_us)
                && query.active.is_none_or(|active| active == insight.is_active())
        });
        insights.sort_by(|a, b| b.start_us.cmp(&a.start_us).then_with(|| a.id.cmp(&b.id)));
        Ok(insights)
    }

    pub async fn get(&self, id: &str) -> Result<Insight> {
        let insight = self.catalog.resource(&id.to_ascii_lowercase()).await?;
        insight.ok_or_else(|| Error::NotFound(format!("there is no insight {id}")))
    }

    /// Which traces an insight is about.
    pub async fn expression(&self, insight: &Insight) -> Result<Expression> {
        let group = GroupRef::Exactly(insight.group_name.clone(), insight.group_id.clone());
        Ok(filter::group_expression(&self.groups.get(&group).await?))
    }
}

fn group_key(name: &str, id: &str) -> String {
    format!("{name}/{id}/")
}

/// Another expression is another group to look at.
fn watch_key(group: &Group) -> String {
    let since_us = group.versions.last().map_or(0, |version| version.since_us);
    format!("{}{since_us}", group_key(&group.name, &group.id))
}

fn blank(group: &Group) -> Insight {
    Insight {
        id: uuid::Uuid::new_v4().to_string(),
        group_name: group.name.clone(),
        group_id: group.id.clone(),
        root_cause: ServiceId { name: "".into(), kind: None, account_id: None },
        services: Vec::new(),
        start_us: 0,
        end_us: None,
        updated_us: 0,
        clients: Impact::default(),
        root_cause_impact: Impact::default(),
        usual_rate: 0.0,
        events: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
