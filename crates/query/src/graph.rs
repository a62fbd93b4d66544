//! The service graph: who calls whom, how often, how long, and how it ends.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::ControlFlow;

use model::digest::{DigestService, TraceDigest, Visit};
use model::minute::{From, held_back, held_until_us};
use model::service::{self, ServiceId};
use model::trace::Trace;
use model::{CompactString, SegmentId, TimeRange, TraceId, limit};
use store::{MinuteRow, Prefilter, Reader, ScanRange, Side, TraceScan};

use crate::filter::Expression;
use crate::minute::Split;
use crate::statistics::{Histogram, Tally};
use crate::summary::everything;
use crate::{Query, Result};

/// Where a canary's documents say that they come from.
const CANARY: &str = "AWS::Synthetics";

/// A node, with the edges that leave it.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphService {
    /// Its place in the graph; edges refer to it.
    pub reference: usize,
    pub id: ServiceId,
    /// All spellings met, the node's own first.
    pub names: Vec<CompactString>,
    /// Requests enter the system here.
    pub root: bool,
    /// It reported segments itself.
    pub active: bool,
    /// None for clients, which are only known from what they called.
    pub tally: Option<Tally>,
    pub edges: Vec<GraphEdge>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct GraphEdge {
    /// The node called.
    pub to: usize,
    pub tally: Tally,
    /// A link between traces instead of a call: how old the message was when it was received.
    pub link: Option<Histogram>,
}

impl Query {
    /// The graph of all requests that started in the range, in traces that meet the filter.
    pub fn service_graph(&self, range: TimeRange, filter: &Expression) -> Result<Vec<GraphService>> {
        let now_us = self.clock.now_us();
        let reader = self.reader();
        if !filter.is_everything() {
            return self.filtered_graph(&reader, range, filter, now_us);
        }
        let split = Split::of(&reader, range, now_us)?;
        draw(&reader, &split, range, now_us)
    }

    /// Sums of minutes do not know which traces are in them: every trace that may match is looked at.
    fn filtered_graph(&self, reader: &Reader, range: TimeRange, filter: &Expression, now_us: i64) -> Result<Vec<GraphService>> {
        let mut graph = Builder::default();
        let active = ScanRange::Active { from_us: range.start_us, to_us: range.end_us };
        let selected = self.selected(reader, range, filter)?;
        reader.scan(&TraceScan { prefilter: filter.prefilter(), ..everything(active, false) }, &mut |digest| {
            if selected.has(digest) {
                graph.add_visits(digest, Some(range), now_us);
                graph.add_links(digest);
            }
            ControlFlow::Continue(())
        })?;
        graph.follow_links(reader)?;
        Ok(graph.nodes)
    }

    /// The graph of some traces.
    pub fn trace_graph(&self, ids: &[TraceId]) -> Result<Vec<GraphService>> {
        let now_us = self.clock.now_us();
        let reader = self.reader();
        let mut graph = Builder::default();
        for &id in ids {
            if let Some(digest) = reader.digest(id)? {
                graph.add_visits(&digest, None, now_us);
                graph.add_links(&digest);
            }
        }
        graph.follow_links(&reader)?;
        Ok(graph.nodes)
    }
}

pub(crate) fn draw(reader: &Reader, split: &Split, range: TimeRange, now_us: i64) -> Result<Vec<GraphService>> {
    let mut graph = Builder::default();
    let mut sums = Sums::default();
    split.rows().for_each(|row| sums.add(&row));
    sums.draw(&mut graph);
    for range in &split.rest {
        let scan = everything(ScanRange::Active { from_us: range.start_us, to_us: range.end_us }, true);
        reader.scan(&scan, &mut |digest| {
            graph.add_visits(digest, Some(*range), now_us);
            ControlFlow::Continue(())
        })?;
    }
    let active = ScanRange::Active { from_us: range.start_us, to_us: range.end_us };
    reader.scan(&TraceScan { prefilter: Prefilter::Links, ..everything(active, true) }, &mut |digest| {
        graph.add_links(digest);
        ControlFlow::Continue(())
    })?;
    graph.follow_links(reader)?;
    Ok(graph.nodes)
}

/// Whether a call's inferred service is still held back: its own segment may yet arrive.
pub(crate) fn is_pending(visit: &Visit, now_us: i64) -> bool {
    held_back(visit).is_some_and(|until_us| now_us < until_us)
}

/// Whether it is too early to say that the callee of a traced call reports nothing.
pub(crate) fn callee_may_come(call_ended_us: i64, now_us: i64) -> bool {
    now_us < held_until_us(call_ended_us)
}

#[derive(Default)]
struct Builder {
    nodes: Vec<GraphService>,
    by_id: HashMap<ServiceId, usize>,
    edges: HashMap<(usize, usize, bool), usize>,
    links: Vec<Received>,
}

/// A message that a service of the graph took from another trace.
struct Received {
    node: usize,
    at_us: i64,
    from: TraceId,
    segment: SegmentId,
}

impl Builder {
    fn add_visits(&mut self, digest: &TraceDigest, range: Option<TimeRange>, now_us: i64) {
        let mut nodes: Vec<Option<usize>> = vec![None; digest.services.len()];
        let mut node = |builder: &mut Builder, service: u32| {
            *nodes[service as usize].get_or_insert_with(|| builder.node_of(digest.service(service)))
        };
        for visit in &digest.visits {
            if is_pending(visit, now_us) || range.is_some_and(|range| !range.contains(visit.served.start_us)) {
                continue;
            }
            let to = node(self, visit.service);
            self.nodes[to].tally.get_or_insert_default().add(&visit.served);
            if let Some(caller) = &visit.caller {
                let from = node(self, caller.service);
                self.edge(from, to, false).tally.add(visit.requested());
            } else if visit.root
                && let Some(from) = self.client_of(to, digest.service(visit.service))
            {
                self.edge(from, to, false).tally.add(&visit.served);
            }
        }
    }

    fn add_links(&mut self, digest: &TraceDigest) {
        for link in digest.links.iter().filter(|link| link.parent) {
            if let (Some(segment), true) = (link.segment_id, self.links.len() < limit::LINKS_PER_GRAPH) {
                let node = self.node_of(digest.service(link.service));
                self.links.push(Received { node, at_us: link.start_us, from: link.trace_id, segment });
            }
        }
    }

    /// Draws an edge from whatever a message came from (a queue, or the sender where there is none) to its receiver.
    fn follow_links(&mut self, reader: &Reader) -> Result<()> {
        // Those into one trace together, so that it is put together once.
        let mut links = std::mem::take(&mut self.links);
        links.sort_by_key(|link| link.from);
        for links in links.chunk_by(|a, b| a.from == b.from) {
            let documents = reader.documents(links[0].from)?;
            self.follow_links_into(&Trace::assemble(&documents.segments()), links);
        }
        Ok(())
    }

    fn follow_links_into(&mut self, trace: &Trace<'_>, links: &[Received]) {
        for link in links {
            let Some(index) = trace.by_id(link.segment) else { continue };
            let sent = trace.entities[index].segment;
            let (id, active) = if trace.infers_service(index) {
                (service::of_call(sent), false)
            } else {
                (service::of_segment(trace.entities[trace.entities[index].owner].segment), true)
            };
            let from = self.node(&id, std::slice::from_ref(&id.name), active);
            let age_us = link.at_us.saturating_sub(sent.end_us().unwrap_or_else(|| sent.start_us())).max(0) as u64;
            if let Some(ages) = &mut self.edge(from, link.node, true).link {
                ages.add(age_us);
            }
        }
    }

    fn node_of(&mut self, service: &DigestService) -> usize {
        self.node(&service.id, &service.names, !service.inferred)
    }

    /// The node of the clients that call `root`, which this makes a way into the system. A canary is a client itself, and nobody's service.
    fn client_of(&mut self, root: usize, service: &DigestService) -> Option<usize> {
        self.nodes[root].root = true;
        if service.id.kind.as_deref() == Some(CANARY) {
            return None;
        }
        let client = ServiceId { kind: Some("client".into()), ..service.id.clone() };
        Some(self.node(&client, &service.names[..1], false))
    }

    fn node(&mut self, id: &ServiceId, names: &[CompactString], active: bool) -> usize {
        let index = match self.by_id.get(id) {
            Some(&index) => index,
            None => {
                let index = match self.by_id.entry(normalised(id)) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(vacant) => {
                        let index = self.nodes.len();
                        vacant.insert(index);
                        self.nodes.push(GraphService {
                            reference: index,
                            id: id.clone(),
                            names: Vec::new(),
                            root: false,
                            active: false,
                            tally: None,
                            edges: Vec::new(),
                        });
                        index
                    }
                };
                self.by_id.insert(id.clone(), index);
                index
            }
        };
        let node = &mut self.nodes[index];
        node.active |= active;
        for name in names {
            if !node.names.contains(name) {
                node.names.push(name.clone());
            }
        }
        index
    }

    fn edge(&mut self, from: usize, to: usize, link: bool) -> &mut GraphEdge {
        let edges = &mut self.nodes[from].edges;
        let place = *self.edges.entry((from, to, link)).or_insert_with(|| {
            edges.push(GraphEdge { to, tally: Tally::default(), link: link.then(Histogram::default) });
            edges.len() - 1
        });
        &mut edges[place]
    }
}

/// Requests of whole minutes, added up before anything is drawn: what one part counts, another may take back.
#[derive(Default)]
struct Sums {
    services: Vec<DigestService>,
    places: HashMap<DigestService, usize>,
    edges: HashMap<(usize, From<usize>), Sum>,
}

#[derive(Default)]
struct Sum {
    visits: i64,
    served: Tally,
    /// None where it is the same.
    requested: Option<Tally>,
}

impl Sums {
    fn add(&mut self, row: &MinuteRow<'_>) {
        let to = self.place(&row.to);
        let from = match &row.from {
            From::Unknown => From::Unknown,
            From::Client => From::Client,
            From::Service(caller) => From::Service(self.place(caller)),
        };
        let sum = self.edges.entry((to, from)).or_default();
        if row.requested.is_some() && sum.requested.is_none() {
            sum.requested = Some(sum.served.clone());
        }
        sum.visits += row.visits;
        sum.served.add_sums(&row.served);
        if let Some(requested) = &mut sum.requested {
            requested.add_sums(row.requested.as_ref().unwrap_or(&row.served));
        }
    }

    fn place(&mut self, side: &Side<'_>) -> usize {
        let service = side.to_service();
        if let Some(&place) = self.places.get(&service) {
            return place;
        }
        self.services.push(service.clone());
        self.places.insert(service, self.services.len() - 1);
        self.services.len() - 1
    }

    fn draw(self, graph: &mut Builder) {
        let mut edges: Vec<((usize, From<usize>), Sum)> = self.edges.into_iter().filter(|(_, sum)| sum.visits > 0).collect();
        edges.sort_unstable_by_key(|(key, _)| *key);
        for ((to, from), sum) in edges {
            let service = &self.services[to];
            let to = graph.node_of(service);
            graph.nodes[to].tally.get_or_insert_default().merge(&sum.served);
            let from = match from {
                From::Unknown => continue,
                From::Client => match graph.client_of(to, service) {
                    Some(client) => client,
                    None => continue,
                },
                From::Service(caller) => graph.node_of(&self.services[caller]),
            };
            graph.edge(from, to, false).tally.merge(sum.requested.as_ref().unwrap_or(&sum.served));
        }
    }
}

/// AWS services whose names differ only in case are one node; everything else is told apart by case.
fn normalised(id: &ServiceId) -> ServiceId {
    match &id.kind {
        // Resources (tables, buckets, queues) have names of their own, in which case matters.
        Some(kind) if kind.starts_with("AWS::") && kind.matches("::").count() == 1 => ServiceId {
            name: id.name.to_ascii_lowercase(),
            kind: Some(kind.to_ascii_lowercase()),
            account_id: id.account_id.clone(),
        },
        _ => id.clone(),
    }
}

#[cfg(test)]
mod tests;
