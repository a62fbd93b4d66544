//! The service graph: who calls whom, how often, how long, and how it ends.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use model::digest::{TraceDigest, Visit};
use model::service::{self, ServiceId};
use model::trace::Trace;
use model::{CompactString, SegmentId, TimeRange, TraceId, limit};
use store::{Reader, ScanRange};

use crate::statistics::{Histogram, Tally};
use crate::summary::everything;
use crate::{Query, Result};

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
    /// The graph of all requests that started in the range.
    pub fn service_graph(&self, range: TimeRange) -> Result<Vec<GraphService>> {
        let now_us = self.clock.now_us();
        let mut graph = Builder::default();
        let scan = everything(ScanRange::Active { from_us: range.start_us, to_us: range.end_us }, true);
        let reader = self.reader();
        reader.scan(&scan, &mut |digest| {
            graph.add(digest, Some(range), now_us);
            std::ops::ControlFlow::Continue(())
        })?;
        graph.follow_links(&reader)?;
        Ok(graph.nodes)
    }

    /// The graph of some traces.
    pub fn trace_graph(&self, ids: &[TraceId]) -> Result<Vec<GraphService>> {
        let now_us = self.clock.now_us();
        let reader = self.reader();
        let mut graph = Builder::default();
        for &id in ids {
            if let Some(digest) = reader.digest(id)? {
                graph.add(&digest, None, now_us);
            }
        }
        graph.follow_links(&reader)?;
        Ok(graph.nodes)
    }
}

/// Whether a call's inferred service is still held back: its own segment may yet arrive.
pub(crate) fn is_pending(visit: &Visit, now_us: i64) -> bool {
    let ended_us = visit.served.start_us.saturating_add_unsigned(visit.served.duration_us.unwrap_or(0));
    visit.pending && callee_may_come(ended_us, now_us)
}

/// Whether it is too early to say that the callee of a traced call reports nothing.
pub(crate) fn callee_may_come(call_ended_us: i64, now_us: i64) -> bool {
    now_us.saturating_sub(call_ended_us) < limit::TRACED_GRACE_SECS * 1_000_000
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
    fn add(&mut self, digest: &TraceDigest, range: Option<TimeRange>, now_us: i64) {
        let mut nodes: Vec<Option<usize>> = vec![None; digest.services.len()];
        let mut node = |builder: &mut Builder, service: u32| {
            *nodes[service as usize].get_or_insert_with(|| {
                let service = digest.service(service);
                builder.node(&service.id, &service.names, !service.inferred)
            })
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
            } else if visit.root {
                self.nodes[to].root = true;
                let service = digest.service(visit.service);
                let client = ServiceId { kind: Some("client".into()), ..service.id.clone() };
                let from = self.node(&client, &service.names[..1], false);
                self.edge(from, to, false).tally.add(&visit.served);
            }
        }
        for link in digest.links.iter().filter(|link| link.parent) {
            if let (Some(segment), true) = (link.segment_id, self.links.len() < limit::LINKS_PER_GRAPH) {
                let node = node(self, link.service);
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
