//! Requests per minute, by who called whom: what the service graph and statistics of whole minutes are made of. Sums alone, so that
//! minutes of several places add up, and a trace that changed is taken out again by subtracting what it was.

use std::collections::{BTreeMap, HashMap};

use crate::digest::{Call, DigestService, TraceDigest, Visit};
use crate::histogram::place;

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

/// The requests of one service by another, begun in one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeMinute {
    /// All requests, those in progress included.
    pub visits: i64,
    /// As the service itself saw them.
    pub served: Requests,
    /// As the caller saw them; none where that is the same.
    pub requested: Option<Requests>,
    /// When the last call ended whose inferred service may yet report itself.
    pub pending_end_us: Option<i64>,
}

impl EdgeMinute {
    fn empty() -> EdgeMinute {
        EdgeMinute { visits: 0, served: Requests::default(), requested: None, pending_end_us: None }
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
        if visit.pending && sign > 0 {
            self.pending_end_us = self.pending_end_us.max(Some(end_us(&visit.served)));
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
        if sign > 0 {
            self.pending_end_us = self.pending_end_us.max(other.pending_end_us);
        }
    }
}

/// Where requests are counted: the minute they began in, the service called, the caller. Services by their place in `Minutes`.
pub type EdgeKey = (i64, u32, From<u32>);

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
            let edge = self.edges.entry((minute_of(visit.served.start_us), to, from)).or_insert_with(EdgeMinute::empty);
            edge.add(visit, sign);
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
    pub fn merge(&mut self, minute: i64, to: &DigestService, from: From<&DigestService>, edge: &EdgeMinute) {
        self.merge_signed(minute, to, from, edge, 1);
    }

    /// Takes out what was counted elsewhere: nothing is left where both counted the same.
    pub fn take_out(&mut self, other: &Minutes) {
        for ((minute, to, from), edge) in other.edges() {
            let from = match from {
                From::Unknown => From::Unknown,
                From::Client => From::Client,
                From::Service(place) => From::Service(other.at(place)),
            };
            self.merge_signed(minute, other.at(to), from, edge, -1);
        }
    }

    fn merge_signed(&mut self, minute: i64, to: &DigestService, from: From<&DigestService>, edge: &EdgeMinute, sign: i64) {
        let to = self.service(to);
        let from = match from {
            From::Unknown => From::Unknown,
            From::Client => From::Client,
            From::Service(service) => From::Service(self.service(service)),
        };
        self.edges.entry((minute, to, from)).or_insert_with(EdgeMinute::empty).merge(edge, sign);
    }

    /// Everything that is not nothing, in the order of minutes.
    pub fn edges(&self) -> Vec<(EdgeKey, &EdgeMinute)> {
        let mut edges: Vec<_> = self.edges.iter().filter(|(_, edge)| !edge.is_nothing()).map(|(key, edge)| (*key, edge)).collect();
        // Not by the services' places, which depend on what came first.
        let from = |from: From<u32>| match from {
            From::Unknown => From::Unknown,
            From::Client => From::Client,
            From::Service(place) => From::Service(self.at(place)),
        };
        edges.sort_unstable_by(|((minute, to, caller), _), ((other, other_to, other_caller), _)| {
            minute
                .cmp(other)
                .then_with(|| self.at(*to).cmp(self.at(*other_to)))
                .then_with(|| from(*caller).cmp(&from(*other_caller)))
        });
        edges
    }

    /// A service by its place.
    pub fn at(&self, place: u32) -> &DigestService {
        &self.services[place as usize]
    }
}
