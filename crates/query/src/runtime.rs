//! Where services run: what their segments say of their containers.

use std::collections::{BTreeMap, BTreeSet};

use model::segment::Json;
use model::service::{self, ServiceId};
use model::{Segment, TimeRange, limit};

use crate::filter::Expression;
use crate::summary::{SummaryQuery, TimeRangeType};
use crate::{Query, Result};

/// Traces that are looked at, the newest first.
const TRACES_MAX: usize = 2_000;
const TRACES_PER_STEP: usize = 200;
/// A service that was seen in so many traces is known well enough.
const TRACES_PER_SERVICE: usize = 200;
const MARKS_MAX: usize = 10_000;

/// A service, and what its containers can be known by.
#[derive(Debug, Clone)]
pub struct Runtime {
    pub service: ServiceId,
    /// Names, ids and addresses of containers, ids of tasks: whatever segments say.
    pub marks: BTreeSet<String>,
    /// Hosts at which it was asked, where segments say nothing else.
    pub hosts: BTreeSet<String>,
}

impl Query {
    /// Of the services of the newest traces.
    pub fn runtimes(&self, range: TimeRange) -> Result<Vec<Runtime>> {
        let reader = self.reader();
        let mut query = SummaryQuery {
            range,
            range_type: TimeRangeType::Event,
            filter: Expression::Constant(true),
            sample: None,
            after: None,
            limit: TRACES_PER_STEP,
            budget: limit::TRACES_SCANNED_PER_PAGE as u64,
        };
        let mut found: BTreeMap<(String, String), (usize, Runtime)> = BTreeMap::new();
        let (mut looked_at, mut marks) = (0, 0);
        while looked_at < TRACES_MAX && marks < MARKS_MAX {
            let page = self.summaries(&query)?;
            for summary in &page.summaries {
                looked_at += 1;
                let own = || summary.digest.services.iter().filter(|service| !service.inferred);
                let is_known = |id: &ServiceId| found.get(&key(id)).is_some_and(|(traces, _)| *traces >= TRACES_PER_SERVICE);
                if own().all(|service| is_known(&service.id)) {
                    continue;
                }
                let documents = reader.documents(summary.digest.id)?;
                for segment in documents.segments().iter().filter(|segment| segment.kind.is_none()) {
                    let id = service::of_segment(segment);
                    let (traces, runtime) = found
                        .entry(key(&id))
                        .or_insert_with(|| (0, Runtime { service: id, marks: BTreeSet::new(), hosts: BTreeSet::new() }));
                    *traces += 1;
                    let before = runtime.marks.len() + runtime.hosts.len();
                    note(segment, runtime);
                    marks += runtime.marks.len() + runtime.hosts.len() - before;
                }
            }
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        Ok(found.into_values().map(|(_, runtime)| runtime).filter(|it| !it.marks.is_empty() || !it.hosts.is_empty()).collect())
    }
}

fn key(id: &ServiceId) -> (String, String) {
    (id.name.to_string(), id.kind.as_deref().unwrap_or_default().to_owned())
}

fn note(segment: &Segment<'_>, runtime: &mut Runtime) {
    let ecs = segment.aws.as_ref().and_then(|aws| aws.rest.get("ecs")).map(Json::members);
    let told = ["container", "container_id", "container_arn", "task_arn"].map(|name| ecs.as_ref()?.text(name));
    let mut is_told = false;
    for mark in told.iter().flatten() {
        // Short names of ARNs.
        let mark = mark.rsplit('/').next().unwrap_or(mark);
        if !mark.is_empty() {
            is_told = true;
            runtime.marks.insert(mark.to_owned());
        }
    }
    if !is_told && let Some(host) = segment.request().and_then(|request| host(request.url.as_deref()?)) {
        runtime.hosts.insert(host.to_owned());
    }
}

/// Of a URL, without its port.
fn host(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#']).next()?.rsplit('@').next()?;
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => authority.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_urls() {
        for (url, expected) in [
            ("http://backend1:5000/items?x=1", Some("backend1")),
            ("https://user@172.17.0.3/", Some("172.17.0.3")),
            ("http://[fd00::2]:80/", Some("fd00::2")),
            ("http://host", Some("host")),
            ("/items", None),
            ("http:///x", None),
        ] {
            assert_eq!(host(url), expected, "{url}");
        }
    }
}
