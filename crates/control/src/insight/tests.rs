use model::service::ServiceId;
use serde_json::json;
use store::{NewDocument, Store, StoreOptions};

use testkit::{ManualClock, segment_id, trace_id};

use super::*;
use crate::group::GroupChange;

const NOW_SECS: i64 = 1_795_000_020;

struct World {
    insights: Insights,
    groups: Groups,
    store: Store,
    clock: ManualClock,
    number: u128,
}

async fn world(dir: &std::path::Path, clock: &ManualClock) -> World {
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let store = Store::open(StoreOptions::new(dir), shared.clone()).await.unwrap();
    let groups = Groups::new(store.catalog().clone(), shared.clone(), Arc::default());
    let query = Query::new(store.clone(), shared.clone());
    let insights = Insights::new(store.catalog().clone(), query, groups.clone(), shared, Arc::default());
    World { insights, groups, store, clock: clock.clone(), number: 0 }
}

impl World {
    /// A minute passes, in which `faults` of 60 requests to a table of the back end fail; then it is looked at.
    async fn minute(&mut self, faults: usize) {
        let start_secs = self.clock.now_us() / 1_000_000;
        let documents = (0..60).flat_map(|n| {
            self.number += 1;
            let id = trace_id((start_secs + n as i64) as u32, self.number);
            let at = (start_secs + n as i64) as f64;
            let fault = n < faults;
            let front = json!({"trace_id": id, "id": segment_id(1), "name": "front", "start_time": at, "end_time": at + 0.3,
                "fault": fault, "subsegments": [{"id": segment_id(2), "name": "back", "namespace": "remote",
                "start_time": at, "end_time": at + 0.2, "fault": fault}]});
            let back = json!({"trace_id": id, "id": segment_id(3), "parent_id": segment_id(2), "name": "back",
                "start_time": at, "end_time": at + 0.2, "fault": fault, "user": if n % 2 == 0 { "even" } else { "odd" }});
            [(id.clone(), front), (id, back)]
        });
        let documents: Vec<NewDocument> = documents
            .map(|(id, value)| NewDocument { trace_id: id.parse().unwrap(), raw: value.to_string().into_bytes().into() })
            .collect();
        self.store.append(documents).await.unwrap();
        self.clock.advance_secs(60);
        self.insights.look().await.unwrap();
    }

    async fn all(&self, group: &str) -> Vec<Insight> {
        let range = TimeRange { start_us: 0, end_us: i64::MAX };
        self.insights.list(&InsightQuery { group: GroupRef::Name(group.to_owned()), range, active: None }).await.unwrap()
    }
}

#[tokio::test]
async fn an_insight_begins_survives_a_restart_and_ends() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at_secs(NOW_SECS);
    let mut world = self::world(dir.path(), &clock).await;
    for _ in 0..15 {
        world.minute(0).await;
    }
    assert!(world.all("Default").await.is_empty());
    for _ in 0..4 {
        world.minute(30).await;
    }
    let found = world.all("Default").await;
    let [insight] = &found[..] else { panic!("{found:?}") };
    assert!(insight.is_active());
    assert_eq!(insight.root_cause, ServiceId { name: "back".into(), kind: None, account_id: None });
    assert_eq!(insight.services.len(), 2);
    world.store.close().await.unwrap();
    drop(world);
    // Some minutes during which no server runs.
    clock.advance_secs(180);
    let mut world = self::world(dir.path(), &clock).await;
    world.number = 1_000_000;
    world.insights.look().await.unwrap();
    for _ in 0..8 {
        world.minute(0).await;
    }
    let found = world.all("Default").await;
    let [closed] = &found[..] else { panic!("{found:?}") };
    assert_eq!(closed.id, insight.id);
    assert!(!closed.is_active());
    assert_eq!(world.insights.get(&closed.id.to_uppercase()).await.unwrap(), *closed);
    // Thirty days later nobody asks for it.
    clock.advance_secs(31 * 86_400);
    world.insights.look().await.unwrap();
    assert!(world.all("Default").await.is_empty());
    assert_eq!(world.insights.get(&closed.id).await.unwrap_err().kind(), model::Kind::NotFound);
}

#[tokio::test]
async fn groups_look_at_their_own_traces_if_they_want_to() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at_secs(NOW_SECS);
    let mut world = self::world(dir.path(), &clock).await;
    let change = |expression: &str, insights| GroupChange {
        expression: Some(expression.to_owned()),
        insights_enabled: Some(insights),
        notifications_enabled: None,
    };
    world.groups.create("fine", change("user = \"nobody\"", true)).await.unwrap();
    world.groups.create("even", change("user = \"even\"", true)).await.unwrap();
    world.groups.create("unwatched", change("user = \"odd\"", false)).await.unwrap();
    for _ in 0..15 {
        world.minute(0).await;
    }
    for _ in 0..4 {
        world.minute(40).await;
    }
    assert_eq!(world.all("Default").await.len(), 1);
    let even = world.all("even").await;
    let [insight] = &even[..] else { panic!("{even:?}") };
    assert_eq!(insight.root_cause_impact.total, 30 * (insight.updated_us - insight.start_us) as u64 / 60_000_000);
    assert!(world.all("fine").await.is_empty() && world.all("unwatched").await.is_empty());
    // Not watched any more: what went on is over.
    let off = GroupChange { insights_enabled: Some(false), ..GroupChange::default() };
    world.groups.update(&GroupRef::Name("even".to_owned()), off).await.unwrap();
    world.minute(40).await;
    assert!(!world.all("even").await[0].is_active());
    assert!(world.all("Default").await[0].is_active());
}
