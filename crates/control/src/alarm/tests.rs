use std::path::Path;

use model::alarm::{Comparison, MissingData, WatchedMetric};
use model::metric::{Dimensions, Metric};
use model::topic::{Outcome, Protocol};
use store::{Store, StoreOptions};
use testkit::ManualClock;

use super::*;

/// A whole minute.
const NOW_SECS: i64 = 1_795_000_020;
const MINUTE: i64 = 60;

struct World {
    alarms: Alarms,
    topics: Topics,
    mute_rules: MuteRules,
    deliveries: Deliveries,
    store: Store,
    clock: ManualClock,
    topic: String,
}

async fn world(dir: &Path, clock: &ManualClock) -> World {
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let store = Store::open(StoreOptions::new(dir), shared.clone()).await.unwrap();
    let catalog = store.catalog().clone();
    let topics = Topics::new(catalog.clone(), shared.clone(), "us-east-1", "000000000000");
    let mute_rules = MuteRules::new(catalog.clone(), shared.clone());
    let deliveries = Deliveries::new(catalog.clone(), shared.clone());
    let parts = Parts {
        query: Query::new(store.clone(), shared.clone()),
        detectors: AnomalyDetectors::new(catalog.clone()),
        topics: topics.clone(),
        mute_rules: mute_rules.clone(),
        deliveries: deliveries.clone(),
    };
    let place = Place {
        account_id: "000000000000".to_owned(),
        server_account_id: "000000000000".to_owned(),
        region: "us-east-1".to_owned(),
        console: None,
    };
    let topic = topics.create("ops", None).await.unwrap();
    topics.subscribe(&topic, Protocol::Http, "http://127.0.0.1:9/hook", false).await.unwrap();
    World { alarms: Alarms::new(catalog, parts, shared, place), topics, mute_rules, deliveries, store, clock: clock.clone(), topic }
}

impl World {
    fn wanted(&self, name: &str, watches: Watches) -> AlarmConfiguration {
        let actions = vec![self.topic.clone()];
        AlarmConfiguration {
            name: name.to_owned(),
            description: None,
            actions_enabled: true,
            ok_actions: actions.clone(),
            alarm_actions: actions,
            insufficient_data_actions: Vec::new(),
            watches,
        }
    }

    async fn put(&self, name: &str, n: u32, m: u32) {
        let metric = WatchedMetric {
            namespace: "App".into(),
            name: name.into(),
            dimensions: Dimensions::new::<&str, &str>([]),
            owner: None,
            statistic: "Average".to_owned(),
            period: MINUTE,
            unit: None,
        };
        let alarm = MetricAlarm {
            watched: Watched::Metric { metric, is_plain: true },
            comparison: Comparison::Greater,
            threshold: Some(10.0),
            threshold_metric_id: None,
            evaluation_periods: n,
            datapoints_to_alarm: Some(m),
            treat_missing_data: Some(MissingData::Missing),
            low_samples: None,
            window: None,
            warm_up: None,
        };
        self.alarms.put(self.wanted(name, Watches::Metric(alarm))).await.unwrap();
    }

    async fn composite(&self, name: &str, rule: &str, suppressor: Option<(&str, i64, i64)>) {
        let suppressor =
            suppressor.map(|(alarm, wait_secs, extension_secs)| Suppressor { alarm: alarm.to_owned(), wait_secs, extension_secs });
        let composite = CompositeAlarm { rule: rule.to_owned(), suppressor };
        self.alarms.put(self.wanted(name, Watches::Composite(composite))).await.unwrap();
    }

    /// A minute passes in which a value is measured, if any; then what is due is looked at.
    async fn minute(&self, name: &str, value: Option<f64>) {
        let time_us = self.clock.now_us();
        if let Some(value) = value {
            let minute = time_us - time_us.rem_euclid(MINUTE * SECOND_US);
            self.store.append_metrics(&[Metric::value(minute, "App", name, "None", value)]).await.unwrap();
        }
        self.clock.advance_secs(MINUTE);
        self.alarms.tick().await.unwrap();
    }

    async fn state(&self, name: &str) -> AlarmState {
        self.alarms.get(name).await.unwrap().status.state
    }

    /// What was to be sent, by alarm, the oldest first.
    async fn sent(&self, alarm: &str) -> Vec<String> {
        let mut all = self.deliveries.list(|delivery| delivery.alarm.as_deref() == Some(alarm), 100).await.unwrap();
        all.reverse();
        assert!(all.iter().all(|delivery| matches!(delivery.outcome, Outcome::Pending { .. })));
        all.iter()
            .map(|delivery| delivery.subject.clone().unwrap_or_default().split(':').next().unwrap_or_default().to_owned())
            .collect()
    }
}

#[tokio::test]
async fn an_alarm_follows_its_metric_and_tells_each_change_once() {
    let dir = tempfile::tempdir().unwrap();
    // Some seconds behind the minute, so that its data has come.
    let clock = ManualClock::at_secs(NOW_SECS + 10);
    let world = world(dir.path(), &clock).await;
    world.put("latency", 3, 2).await;
    assert_eq!(world.state("latency").await, AlarmState::InsufficientData);
    let steps = [
        (Some(1.0), AlarmState::Ok),
        (Some(20.0), AlarmState::Ok),
        (Some(1.0), AlarmState::Ok),
        (Some(20.0), AlarmState::Alarm),
        (Some(20.0), AlarmState::Alarm),
        (Some(1.0), AlarmState::Alarm),
        (Some(1.0), AlarmState::Ok),
    ];
    for (place, (value, expected)) in steps.into_iter().enumerate() {
        world.minute("latency", value).await;
        assert_eq!(world.state("latency").await, expected, "step {place}");
    }
    assert_eq!(world.sent("latency").await, ["OK", "ALARM", "OK"]);
    let history = world
        .alarms
        .history(&HistoryFilter { item: Some(HistoryItemType::StateUpdate), ..HistoryFilter::default() }, 10)
        .await
        .unwrap();
    let summaries: Vec<&str> = history.iter().map(|item| item.summary.as_str()).collect();
    assert_eq!(
        summaries,
        ["Alarm updated from ALARM to OK", "Alarm updated from OK to ALARM", "Alarm updated from INSUFFICIENT_DATA to OK"]
    );
    for _ in 0..6 {
        world.minute("latency", None).await;
    }
    assert_eq!(world.state("latency").await, AlarmState::InsufficientData);
}

#[tokio::test]
async fn what_an_alarm_was_is_known_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at_secs(NOW_SECS + 10);
    {
        let world = world(dir.path(), &clock).await;
        world.put("latency", 1, 1).await;
        world.minute("latency", Some(20.0)).await;
        assert_eq!(world.state("latency").await, AlarmState::Alarm);
        world.store.close().await.unwrap();
    }
    let world = world(dir.path(), &clock).await;
    assert_eq!(world.state("latency").await, AlarmState::Alarm);
    // The same data again changes nothing, and tells nobody.
    world.alarms.tick().await.unwrap();
    world.minute("latency", Some(20.0)).await;
    assert_eq!(world.sent("latency").await, ["ALARM"]);
}

#[tokio::test]
async fn composite_alarms_follow_their_children() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at_secs(NOW_SECS + 10);
    let world = world(dir.path(), &clock).await;
    world.put("a", 1, 1).await;
    world.put("b", 1, 1).await;
    world.composite("both", "ALARM(a) AND ALARM(b)", None).await;
    world.composite("top", &format!("ALARM(\"{}\")", world.alarms.arn("both")), None).await;
    assert_eq!(world.state("both").await, AlarmState::Ok);
    world.minute("a", Some(20.0)).await;
    assert_eq!(world.state("both").await, AlarmState::Ok);
    world
        .store
        .append_metrics(&[Metric::value(clock.now_us() - clock.now_us().rem_euclid(60_000_000), "App", "b", "None", 20.0)])
        .await
        .unwrap();
    world.minute("a", Some(20.0)).await;
    assert_eq!((world.state("both").await, world.state("top").await), (AlarmState::Alarm, AlarmState::Alarm));
    let reason = world.alarms.get("both").await.unwrap().status.reason.clone();
    assert!(reason.contains(":alarm:b transitioned to ALARM at "), "{reason}");
    // It is needed.
    assert!(world.alarms.delete(&["a".to_owned()]).await.is_err());
    world.alarms.delete(&["top".to_owned()]).await.unwrap();
    world.alarms.delete(&["both".to_owned(), "a".to_owned()]).await.unwrap();
    let cycle = CompositeAlarm { rule: "ALARM(gone)".to_owned(), suppressor: None };
    assert!(world.alarms.put(world.wanted("x", Watches::Composite(cycle))).await.is_err());
}

#[tokio::test]
async fn a_suppressor_keeps_actions_back() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at_secs(NOW_SECS + 10);
    let world = world(dir.path(), &clock).await;
    world.put("child", 1, 1).await;
    world.put("deploying", 1, 1).await;
    world.composite("shop", "ALARM(child)", Some(("deploying", 30, 40))).await;
    let set = async |name: &str, state| world.alarms.set_state(name, state, "test".to_owned(), None).await.unwrap();
    let by = async || world.alarms.get("shop").await.unwrap().status.suppression.clone().map(|suppression| suppression.by);
    clock.advance_secs(31);
    world.alarms.tick().await.unwrap();
    let before = world.sent("shop").await.len();

    // Nobody suppresses it: it is told when the wait is over.
    set("child", AlarmState::Alarm).await;
    assert_eq!(by().await, Some(SuppressedBy::WaitPeriod));
    clock.advance_secs(29);
    world.alarms.end_waits(&world.alarms.list().await.unwrap(), clock.now_us()).await.unwrap();
    assert_eq!(world.sent("shop").await.len(), before);
    clock.advance_secs(1);
    world.alarms.end_waits(&world.alarms.list().await.unwrap(), clock.now_us()).await.unwrap();
    assert_eq!(world.sent("shop").await.last().map(String::as_str), Some("ALARM"));
    let before = world.sent("shop").await.len();

    // While it is suppressed, nothing is told; after the extension, what it is then.
    set("deploying", AlarmState::Alarm).await;
    assert_eq!(by().await, Some(SuppressedBy::Alarm));
    set("child", AlarmState::Ok).await;
    assert_eq!(world.state("shop").await, AlarmState::Ok);
    set("deploying", AlarmState::Ok).await;
    assert_eq!(by().await, Some(SuppressedBy::ExtensionPeriod));
    assert_eq!(world.sent("shop").await.len(), before);
    clock.advance_secs(40);
    world.alarms.end_waits(&world.alarms.list().await.unwrap(), clock.now_us()).await.unwrap();
    assert_eq!(world.sent("shop").await.len(), before + 1);
    assert_eq!(world.sent("shop").await.last().map(String::as_str), Some("OK"));
    assert_eq!(by().await, None);
}

#[tokio::test]
async fn muted_actions_are_done_when_the_rule_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at_secs(NOW_SECS + 10);
    let world = world(dir.path(), &clock).await;
    world.put("latency", 1, 1).await;
    let begin = chrono::DateTime::from_timestamp(NOW_SECS, 0).unwrap();
    let rule = MuteRule {
        name: "night".to_owned(),
        description: None,
        expression: format!("at({})", begin.format("%Y-%m-%dT%H:%M")),
        duration: "PT3M".to_owned(),
        time_zone: None,
        alarms: vec!["latency".to_owned()],
        start_us: None,
        expire_us: None,
        updated_us: 0,
    };
    world.mute_rules.put(rule).await.unwrap();
    world.minute("latency", Some(20.0)).await;
    assert_eq!(world.state("latency").await, AlarmState::Alarm);
    assert!(world.sent("latency").await.is_empty());
    world.minute("latency", Some(20.0)).await;
    assert!(world.sent("latency").await.is_empty());
    world.minute("latency", Some(20.0)).await;
    assert_eq!(world.sent("latency").await, ["ALARM"]);
    world.minute("latency", Some(20.0)).await;
    assert_eq!(world.sent("latency").await, ["ALARM"]);
    assert!(world.topics.get(&world.topic).await.is_ok());
}

#[tokio::test]
async fn a_look_back_says_what_an_alarm_would_have_done() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at_secs(NOW_SECS + 10);
    let world = world(dir.path(), &clock).await;
    let first = NOW_SECS - 20 * MINUTE;
    let metrics: Vec<Metric> = (0..20)
        .map(|n| {
            Metric::value((first + n * MINUTE) * SECOND_US, "App", "latency", "None", if (8..11).contains(&n) { 20.0 } else { 1.0 })
        })
        .collect();
    world.store.append_metrics(&metrics).await.unwrap();
    world.put("latency", 2, 2).await;
    let alarm = world.alarms.get("latency").await.unwrap();
    let Watches::Metric(metric) = alarm.watches.clone() else { panic!("it is of a metric") };
    let preview = world.alarms.preview(metric, first * SECOND_US, NOW_SECS * SECOND_US).await.unwrap();
    let states: Vec<AlarmState> = preview.states.iter().map(|(_, state, _)| *state).collect();
    assert_eq!(states, [AlarmState::InsufficientData, AlarmState::Ok, AlarmState::Alarm, AlarmState::Ok], "{:?}", preview.states);
    // After the second bad minute.
    assert_eq!(preview.states[2].0, first + 10 * MINUTE);
    assert_eq!(preview.series[0].1.len(), 20);
}
