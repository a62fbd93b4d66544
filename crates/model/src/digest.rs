//! The digest of a trace: everything that trace summaries, filter expressions, the service graph and statistics ask, and nothing
//! else. Derived from the trace's segments; the store keeps it beside them, and can always make it again.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use compact_str::CompactString;

use serde::{Deserialize, Serialize};

use crate::Segment;
use crate::id::{SegmentId, TraceId};
use crate::limit;
use crate::owner::Owner;
use crate::segment::{self, Json};
use crate::service::{self, ServiceId};
use crate::time::DAY_US;
use crate::trace::Trace;

mod root_cause;
#[cfg(test)]
mod tests;

pub use root_cause::{CauseEntity, CauseException, CauseService, RootCause};

/// What is known of one trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraceDigest {
    pub id: TraceId,
    /// Who sent documents of it, each once; none stands for the server's own account, and an empty list for it alone.
    pub owners: Vec<Option<Owner>>,
    /// The time the trace is filed under: the id's own where it is plausible, else the earliest start.
    pub time_us: i64,
    pub start_us: i64,
    pub end_us: i64,
    /// Counts the documents that made it: changes with each.
    pub revision: u32,
    pub partial: bool,
    /// Nodes the trace touches, each once; the client is not among them.
    pub services: Vec<DigestService>,
    /// Requests served, one per segment sent or inferred.
    pub visits: Vec<Visit>,
    /// The visit that stands for the whole trace.
    pub entry: Option<u32>,
    /// Segments in other traces that this one continues or caused.
    pub links: Vec<Link>,
    pub annotations: Vec<Annotation>,
    pub users: Vec<Attributed>,
    pub resource_arns: Vec<CompactString>,
    pub instance_ids: Vec<CompactString>,
    pub availability_zones: Vec<CompactString>,
    pub fault_causes: Vec<RootCause>,
    pub error_causes: Vec<RootCause>,
    /// The path on which most of the response time was spent.
    pub slow_path: Option<RootCause>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DigestService {
    pub id: ServiceId,
    /// The name first, then the other spellings met.
    pub names: Vec<CompactString>,
    /// Known only from calls to it.
    pub inferred: bool,
}

/// How a request ended. Several may hold; `worst` picks the one that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Flags {
    pub error: bool,
    pub throttle: bool,
    pub fault: bool,
}

/// The one bucket a request is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    Ok,
    Error,
    Throttle,
    Fault,
}

impl Flags {
    pub fn of(segment: &Segment<'_>) -> Flags {
        Flags { error: segment.error == Some(true), throttle: segment.throttle == Some(true), fault: segment.fault == Some(true) }
    }

    pub fn outcome(self) -> Outcome {
        if self.fault {
            Outcome::Fault
        } else if self.throttle {
            Outcome::Throttle
        } else if self.error {
            Outcome::Error
        } else {
            Outcome::Ok
        }
    }
}

/// One request, seen from one side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    pub start_us: i64,
    /// None while in progress.
    pub duration_us: Option<u64>,
    pub flags: Flags,
    pub http: Option<Box<DigestHttp>>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DigestHttp {
    pub url: Option<CompactString>,
    pub method: Option<CompactString>,
    pub status: Option<i64>,
    pub user_agent: Option<CompactString>,
    pub client_ip: Option<CompactString>,
}

/// A request at a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    /// Index into `services`.
    pub service: u32,
    /// Nothing in the trace called it.
    pub root: bool,
    pub inferred: bool,
    /// Inferred, but the caller said the callee reports itself: it may yet do so.
    pub pending: bool,
    pub served: Call,
    /// Who called, and what the caller saw.
    pub caller: Option<Caller>,
    /// Index into `users`.
    pub user: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Caller {
    /// Index into `services`.
    pub service: u32,
    /// The caller's view, network included. None where it is the same as what was served: an inferred service, or a
    /// segment that names the calling segment instead of a subsegment.
    pub seen: Option<Call>,
}

impl Visit {
    /// The request as the caller saw it.
    pub fn requested(&self) -> &Call {
        self.caller.as_ref().and_then(|caller| caller.seen.as_ref()).unwrap_or(&self.served)
    }
}

/// A message that went from one trace to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// The service of this trace that recorded it, and when its work began.
    pub service: u32,
    pub start_us: i64,
    pub trace_id: TraceId,
    /// The segment or subsegment of the other trace.
    pub segment_id: Option<SegmentId>,
    /// Whether the other trace is the cause (`parent`) or the consequence (`child`).
    pub parent: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum AnnotationValue {
    Text(CompactString),
    Number(f64),
    Boolean(bool),
}

/// An annotation's key and one of its values, with the services that recorded it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Annotation {
    pub key: CompactString,
    pub value: AnnotationValue,
    pub services: Vec<u32>,
}

/// A text with the services that recorded it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attributed {
    pub text: CompactString,
    pub services: Vec<u32>,
}

impl TraceDigest {
    /// Digests the documents of one trace, given in order of arrival.
    pub fn of<'a>(id: TraceId, documents: impl IntoIterator<Item = &'a Segment<'a>>) -> TraceDigest {
        let mut revision = 0u32;
        let mut owners: BTreeSet<Option<&Owner>> = BTreeSet::new();
        let trace = Trace::assemble(documents.into_iter().inspect(|document| {
            revision += 1;
            owners.insert(document.owner.as_ref());
        }));
        let mut digest = Builder::new(&trace, id, revision).build();
        if owners.iter().any(Option::is_some) {
            digest.owners = owners.into_iter().map(|owner| owner.cloned()).collect();
        }
        digest
    }

    /// A digest that says nothing but which trace it is of.
    pub fn empty(id: TraceId) -> TraceDigest {
        TraceDigest::of(id, [])
    }

    /// Those who sent documents of it.
    pub fn owners(&self) -> impl Iterator<Item = Option<&Owner>> {
        let own = self.owners.is_empty().then_some(None);
        self.owners.iter().map(Option::as_ref).chain(own)
    }

    /// Whether everything it refers to by place is there.
    pub fn is_consistent(&self) -> bool {
        let service = |index: u32| (index as usize) < self.services.len();
        self.services.iter().all(|service| !service.names.is_empty())
            && self.entry.is_none_or(|entry| (entry as usize) < self.visits.len())
            && self.links.iter().all(|link| service(link.service))
            && self.annotations.iter().all(|annotation| annotation.services.iter().all(|&index| service(index)))
            && self.users.iter().all(|user| user.services.iter().all(|&index| service(index)))
            && self.visits.iter().all(|visit| {
                service(visit.service)
                    && visit.caller.as_ref().is_none_or(|caller| service(caller.service))
                    && visit.user.is_none_or(|user| (user as usize) < self.users.len())
            })
    }

    pub fn entry_visit(&self) -> Option<&Visit> {
        self.visits.get(self.entry? as usize)
    }

    pub fn service(&self, index: u32) -> &DigestService {
        &self.services[index as usize]
    }

    /// Root segment's duration.
    pub fn response_us(&self) -> Option<u64> {
        self.entry_visit()?.served.duration_us
    }

    pub fn duration_us(&self) -> u64 {
        self.end_us.abs_diff(self.start_us)
    }

    /// Flags of the trace's entry.
    pub fn flags(&self) -> Flags {
        self.entry_visit().map(|visit| visit.served.flags).unwrap_or_default()
    }

    pub fn has_throttle(&self) -> bool {
        self.visits.iter().any(|visit| visit.served.flags.throttle)
    }

    /// Flags that any request of the trace raised, as served or as seen by its caller.
    pub fn any_flags(&self) -> Flags {
        let mut any = Flags::default();
        for visit in &self.visits {
            for flags in [visit.served.flags, visit.requested().flags] {
                any.error |= flags.error;
                any.throttle |= flags.throttle;
                any.fault |= flags.fault;
            }
        }
        any
    }
}

/// The time a trace is filed under.
pub fn trace_time_us(id: TraceId, start_us: i64) -> i64 {
    let id_us = i64::from(id.epoch_secs()) * 1_000_000;
    let slack_us = limit::TRACE_ID_TIME_SLACK_SECS * 1_000_000;
    if (id_us - start_us).abs() <= slack_us { id_us } else { start_us }
}

/// The UTC day, as a number of days since the epoch, that a time belongs to.
pub fn day_of(time_us: i64) -> i64 {
    time_us.div_euclid(DAY_US)
}

/// Builds a digest from an assembled trace.
struct Builder<'t, 'a> {
    trace: &'t Trace<'a>,
    digest: TraceDigest,
    /// Per entity: the visit it owns or inferred.
    visit_of: Vec<Option<u32>>,
    /// Per entity at the top of a tree: its service.
    service_of: Vec<Option<u32>>,
    /// Where the services are, once there are more than a few.
    places: HashMap<ServiceId, usize>,
}

const FEW_SERVICES: usize = 16;
/// Spellings of one service's name that are kept.
const SPELLINGS_MAX: usize = 8;

impl<'t, 'a> Builder<'t, 'a> {
    fn new(trace: &'t Trace<'a>, id: TraceId, revision: u32) -> Self {
        let (start_us, end_us) = if trace.entities.is_empty() {
            let filed_us = i64::from(id.epoch_secs()) * 1_000_000;
            (filed_us, filed_us)
        } else {
            trace.bounds_us()
        };
        let digest = TraceDigest {
            owners: Vec::new(),
            id,
            time_us: trace_time_us(id, start_us),
            start_us,
            end_us,
            revision,
            partial: trace.entities.iter().any(|entity| entity.segment.is_in_progress()),
            services: Vec::new(),
            visits: Vec::new(),
            entry: None,
            links: Vec::new(),
            annotations: Vec::new(),
            users: Vec::new(),
            resource_arns: Vec::new(),
            instance_ids: Vec::new(),
            availability_zones: Vec::new(),
            fault_causes: Vec::new(),
            error_causes: Vec::new(),
            slow_path: None,
        };
        let count = trace.entities.len();
        Builder { trace, digest, visit_of: vec![None; count], service_of: vec![None; count], places: HashMap::new() }
    }

    fn build(mut self) -> TraceDigest {
        self.visit_segments();
        self.visit_inferred();
        self.choose_entry();
        for index in 0..self.trace.entities.len() {
            self.index_entity(index);
        }
        if self.digest.partial || !self.trace.entities.is_empty() {
            self.digest.fault_causes = root_cause::failures(self.trace, |flags| flags.fault);
            self.digest.error_causes = root_cause::failures(self.trace, |flags| (flags.error || flags.throttle) && !flags.fault);
            self.digest.slow_path = root_cause::slow_path(self.trace);
        }
        self.digest
    }

    fn visit_segments(&mut self) {
        let mut is_root = vec![false; self.trace.entities.len()];
        self.trace.roots().into_iter().for_each(|root| is_root[root] = true);
        for index in self.trace.tops() {
            let entity = &self.trace.entities[index];
            if entity.orphan {
                continue;
            }
            let inferred = entity.segment.inferred == Some(true);
            let service = self.service(service::of_segment(entity.segment), &entity.segment.name, inferred);
            self.service_of[index] = Some(service);
            self.visit_of[index] = Some(self.digest.visits.len() as u32);
            self.digest.visits.push(Visit {
                service,
                root: is_root[index],
                inferred,
                pending: false,
                served: call(entity.segment),
                caller: None,
                user: None,
            });
        }
        // Callers in a second pass: a caller's segment may come after the segment it called.
        for index in self.trace.tops() {
            let entity = &self.trace.entities[index];
            let (Some(visit), Some(caller)) = (self.visit_of[index], entity.caller) else {
                continue;
            };
            let calling = &self.trace.entities[caller];
            // The caller may be an orphan whose service is unknown; then only the callee is known.
            if let Some(service) = self.service_of[calling.owner] {
                let seen = (calling.parent.is_some()).then(|| call(calling.segment));
                self.digest.visits[visit as usize].caller = Some(Caller { service, seen });
            }
        }
    }

    fn visit_inferred(&mut self) {
        for index in 0..self.trace.entities.len() {
            if !self.trace.infers_service(index) {
                continue;
            }
            let entity = &self.trace.entities[index];
            let segment = entity.segment;
            let service = self.service(service::of_call(segment), &segment.name, true);
            let caller = self.service_of[entity.owner].map(|service| Caller { service, seen: None });
            self.visit_of[index] = Some(self.digest.visits.len() as u32);
            self.digest.visits.push(Visit {
                service,
                root: false,
                inferred: true,
                pending: segment.is_traced(),
                served: call(segment),
                caller,
                user: None,
            });
        }
    }

    /// The node's index, added where it is new.
    fn service(&mut self, id: ServiceId, name_used: &str, inferred: bool) -> u32 {
        let services = &mut self.digest.services;
        // Most traces touch a few services, which are compared faster than hashed.
        let known = if services.len() <= FEW_SERVICES {
            services.iter().position(|service| service.id == id)
        } else {
            if self.places.is_empty() {
                self.places = services.iter().enumerate().map(|(index, service)| (service.id.clone(), index)).collect();
            }
            self.places.get(&id).copied()
        };
        let index = known.unwrap_or_else(|| {
            if !self.places.is_empty() {
                self.places.insert(id.clone(), services.len());
            }
            services.push(DigestService { names: vec![id.name.clone()], id, inferred: true });
            services.len() - 1
        });
        let service = &mut services[index];
        service.inferred &= inferred;
        let is_spelling = service.id.name != name_used && service.id.name.eq_ignore_ascii_case(name_used);
        if is_spelling && service.names.len() < SPELLINGS_MAX && !service.names.iter().any(|name| name == name_used) {
            service.names.push(name_used.into());
        }
        index as u32
    }

    fn choose_entry(&mut self) {
        let visits = &self.digest.visits;
        let earliest = |among: &dyn Fn(&Visit) -> bool| {
            (0..visits.len()).filter(|&index| among(&visits[index])).min_by_key(|&index| visits[index].served.start_us)
        };
        self.digest.entry = earliest(&|visit| visit.root).or_else(|| earliest(&|_| true)).map(|index| index as u32);
    }

    fn index_entity(&mut self, index: usize) {
        let entity = &self.trace.entities[index];
        let segment = entity.segment;
        let service = self.service_of[entity.owner];
        if let Some(annotations) = &segment.annotations {
            for (key, value) in annotations.members().0 {
                self.annotate(&key, &value, service);
            }
        }
        if let Some(user) = segment.user.as_deref().filter(|user| !user.is_empty()) {
            let user = attribute(&mut self.digest.users, user, service);
            if let Some(visit) = self.visit_of[index] {
                self.digest.visits[visit as usize].user = user;
            }
        }
        if entity.parent.is_none() {
            self.index_resources(segment);
        }
        if let (Some(links), Some(service)) = (&segment.links, service) {
            let room = limit::INDEXED_VALUES_PER_TRACE.saturating_sub(self.digest.links.len());
            for link in links.iter().take(room) {
                let link = link.members();
                let attributes = link.get("attributes");
                let reference = attributes.and_then(|attributes| attributes.members().text("aws.xray.reserved.reference_type"));
                if let Some(trace_id) = link.text("trace_id").and_then(|text| text.parse().ok()) {
                    self.digest.links.push(Link {
                        service,
                        start_us: segment.start_us(),
                        trace_id,
                        segment_id: link.text("id").and_then(|text| text.parse().ok()),
                        parent: reference.as_deref() != Some("child"),
                    });
                }
            }
        }
    }

    fn annotate(&mut self, key: &str, value: &Json<'_>, service: Option<u32>) {
        let value = match value.as_str() {
            "true" => AnnotationValue::Boolean(true),
            "false" => AnnotationValue::Boolean(false),
            text if text.starts_with('"') => match value.text() {
                Some(text) => AnnotationValue::Text(truncated(&text, limit::ANNOTATION_VALUE_CHARS)),
                None => return,
            },
            number => match number.parse() {
                Ok(number) => AnnotationValue::Number(number),
                // Annotations are flat; anything nested is for metadata.
                Err(_) => return,
            },
        };
        let annotations = &mut self.digest.annotations;
        if let Some(known) = annotations.iter_mut().find(|known| known.key == key && known.value == value) {
            if let Some(service) = service.filter(|service| !known.services.contains(service)) {
                known.services.push(service);
            }
            return;
        }
        if annotations.len() >= limit::INDEXED_VALUES_PER_TRACE {
            return;
        }
        let key_known = annotations.iter().any(|known| known.key == key);
        if !key_known {
            let mut keys: Vec<&str> = annotations.iter().map(|known| known.key.as_str()).collect();
            keys.dedup();
            if keys.len() >= limit::ANNOTATION_KEYS_PER_TRACE {
                return;
            }
        }
        // One key's values stand together, so that the keys can be counted without a set.
        let at = annotations.iter().rposition(|known| known.key == key).map_or(annotations.len(), |last| last + 1);
        annotations.insert(at, Annotation { key: key.into(), value, services: service.into_iter().collect() });
    }

    fn index_resources(&mut self, segment: &Segment<'_>) {
        let digest = &mut self.digest;
        let note = |list: &mut Vec<CompactString>, text: Option<&str>| {
            let Some(text) = text.filter(|text| !text.is_empty()) else { return };
            let text = truncated(text, limit::INDEXED_TEXT_CHARS);
            if list.len() < limit::INDEXED_VALUES_PER_TRACE && !list.contains(&text) {
                list.push(text);
            }
        };
        note(&mut digest.resource_arns, segment.resource_arn.as_deref());
        let Some(aws) = &segment.aws else { return };
        if let Some(ec2) = aws.rest.get("ec2").map(Json::members) {
            note(&mut digest.instance_ids, ec2.text("instance_id").as_deref());
            note(&mut digest.availability_zones, ec2.text("availability_zone").as_deref());
        }
        if let Some(ecs) = aws.rest.get("ecs").map(Json::members) {
            note(&mut digest.availability_zones, ecs.text("availability_zone").as_deref());
            note(&mut digest.resource_arns, ecs.text("task_arn").as_deref());
            note(&mut digest.resource_arns, ecs.text("container_arn").as_deref());
        }
        note(&mut digest.resource_arns, aws.function_arn.as_deref());
    }
}

/// The text's place in the list, where it is put if there is room.
fn attribute(list: &mut Vec<Attributed>, text: &str, service: Option<u32>) -> Option<u32> {
    let text = truncated(text, limit::INDEXED_TEXT_CHARS);
    let index = match list.iter().position(|known| known.text == text) {
        Some(index) => index,
        None if list.len() >= limit::INDEXED_VALUES_PER_TRACE => return None,
        None => {
            list.push(Attributed { text, services: Vec::new() });
            list.len() - 1
        }
    };
    if let Some(service) = service.filter(|service| !list[index].services.contains(service)) {
        list[index].services.push(service);
    }
    Some(index as u32)
}

fn call(segment: &Segment<'_>) -> Call {
    let duration_us = segment.end_us().map(|end| end.saturating_sub(segment.start_us()).max(0) as u64);
    Call { start_us: segment.start_us(), duration_us, flags: Flags::of(segment), http: http(segment).map(Box::new) }
}

fn http(segment: &Segment<'_>) -> Option<DigestHttp> {
    let http = segment.http.as_ref()?;
    let empty = segment::HttpRequest::default();
    let request = http.request.as_ref().unwrap_or(&empty);
    let text = |text: &Option<Cow<'_, str>>, chars| text.as_deref().map(|text| truncated(text, chars));
    let http = DigestHttp {
        url: text(&request.url, limit::INDEXED_URL_CHARS),
        method: text(&request.method, limit::INDEXED_TEXT_CHARS),
        status: segment.status(),
        user_agent: text(&request.user_agent, limit::INDEXED_TEXT_CHARS),
        client_ip: text(&request.client_ip, limit::INDEXED_TEXT_CHARS),
    };
    (http != DigestHttp::default()).then_some(http)
}

/// The first `chars` characters.
pub(crate) fn truncated(text: &str, chars: usize) -> CompactString {
    // Most are shorter in bytes already.
    if text.len() <= chars {
        return text.into();
    }
    match text.char_indices().nth(chars) {
        Some((end, _)) => text[..end].into(),
        None => text.into(),
    }
}
