use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

fn service(name: &str) -> ServiceId {
    ServiceId { name: name.into(), kind: None, account_id: None }
}

/// A group's insights, minute by minute.
struct Group {
    detector: Detector,
    minute: i64,
    insights: Vec<Insight>,
}

impl Group {
    fn new() -> Group {
        Group { detector: Detector::default(), minute: 1_000, insights: Vec::new() }
    }

    /// The next minute: `name` and faults of as many requests; each service calls the next one.
    fn take(&mut self, services: &[(&str, u64, u64)]) {
        let services: Vec<(ServiceId, Impact)> =
            services.iter().map(|&(name, faults, total)| (service(name), Impact { faults, total })).collect();
        let clients = services.first().map(|(_, impact)| *impact).unwrap_or_default();
        let calls = (1..services.len()).map(|callee| (callee - 1, callee)).collect();
        self.take_minute(FaultMinute { minute: self.minute, services, calls, clients });
    }

    fn take_minute(&mut self, minute: FaultMinute) {
        let active = self.insights.iter().filter(|insight| insight.is_active()).cloned().collect();
        let next = self.insights.len();
        let blank = || Insight {
            id: format!("{next}-{}", rand::random::<u32>()),
            group_name: "Default".to_owned(),
            group_id: String::new(),
            root_cause: service(""),
            services: Vec::new(),
            start_us: 0,
            end_us: None,
            updated_us: 0,
            clients: Impact::default(),
            root_cause_impact: Impact::default(),
            usual_rate: 0.0,
            events: Vec::new(),
        };
        // As it would be after a restart.
        let kept = serde_json::to_string(&self.detector).unwrap();
        self.detector = serde_json::from_str(&kept).unwrap();
        for insight in self.detector.take(minute, active, blank) {
            match self.insights.iter_mut().find(|known| known.id == insight.id) {
                Some(known) => *known = insight,
                None => self.insights.push(insight),
            }
        }
        self.minute += 1;
    }

    fn quiet_hour(&mut self) {
        (0..60).for_each(|_| self.take(&[("front", 0, 120), ("middle", 0, 120), ("back", 0, 60)]));
    }
}

#[test]
fn the_farthest_failing_service_is_to_blame_and_its_callers_belong_to_it() {
    let mut group = Group::new();
    group.quiet_hour();
    assert!(group.insights.is_empty());
    group.take(&[("front", 40, 120), ("middle", 40, 120), ("back", 40, 60)]);
    assert!(group.insights.is_empty(), "one minute may be chance");
    group.take(&[("front", 42, 120), ("middle", 41, 120), ("back", 40, 60)]);
    let [insight] = &group.insights[..] else { panic!("{:?}", group.insights) };
    assert_eq!(insight.root_cause, service("back"));
    assert_eq!(insight.services, [service("back"), service("front"), service("middle")]);
    assert_eq!(insight.start_us, (group.minute - 2) * MINUTE_US);
    assert_eq!(insight.clients, Impact { faults: 82, total: 240 });
    assert_eq!(insight.root_cause_impact, Impact { faults: 80, total: 120 });
    assert!(insight.is_active() && insight.events.len() == 1);
    (0..20).for_each(|_| group.take(&[("front", 40, 120), ("middle", 40, 120), ("back", 40, 60)]));
    assert!(group.insights.len() == 1 && group.insights[0].is_active());
    let last = group.minute;
    for minute in 0..5 {
        assert!(group.insights[0].is_active(), "{minute} quiet minutes");
        group.take(&[("front", 0, 120), ("middle", 0, 120), ("back", 0, 60)]);
    }
    let [insight] = &group.insights[..] else { panic!("{:?}", group.insights) };
    assert_eq!(insight.end_us, Some(last * MINUTE_US));
    assert_eq!(insight.root_cause_impact, Impact { faults: 22 * 40, total: 22 * 60 }, "quiet minutes at the end do not count");
    assert!(insight.events.last().unwrap().summary.contains("no more than usual"));
    // What failed then did not become usual.
    (0..10).for_each(|_| group.take(&[("front", 0, 120), ("middle", 0, 120), ("back", 0, 60)]));
    (0..2).for_each(|_| group.take(&[("front", 20, 120), ("middle", 20, 120), ("back", 20, 60)]));
    assert_eq!(group.insights.len(), 2);
}

#[test]
fn a_culprit_seen_later_takes_the_blame_and_the_insight_goes_on() {
    let mut group = Group::new();
    group.quiet_hour();
    (0..3).for_each(|_| group.take(&[("front", 60, 120), ("middle", 60, 120), ("back", 0, 60)]));
    assert_eq!(group.insights[0].root_cause, service("middle"));
    (0..3).for_each(|_| group.take(&[("front", 60, 120), ("middle", 60, 120), ("back", 30, 60)]));
    let [insight] = &group.insights[..] else { panic!("{:?}", group.insights) };
    assert_eq!(insight.root_cause, service("back"));
    assert!(insight.events.iter().any(|event| event.summary.contains("back is to blame rather than middle")), "{insight:?}");
}

#[test]
fn two_culprits_are_two_insights() {
    let mut group = Group::new();
    let minute = |group: &mut Group, faults: u64| {
        let impact = |faults, total| Impact { faults, total };
        let services = vec![
            (service("front"), impact(faults, 100)),
            (service("one"), impact(faults, 50)),
            (service("two"), impact(faults, 50)),
        ];
        let minute = group.minute;
        group.take_minute(FaultMinute { minute, services, calls: vec![(0, 1), (0, 2)], clients: impact(faults, 100) });
    };
    (0..60).for_each(|_| minute(&mut group, 0));
    (0..3).for_each(|_| minute(&mut group, 25));
    let mut causes: Vec<&str> = group.insights.iter().map(|insight| insight.root_cause.name.as_str()).collect();
    causes.sort_unstable();
    assert_eq!(causes, ["one", "two"]);
    assert!(group.insights.iter().all(|insight| insight.services.contains(&service("front"))));
}

#[test]
fn services_that_call_each_other_are_one_story() {
    let mut group = Group::new();
    let minute = |group: &mut Group, faults: u64| {
        let services = ["a", "b"].map(|name| (service(name), Impact { faults, total: 100 })).to_vec();
        let minute = group.minute;
        group.take_minute(FaultMinute { minute, services, calls: vec![(0, 1), (1, 0)], clients: Impact { faults, total: 100 } });
    };
    (0..60).for_each(|_| minute(&mut group, 0));
    (0..4).for_each(|_| minute(&mut group, 50));
    assert_eq!(group.insights.len(), 1);
    assert_eq!(group.insights[0].services.len(), 2);
}

#[test]
fn a_service_with_little_traffic_that_fails_is_noticed() {
    let mut group = Group::new();
    (0..120).for_each(|_| group.take(&[("canary target", 0, 1)]));
    for minute in 0..8 {
        group.take(&[("canary target", 1, 1)]);
        if !group.insights.is_empty() {
            assert!(minute >= 2);
            return;
        }
    }
    panic!("never noticed");
}

#[test]
fn faults_that_have_always_been_are_usual() {
    let mut group = Group::new();
    (0..300).for_each(|_| group.take(&[("flaky", 30, 100)]));
    assert!(group.insights.is_empty(), "{:?}", group.insights);
    (0..3).for_each(|_| group.take(&[("flaky", 70, 100)]));
    assert_eq!(group.insights.len(), 1);
    assert!((0.28..0.32).contains(&group.insights[0].usual_rate));
}

#[test]
fn what_fails_for_a_day_becomes_usual() {
    let mut group = Group::new();
    group.quiet_hour();
    (0..3 * 24 * 60).for_each(|_| group.take(&[("front", 0, 120), ("middle", 0, 120), ("back", 30, 60)]));
    let [insight] = &group.insights[..] else { panic!("{} insights", group.insights.len()) };
    assert_eq!(insight.end_us.unwrap() - insight.start_us, (24 * 60 + 1) * MINUTE_US);
}

/// Poisson, by counting arrivals.
fn poisson(rng: &mut StdRng, mean: f64) -> u64 {
    if mean > 200.0 {
        // As good as normal.
        let normal: f64 = (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        return (mean + normal * mean.sqrt()).round().max(0.0) as u64;
    }
    let (mut count, mut left) = (0, mean);
    loop {
        left += rng.random::<f64>().max(1e-12).ln();
        if left < 0.0 {
            return count;
        }
        count += 1;
    }
}

fn binomial(rng: &mut StdRng, n: u64, rate: f64) -> u64 {
    (0..n).filter(|_| rng.random_bool(rate)).count() as u64
}

/// A day of services of all kinds: busy and quiet ones, ones that never fail and ones that often do, whose rates wobble, with a
/// night in which almost nothing happens and an hour in which nothing does.
#[test]
fn a_quiet_day_has_no_insight() {
    for seed in 0..6 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut group = Group::new();
        let kinds: Vec<(String, f64, f64, f64)> = (0..12)
            .map(|n| {
                let busy = [0.5, 4.0, 40.0, 1_500.0][n % 4];
                let rate = [0.0, 0.002, 0.03, 0.25][n / 3];
                (format!("service {n}"), busy, rate, 0.3)
            })
            .collect();
        for minute in 0..24 * 60 {
            let hour = minute / 60;
            let day = match hour {
                3 => 0.0,
                0..7 => 0.02,
                _ => 1.0 + (f64::from(hour) / 24.0 * std::f64::consts::TAU).sin() * 0.5,
            };
            let services = kinds.iter().map(|(name, busy, rate, wobble)| {
                let total = poisson(&mut rng, busy * day);
                let rate = rate * (1.0 + wobble * (rng.random::<f64>() - 0.5));
                (service(name), Impact { faults: binomial(&mut rng, total, rate), total })
            });
            let services = services.collect();
            let minute = group.minute;
            group.take_minute(FaultMinute { minute, services, calls: Vec::new(), clients: Impact::default() });
        }
        let found: Vec<_> =
            group.insights.iter().map(|insight| (&insight.root_cause.name, insight.start_us, &insight.events)).collect();
        assert!(found.is_empty(), "seed {seed}: {found:?}");
    }
}

/// The same services, one of which breaks: found within minutes, whichever it is.
#[test]
fn a_fault_on_a_busy_day_is_found_and_ends() {
    for broken in 0..4 {
        let mut rng = StdRng::seed_from_u64(7);
        let mut group = Group::new();
        let busy = [4.0, 40.0, 400.0, 1_500.0];
        for minute in 0..400 {
            let fails = (300..330).contains(&minute);
            let services = (0..4).map(|n| {
                let total = poisson(&mut rng, busy[n]);
                let rate = if fails && n == broken { 0.4 } else { 0.01 };
                (service(&format!("service {n}")), Impact { faults: binomial(&mut rng, total, rate), total })
            });
            let services = services.collect();
            let number = group.minute;
            group.take_minute(FaultMinute { minute: number, services, calls: Vec::new(), clients: Impact::default() });
            if minute == 308 {
                assert_eq!(group.insights.len(), 1, "service {broken} is not found after 9 minutes");
            }
        }
        let [insight] = &group.insights[..] else { panic!("{:?}", group.insights) };
        assert_eq!(insight.root_cause, service(&format!("service {broken}")));
        let minutes = (insight.end_us.unwrap() - insight.start_us) / MINUTE_US;
        assert!((22..=35).contains(&minutes), "{minutes} minutes");
    }
}
