//! What insights are found from: the faults of every service, minute by minute, and who calls whom.

use model::TimeRange;
use model::insight::Impact;
use model::minute::MINUTE_US;
use model::service::ServiceId;
use serde::{Deserialize, Serialize};

use crate::filter::Expression;
use crate::graph::GraphService;
use crate::{Query, Result};

/// Services of one minute that are looked at.
const SERVICES: usize = 1_000;

/// One minute of the traces of a group.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FaultMinute {
    /// Counted from 1970.
    pub minute: i64,
    pub services: Vec<(ServiceId, Impact)>,
    /// Caller and callee, as places in `services`.
    pub calls: Vec<(usize, usize)>,
    /// Requests that came from outside.
    pub clients: Impact,
}

impl FaultMinute {
    pub fn of(&self, service: &ServiceId) -> Impact {
        self.services.iter().find(|(known, _)| known == service).map(|(_, impact)| *impact).unwrap_or_default()
    }
}

impl Query {
    pub fn fault_minute(&self, minute: i64, filter: &Expression) -> Result<FaultMinute> {
        let range = TimeRange { start_us: minute * MINUTE_US, end_us: (minute + 1) * MINUTE_US };
        Ok(of_graph(minute, &self.service_graph(range, filter)?))
    }

    /// The services that lead to some of `services`, and these: what an insight about them is about.
    pub fn impact_graph(&self, range: TimeRange, filter: &Expression, services: &[ServiceId]) -> Result<Vec<GraphService>> {
        let graph = self.service_graph(range, filter)?;
        let mut touched: Vec<bool> = graph.iter().map(|node| services.contains(&node.id)).collect();
        // Against the calls, until nothing is added.
        loop {
            let leads = |node: &GraphService, touched: &[bool]| node.edges.iter().any(|edge| touched[edge.to]);
            let more: Vec<usize> =
                graph.iter().filter(|node| !touched[node.reference] && leads(node, &touched)).map(|node| node.reference).collect();
            if more.is_empty() {
                break;
            }
            more.into_iter().for_each(|node| touched[node] = true);
        }
        let kept = graph.into_iter().filter(|node| touched[node.reference]);
        Ok(kept
            .map(|mut node| {
                node.edges.retain(|edge| touched[edge.to]);
                node
            })
            .collect())
    }
}

fn of_graph(minute: i64, graph: &[GraphService]) -> FaultMinute {
    let mut places = vec![None; graph.len()];
    let mut made = FaultMinute { minute, ..FaultMinute::default() };
    for node in graph.iter().filter(|node| node.tally.is_some()).take(SERVICES) {
        let statistics = node.tally.as_ref().map(|tally| tally.statistics).unwrap_or_default();
        places[node.reference] = Some(made.services.len());
        made.services.push((node.id.clone(), Impact { faults: statistics.fault, total: statistics.total() }));
    }
    for node in graph {
        for edge in node.edges.iter().filter(|edge| edge.link.is_none()) {
            match (places[node.reference], places[edge.to]) {
                (Some(from), Some(to)) => made.calls.push((from, to)),
                // Clients have no requests of their own.
                _ if node.tally.is_none() => {
                    let statistics = edge.tally.statistics;
                    made.clients += Impact { faults: statistics.fault, total: statistics.total() };
                }
                _ => {}
            }
        }
    }
    made
}
