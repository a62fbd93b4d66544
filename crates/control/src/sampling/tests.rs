use std::collections::BTreeMap;

use model::Kind;
use store::Store;
use testkit::ManualClock;

use super::*;

async fn sampling() -> (Sampling, ManualClock, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at_secs(1_795_000_000);
    let store = Store::open(store::StoreOptions::new(dir.path()), Arc::new(clock.clone())).await.unwrap();
    (Sampling::new(store.catalog().clone(), Arc::new(clock.clone()), Arc::default()), clock, dir)
}

fn rule(name: &str, reservoir_size: i64) -> SamplingRule {
    SamplingRule { name: name.to_owned(), priority: 10, fixed_rate: 0.1, reservoir_size, ..SamplingRule::default_rule() }
}

fn report(clock: &ManualClock, client: u64, requests: u64) -> SamplingStatistics {
    SamplingStatistics {
        rule_name: "r".to_owned(),
        client_id: format!("{client:024x}"),
        timestamp_us: clock.now_us(),
        request_count: requests,
        sampled_count: 1,
        borrow_count: 0,
    }
}

#[tokio::test]
async fn the_reservoir_is_shared_and_never_granted_twice() {
    let (sampling, clock, _dir) = sampling().await;
    sampling.create(rule("r", 10)).await.unwrap();
    let mut held: BTreeMap<u64, i64> = BTreeMap::new();
    for round in 0..12 {
        // Clients come, and the last stays alone.
        let clients = if round < 8 { 1 + round.min(4) } else { 1 };
        held.retain(|client, _| *client < clients);
        for client in 0..clients {
            let requests = if client == 0 { 500 } else { 20 };
            let answer = sampling.targets(&[report(&clock, client, requests)], &[]).await.unwrap();
            held.insert(client, answer.targets[0].reservoir_quota);
            if round < 8 {
                assert!(held.values().sum::<i64>() <= 10, "round {round}: {held:?}");
            }
        }
        clock.advance_secs(10);
    }
    // The others' quotas have run out: all of it is the last one's.
    assert_eq!(held[&0], 10);
}

#[tokio::test]
async fn a_new_client_gets_its_share_once_the_first_has_reported_again() {
    let (sampling, clock, _dir) = sampling().await;
    sampling.create(rule("r", 10)).await.unwrap();
    let quota = async |client| sampling.targets(&[report(&clock, client, 1_000)], &[]).await.unwrap().targets[0].reservoir_quota;
    assert_eq!(quota(1).await, 10);
    assert_eq!(quota(2).await, 0);
    assert_eq!(quota(1).await, 5);
    assert_eq!(quota(2).await, 5);
}

#[tokio::test]
async fn an_idle_client_does_not_hoard() {
    let (sampling, clock, _dir) = sampling().await;
    sampling.create(rule("r", 10)).await.unwrap();
    for _ in 0..2 {
        sampling.targets(&[report(&clock, 1, 3)], &[]).await.unwrap();
        sampling.targets(&[report(&clock, 2, 900)], &[]).await.unwrap();
    }
    let busy = sampling.targets(&[report(&clock, 2, 900)], &[]).await.unwrap();
    assert_eq!(busy.targets[0].reservoir_quota, 9);
}

#[tokio::test]
async fn unknown_rules_and_old_reports_come_back() {
    let (sampling, clock, _dir) = sampling().await;
    let unknown = report(&clock, 1, 5);
    let mut old = SamplingStatistics { rule_name: DEFAULT_RULE.to_owned(), ..report(&clock, 1, 5) };
    old.timestamp_us -= 3_600_000_000;
    let answer = sampling.targets(&[unknown, old], &[]).await.unwrap();
    assert!(answer.targets.is_empty());
    let codes: Vec<&str> = answer.unprocessed.iter().map(|(_, code, _)| *code).collect();
    assert_eq!(codes, ["ResourceNotFound", "InvalidTimestamp"]);
}

#[tokio::test]
async fn rules_are_checked_kept_and_counted() {
    let (sampling, clock, _dir) = sampling().await;
    assert_eq!(sampling.rules().await.unwrap(), [SamplingRule::default_rule()]);
    sampling.create(rule("r", 1)).await.unwrap();
    assert_eq!(sampling.create(rule("r", 1)).await.unwrap_err().kind(), Kind::Invalid);
    assert_eq!(sampling.create(rule("Default", 1)).await.unwrap_err().kind(), Kind::Invalid);
    assert_eq!(sampling.create(SamplingRule { priority: 0, ..rule("p", 1) }).await.unwrap_err().kind(), Kind::Invalid);
    assert_eq!(sampling.create(SamplingRule { fixed_rate: 1.1, ..rule("f", 1) }).await.unwrap_err().kind(), Kind::Invalid);
    clock.advance_secs(5);
    let update = SamplingRuleUpdate { fixed_rate: Some(0.5), ..SamplingRuleUpdate::default() };
    let updated = sampling.update("r", update).await.unwrap();
    assert_eq!(updated.fixed_rate, 0.5);
    assert_eq!(updated.modified_us - updated.created_us, 5_000_000);
    assert_eq!(sampling.targets(&[], &[]).await.unwrap().rules_modified_us, clock.now_us());
    for n in 1..25 {
        sampling.create(rule(&format!("r{n}"), 1)).await.unwrap();
    }
    assert_eq!(sampling.create(rule("one too many", 1)).await.unwrap_err().kind(), Kind::LimitExceeded);
    sampling.delete("r").await.unwrap();
    assert_eq!(sampling.delete("r").await.unwrap_err().kind(), Kind::NotFound);
}

#[tokio::test]
async fn of_the_default_rule_only_the_rates_change() {
    let (sampling, _clock, _dir) = sampling().await;
    let rates =
        SamplingRuleUpdate { fixed_rate: Some(0.0), reservoir_size: Some(0), host: Some("*".to_owned()), ..Default::default() };
    let rule = sampling.update("Default", rates).await.unwrap();
    assert_eq!((rule.fixed_rate, rule.reservoir_size), (0.0, 0));
    let host = SamplingRuleUpdate { host: Some("a".to_owned()), ..Default::default() };
    assert!(sampling.update("Default", host).await.is_err());
    assert!(sampling.delete("Default").await.is_err());
    assert_eq!(sampling.rules().await.unwrap().len(), 1);
}
