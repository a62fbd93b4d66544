//! Requests per minute, by who called whom: what the service graph and statistics of whole minutes are made of. Sums alone, so that
//! minutes of several places add up, and a trace that changed is taken out again by subtracting what it was.

use std::collections::{BTreeMap, HashMap};

use crate::digest::{Call, DigestService, TraceDigest, Visit};
use crate::histogram::place;
use crate::limit;

/// Microseconds of a minute.
pub const MINUTE_US: i64 = 60_000_000;

/// The minute, counted from 1970, that a time is in.
pub fn minute_of(time_us: i64) -> i64 {
    time_us.div_euclid(MINUTE_US)
}

/// Who made a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum From<S> {
    /// Nothing known: a part of a trace whose rest is missing.
    Unknown,
    /// A client outside of the system.
    Client,
    Service(S),
}

impl<S> From<S> {
    pub fn map<T>(self, change: impl FnOnce(S) -> T) -> From<T> {
        match self {
            From::Unknown => From::Unknown,
            From::Client => From::Client,
            From::Service(service) => From::Service(change(service)),
        }
    }

    pub fn as_ref(&self) -> From<&S> {
        match self {
            From::Unknown => From::Unknown,
            From::Client => From::Client,
            From::Service(service) => From::Service(service),
        }
    }
}

/// Requests by outcome, and their time. Differences may be negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requests {
    /// In the order of `Outcome`.
    pub outcomes: [i64; 4],
    pub duration_us: i64,
    /// How many took how long, by `histogram::place`.
    pub places: BTreeMap<u32, i64>,
    /// The earliest start and the latest end, of those that were added.
    pub start_us: i64,
    pub end_us: i64,
}

impl Default for Requests {
    fn default() -> Requests {
        Requests { outcomes: [0; 4], duration_us: 0, places: BTreeMap::new(), start_us: i64::MAX, end_us: i64::MIN }
    }
}

impl Requests {
    fn add(&mut self, call: &Call, sign: i64) {
        if sign > 0 {
            self.start_us = self.start_us.min(call.start_us);
            self.end_us = self.end_us.max(end_us(call));
        }
        if let Some(duration_us) = call.duration_us {
            self.outcomes[call.flags.outcome() as usize] += sign;
            self.duration_us = self.duration_us.saturating_add(sign * duration_us.min(i64::MAX as u64) as i64);
            let count = self.places.entry(place(duration_us)).or_default();
            *count += sign;
            if *count == 0 {
                self.places.remove(&place(duration_us));
            }
        }
    }

    fn merge(&mut self, other: &Requests, sign: i64) {
        if sign > 0 {
            self.start_us = self.start_us.min(other.start_us);
            self.end_us = self.end_us.max(other.end_us);
        }
        self.outcomes.iter_mut().zip(other.outcomes).for_each(|(sum, count)| *sum += sign * count);
        self.duration_us = self.duration_us.saturating_add(sign * other.duration_us);
        for (&place, count) in &other.places {
            let sum = self.places.entry(place).or_default();
            *sum += sign * count;
            if *sum == 0 {
                self.places.remove(&place);
            }
        }
    }
}

/// When a request ended; one in progress at its start.
pub fn end_us(call: &Call) -> i64 {
    call.start_us.saturating_add_unsigned(call.duration_us.unwrap_or(0))
}

/// Until when the callee of a call may yet report itself, and nothing is said of it: whole seconds.
pub fn held_until_us(call_end_us: i64) -> i64 {
    const SECOND_US: i64 = 1_000_000;
    call_end_us.saturating_add(limit::TRACED_GRACE_SECS * SECOND_US + SECOND_US - 1).div_euclid(SECOND_US) * SECOND_US
}

/// Until when a request does not count.
pub fn held_back(visit: &Visit) -> Option<i64> {
    visit.pending.then(|| held_until_us(end_us(&visit.served)))
}

/// The requests of one service by another, begun in one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeMinute {
    /// All requests, those in progress included.
    pub visits: i64,
    /// As the service itself saw them.
    pub served: Requests,
    /// As the caller saw them; none where that is the same.
    pub requested: Option<Requests>,
}

impl EdgeMinute {
    fn empty() -> EdgeMinute {
        EdgeMinute { visits: 0, served: Requests::default(), requested: None }
    }

    /// As the caller saw them.
    pub fn requested(&self) -> &Requests {
        self.requested.as_ref().unwrap_or(&self.served)
    }

    fn is_nothing(&self) -> bool {
        let is_nothing =
            |requests: &Requests| requests.outcomes == [0; 4] && requests.duration_us == 0 && requests.places.is_empty();
        self.visits == 0 && is_nothing(&self.served) && self.requested.as_ref().is_none_or(is_nothing)
    }

    fn add(&mut self, visit: &Visit, sign: i64) {
        self.visits += sign;
        let requested = visit.requested();
        if self.requested.is_none() && !std::ptr::eq(requested, &visit.served) && *requested != visit.served {
            // So far both were the same.
            self.requested = Some(self.served.clone());
        }
        self.served.add(&visit.served, sign);
        if let Some(all) = &mut self.requested {
            all.add(requested, sign);
        }
    }

    fn merge(&mut self, other: &EdgeMinute, sign: i64) {
        self.visits += sign * other.visits;
        if self.requested.is_none() && other.requested.is_some() {
            self.requested = Some(self.served.clone());
        }
        if let Some(all) = &mut self.requested {
            all.merge(other.requested(), sign);
        }
        self.served.merge(&other.served, sign);
    }
}

/// Where requests are counted. Services by their place in `Minutes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct EdgeKey {
    minute: i64,
    to: u32,
    from: From<u32>,
    held_until_us: Option<i64>,
}

/// Minutes of many traces.
#[derive(Debug, Clone, Default)]
pub struct Minutes {
    services: Vec<DigestService>,
    places: HashMap<DigestService, u32>,
    edges: HashMap<EdgeKey, EdgeMinute>,
}

impl Minutes {
    /// Counts the requests of a trace.
    pub fn add(&mut self, digest: &TraceDigest) {
        self.count(digest, 1);
    }

    /// Takes the requests of a trace out again.
    pub fn subtract(&mut self, digest: &TraceDigest) {
        self.count(digest, -1);
    }

    fn count(&mut self, digest: &TraceDigest, sign: i64) {
        let mut known: Vec<Option<u32>> = vec![None; digest.services.len()];
        for visit in &digest.visits {
            let mut service = |minutes: &mut Minutes, service: u32| {
                *known[service as usize].get_or_insert_with(|| minutes.service(digest.service(service)))
            };
            let to = service(self, visit.service);
            let from = match &visit.caller {
                Some(caller) => From::Service(service(self, caller.service)),
                None if visit.root => From::Client,
                None => From::Unknown,
            };
            let key = EdgeKey { minute: minute_of(visit.served.start_us), to, from, held_until_us: held_back(visit) };
            self.edges.entry(key).or_insert_with(EdgeMinute::empty).add(visit, sign);
        }
    }

    fn service(&mut self, service: &DigestService) -> u32 {
        match self.places.get(service) {
            Some(&place) => place,
            None => {
                let place = self.services.len() as u32;
                self.services.push(service.clone());
                self.places.insert(service.clone(), place);
                place
            }
        }
    }

    /// Adds requests that were counted elsewhere.
    pub fn merge(&mut self, row: &MinuteEdge<'_>, edge: &EdgeMinute) {
        self.merge_signed(row, edge, 1);
    }

    /// Takes out what was counted elsewhere: nothing is left where both counted the same.
    pub fn take_out(&mut self, other: &Minutes) {
        for (row, edge) in other.edges() {
            self.merge_signed(&row, edge, -1);
        }
    }

    fn merge_signed(&mut self, row: &MinuteEdge<'_>, edge: &EdgeMinute, sign: i64) {
        let to = self.service(row.to);
        let from = row.from.map(|service| self.service(service));
        let key = EdgeKey { minute: row.minute, to, from, held_until_us: row.held_until_us };
        self.edges.entry(key).or_insert_with(EdgeMinute::empty).merge(edge, sign);
    }

    /// What is no longer held back stands with the rest.
    pub fn settle(&mut self, now_us: i64) {
        let due: Vec<EdgeKey> =
            self.edges.keys().filter(|key| key.held_until_us.is_some_and(|until_us| until_us <= now_us)).copied().collect();
        for key in due {
            if let Some(edge) = self.edges.remove(&key) {
                let settled = EdgeKey { held_until_us: None, ..key };
                self.edges.entry(settled).or_insert_with(EdgeMinute::empty).merge(&edge, 1);
            }
        }
    }

    /// Everything that is not nothing, in the order of minutes.
    pub fn edges(&self) -> Vec<(MinuteEdge<'_>, &EdgeMinute)> {
        let edges = self.edges.iter().filter(|(_, edge)| !edge.is_nothing());
        let mut edges: Vec<_> = edges
            .map(|(key, edge)| {
                let EdgeKey { minute, to, from, held_until_us } = *key;
                let row = MinuteEdge {
                    minute,
                    to: &self.services[to as usize],
                    from: from.map(|place| &self.services[place as usize]),
                    held_until_us,
                };
                (row, edge)
            })
            .collect();
        // Not by the services' places, which depend on what came first.
        edges.sort_unstable_by_key(|(row, _)| *row);
        edges
    }
}

/// Whose requests of which minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MinuteEdge<'s> {
    pub minute: i64,
    pub to: &'s DigestService,
    pub from: From<&'s DigestService>,
    /// Until when they do not count.
    pub held_until_us: Option<i64>,
}
