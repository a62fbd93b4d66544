//! Clusters, and what runs in them: what machines report, and what people say about how much is measured.

pub mod performance;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use model::cluster::{Cluster, ClusterDefault};
use model::container::{Container, Insights, Report, Status, Task};
use model::metric::{Dimensions, Metric};
use model::time::SECOND_US;
use model::{Clock, CompactString};
use query::runtime::Runtime;
use store::Catalog;

use crate::{Error, Result};

/// How long what ended is still told (ECS).
const ENDED_US: i64 = 3_600 * SECOND_US;
/// A machine that said nothing for so long is gone.
const SILENT_US: i64 = 180 * SECOND_US;
/// Clusters of an account (AWS).
const CLUSTERS_MAX: usize = 10_000;
/// Tasks that ended and are still told.
const ENDED_MAX: usize = 10_000;
/// Machines whose last report is remembered, besides those that are there.
const REPORTERS_MAX: usize = 10_000;
/// Digits of a container's id that tell it apart.
const SHORT_ID: usize = 12;
const NAMESPACE: &str = "ECS/ContainerInsights";

/// The clusters of an account. Cheap to clone.
#[derive(Clone)]
pub struct Clusters {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    /// Where nobody changed it.
    configured: Insights,
    known: Arc<RwLock<Option<Known>>>,
    live: Arc<Mutex<Live>>,
    change: Arc<tokio::sync::Mutex<()>>,
}

/// What the catalog has.
#[derive(Clone, Default)]
struct Known {
    clusters: BTreeMap<String, Cluster>,
    default: Option<Insights>,
}

#[derive(Default)]
struct Live {
    /// By what reports.
    instances: BTreeMap<String, Instance>,
    /// The last report of each: who made it, and its number.
    reporters: BTreeMap<String, (u64, u64)>,
    /// Those that no machine has any more, by when they were last seen.
    ended: Vec<(i64, Task)>,
}

struct Instance {
    seen_us: i64,
    tasks: Vec<Task>,
}

/// A service: tasks that do the same work.
#[derive(Debug, Clone)]
pub struct Service {
    pub cluster: CompactString,
    pub name: CompactString,
    /// Newest first.
    pub deployments: Vec<Deployment>,
    pub desired: usize,
    pub running: usize,
    pub pending: usize,
    pub created_us: i64,
}

/// Tasks of a service that are of the same definition and images.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Equal where definition and images are.
    pub id: String,
    pub family: CompactString,
    pub revision: CompactString,
    pub running: usize,
    pub pending: usize,
    pub failed: usize,
    pub created_us: i64,
    pub updated_us: i64,
}

/// A cluster with what runs in it.
#[derive(Debug, Clone)]
pub struct Populated {
    pub cluster: Cluster,
    pub instances: usize,
    pub services: usize,
    pub running: usize,
    pub pending: usize,
}

impl Clusters {
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>, configured: Insights) -> Clusters {
        Clusters { catalog, clock, configured, known: Arc::default(), live: Arc::default(), change: Arc::default() }
    }

    /// Those of another account.
    pub fn of(&self, catalog: Catalog) -> Clusters {
        Clusters::new(catalog, self.clock.clone(), self.configured)
    }

    /// What the catalog has, which is read once.
    async fn known(&self) -> Result<Known> {
        if let Some(known) = &*self.known.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(known.clone());
        }
        let clusters: Vec<Cluster> = self.catalog.resources().await?;
        let clusters = clusters.into_iter().map(|cluster| (cluster.name.clone(), cluster)).collect();
        let default: Option<ClusterDefault> = self.catalog.resource("").await?;
        let known = Known { clusters, default: default.map(|default| default.insights) };
        self.set_known(known.clone());
        Ok(known)
    }

    fn set_known(&self, known: Known) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }

    fn live(&self) -> std::sync::MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns what is on a machine, and what is there no more. Clusters that nobody knew are made. Gives the metrics that clusters
    /// want; none where the report is known already.
    pub async fn report(&self, report: &Report) -> Result<Option<Vec<Metric>>> {
        let now_us = self.clock.now_us();
        if self.live().is_known(report) {
            return Ok(None);
        }
        let names: BTreeSet<&str> = report.tasks.iter().map(|task| task.cluster.as_str()).collect();
        let known = self.known().await?;
        for name in names.into_iter().filter(|name| !known.clusters.contains_key(*name)) {
            match self.create(name, None, BTreeMap::new()).await {
                Ok(_) | Err(Error::Invalid(_) | Error::LimitExceeded(_)) => {}
                Err(err) => return Err(err),
            }
        }
        let known = self.known().await?;
        let of_others = known.default.unwrap_or(self.configured);
        let wants = |metric: &&Metric| {
            let cluster = metric.dimensions.get("ClusterName").and_then(|name| known.clusters.get(name));
            detail(metric).is_for(cluster.map_or(of_others, |cluster| cluster.insights))
        };
        let wanted = report.metrics.iter().filter(wants).cloned().collect();
        // What was told long ago says nothing of what is there now.
        if now_us - report.time_us <= SILENT_US {
            self.live().learn(report, now_us);
        }
        Ok(Some(wanted))
    }

    /// Remembers that a report was taken in whole.
    pub fn taken(&self, report: &Report) {
        let mut live = self.live();
        live.reporters.insert(key(report), (report.reporter, report.number));
        if live.reporters.len() > REPORTERS_MAX {
            let Live { instances, reporters, .. } = &mut *live;
            reporters.retain(|name, _| instances.contains_key(name));
        }
    }

    /// How much is measured of a cluster.
    pub async fn insights(&self, cluster: &str) -> Result<Insights> {
        let known = self.known().await?;
        Ok(known.clusters.get(cluster).map_or(known.default.unwrap_or(self.configured), |cluster| cluster.insights))
    }

    /// What new clusters get.
    pub async fn default_insights(&self) -> Result<Insights> {
        Ok(self.known().await?.default.unwrap_or(self.configured))
    }

    pub async fn set_default_insights(&self, insights: Insights) -> Result<()> {
        let _change = self.change.lock().await;
        let mut known = self.known().await?;
        self.catalog.put_resource(&ClusterDefault { insights }).await?;
        known.default = Some(insights);
        self.set_known(known);
        Ok(())
    }

    /// Makes a cluster. One that exists is given as it is, as ECS does.
    pub async fn create(&self, name: &str, insights: Option<Insights>, tags: BTreeMap<String, String>) -> Result<Cluster> {
        let _change = self.change.lock().await;
        let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        // Compose lets a dot into project names of old.
        if name.is_empty() || name.len() > 255 || !name.chars().all(|letter| is_allowed(letter) || letter == '.') {
            return Err(Error::Invalid("Cluster names have from 1 to 255 letters, digits, dashes and underscores.".to_owned()));
        }
        let mut known = self.known().await?;
        if let Some(cluster) = known.clusters.get(name) {
            return Ok(cluster.clone());
        }
        if known.clusters.len() >= CLUSTERS_MAX {
            return Err(Error::LimitExceeded(format!("There are {CLUSTERS_MAX} clusters, the limit.")));
        }
        let insights = insights.or(known.default).unwrap_or(self.configured);
        let cluster = Cluster { name: name.to_owned(), insights, created_us: self.clock.now_us(), tags };
        self.catalog.put_resource(&cluster).await?;
        known.clusters.insert(name.to_owned(), cluster.clone());
        self.set_known(known);
        Ok(cluster)
    }

    pub async fn set_insights(&self, name: &str, insights: Insights) -> Result<Cluster> {
        let _change = self.change.lock().await;
        let mut known = self.known().await?;
        let cluster = known.clusters.get_mut(name).ok_or_else(|| no_cluster(name))?;
        cluster.insights = insights;
        let cluster = cluster.clone();
        self.catalog.put_resource(&cluster).await?;
        self.set_known(known);
        Ok(cluster)
    }

    /// Refused while something runs in it.
    pub async fn delete(&self, name: &str) -> Result<Populated> {
        let _change = self.change.lock().await;
        let mut known = self.known().await?;
        let cluster = known.clusters.remove(name).ok_or_else(|| no_cluster(name))?;
        let populated = self.populated(cluster);
        if populated.running + populated.pending > 0 {
            return Err(Error::Conflict("The Cluster cannot be deleted while Tasks are active.".to_owned()));
        }
        self.catalog.delete_resource::<Cluster>(name).await?;
        self.set_known(known);
        Ok(populated)
    }

    /// By name.
    pub async fn list(&self) -> Result<Vec<Populated>> {
        Ok(self.known().await?.clusters.into_values().map(|cluster| self.populated(cluster)).collect())
    }

    fn populated(&self, cluster: Cluster) -> Populated {
        let tasks = self.tasks(&cluster.name);
        let of = |status: Status| tasks.iter().filter(|task| task.status() == status).count();
        let active = || tasks.iter().filter(|task| task.status() != Status::Stopped);
        let instances = active().map(|task| task.instance.as_str()).collect::<BTreeSet<_>>().len();
        let services = active().filter_map(|task| task.service.as_deref()).collect::<BTreeSet<_>>().len();
        Populated { instances, services, running: of(Status::Running), pending: of(Status::Pending), cluster }
    }

    /// Those of a cluster that run, will, or ended not long ago.
    pub fn tasks(&self, cluster: &str) -> Vec<Task> {
        let now_us = self.clock.now_us();
        let mut live = self.live();
        live.sweep(now_us);
        let all = live.instances.values().flat_map(|instance| &instance.tasks).chain(live.ended.iter().map(|(_, task)| task));
        all.filter(|task| task.cluster == cluster && is_recent(task, now_us)).cloned().collect()
    }

    /// Those of a cluster that have a task, by name.
    pub fn services(&self, cluster: &str) -> Vec<Service> {
        let present: BTreeSet<CompactString> = {
            let live = self.live();
            live.instances.values().flat_map(|instance| &instance.tasks).map(|task| task.id.clone()).collect()
        };
        let mut of_service: BTreeMap<CompactString, Vec<Task>> = BTreeMap::new();
        for task in self.tasks(cluster) {
            if let Some(service) = &task.service {
                of_service.entry(service.clone()).or_default().push(task);
            }
        }
        of_service.into_iter().filter_map(|(name, tasks)| service(cluster, name, &tasks, &present)).collect()
    }

    /// The containers of each runtime, as far as they are known.
    pub async fn placed(&self, runtimes: &[Runtime]) -> Result<Vec<Vec<(Task, Container)>>> {
        let mut tasks = Vec::new();
        for name in self.known().await?.clusters.keys() {
            tasks.extend(self.tasks(name));
        }
        Ok(runtimes.iter().map(|runtime| containers_of(runtime, &tasks)).collect())
    }

    /// The counts that clusters and services have at the moment. Those in which nothing runs have none (AWS).
    pub async fn counts(&self, time_us: i64) -> Result<Vec<Metric>> {
        let mut metrics = Vec::new();
        for populated in self.list().await? {
            if populated.running == 0 || populated.cluster.insights == Insights::Disabled {
                continue;
            }
            let name = populated.cluster.name.as_str();
            let mut count = |service: Option<&str>, metric: &str, value: usize| {
                let service = service.map(|service| ("ServiceName", service));
                let dimensions = Dimensions::new([("ClusterName", name)].into_iter().chain(service));
                metrics.push(Metric::value(time_us, NAMESPACE, metric, "Count", value as f64).of(dimensions));
            };
            count(None, "ContainerInstanceCount", populated.instances);
            count(None, "ServiceCount", populated.services);
            count(None, "TaskCount", populated.running);
            for service in self.services(name) {
                let of = Some(service.name.as_str());
                count(of, "DesiredTaskCount", service.desired);
                count(of, "RunningTaskCount", service.running);
                count(of, "PendingTaskCount", service.pending);
                count(of, "DeploymentCount", service.deployments.len());
                count(of, "TaskSetCount", 0);
            }
        }
        Ok(metrics)
    }
}

/// How much someone wants to know to be told of a metric: clusters that are `disabled` are told what ECS tells everyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Detail(Insights);

impl Detail {
    fn is_for(self, insights: Insights) -> bool {
        insights >= self.0
    }
}

/// Which detail a metric is.
fn detail(metric: &Metric) -> Detail {
    const CLASSIC: [&str; 14] = [
        "CpuUtilized",
        "CpuReserved",
        "MemoryUtilized",
        "MemoryReserved",
        "NetworkRxBytes",
        "NetworkTxBytes",
        "StorageReadBytes",
        "StorageWriteBytes",
        "ContainerInstanceCount",
        "ServiceCount",
        "TaskCount",
        "DesiredTaskCount",
        "RunningTaskCount",
        "PendingTaskCount",
    ];
    if metric.namespace != NAMESPACE {
        return Detail(Insights::Disabled);
    }
    let is_classic = CLASSIC.contains(&metric.name.as_str())
        || matches!(metric.name.as_str(), "DeploymentCount" | "TaskSetCount")
        || metric.name.starts_with("instance_");
    let is_of_one = ["TaskId", "ContainerName"].iter().any(|name| metric.dimensions.get(name).is_some());
    Detail(if is_classic && !is_of_one { Insights::Enabled } else { Insights::Enhanced })
}

fn key(report: &Report) -> String {
    format!("{} {}", report.instance, report.source)
}

impl Live {
    /// Whether it came before: its sender did not hear that.
    fn is_known(&self, report: &Report) -> bool {
        let last = self.reporters.get(&key(report));
        last.is_some_and(|(reporter, number)| *reporter == report.reporter && report.number <= *number)
    }

    fn learn(&mut self, report: &Report, now_us: i64) {
        let reported = Instance { seen_us: now_us, tasks: report.tasks.clone() };
        let before = self.instances.insert(key(report), reported);
        let told: BTreeSet<&str> = report.tasks.iter().chain(&report.gone).map(|task| task.id.as_str()).collect();
        let missing = before.into_iter().flat_map(|before| before.tasks).filter(|task| !told.contains(task.id.as_str()));
        self.ended.extend(report.gone.iter().cloned().chain(missing).map(|task| (now_us, ended(task, now_us))));
        self.sweep(now_us);
    }

    /// Forgets machines that are gone, and what ended long ago.
    fn sweep(&mut self, now_us: i64) {
        let is_gone = |instance: &Instance| now_us - instance.seen_us > SILENT_US;
        let gone: Vec<String> =
            self.instances.iter().filter(|(_, instance)| is_gone(instance)).map(|(name, _)| name.clone()).collect();
        for name in gone {
            let tasks = self.instances.remove(&name).map(|instance| instance.tasks).unwrap_or_default();
            self.ended.extend(tasks.into_iter().map(|task| (now_us, ended(task, now_us))));
        }
        self.ended.retain(|(seen_us, _)| now_us - seen_us < ENDED_US);
        self.ended.drain(..self.ended.len().saturating_sub(ENDED_MAX));
    }
}

/// A task that nothing is heard of any more, as one that ended.
fn ended(mut task: Task, now_us: i64) -> Task {
    for container in task.containers.iter_mut().filter(|container| container.status != Status::Stopped) {
        container.status = Status::Stopped;
        container.stopped_us = Some(now_us);
    }
    task
}

fn is_recent(task: &Task, now_us: i64) -> bool {
    task.status() != Status::Stopped || task.stopped_us().is_some_and(|stopped_us| now_us - stopped_us < ENDED_US)
}

/// Where segments name a container or a task, these are meant; where they only say at which host they were asked, what has that
/// address or name.
fn containers_of(runtime: &Runtime, tasks: &[Task]) -> Vec<(Task, Container)> {
    let is_named = |task: &Task, container: &Container| {
        let marks = &runtime.marks;
        marks.contains(task.id.as_str())
            || (!container.host_name.is_empty() && marks.contains(&container.host_name))
            || marks.contains(&container.engine_name)
            // Engines shorten ids to twelve digits, and make host names of them.
            || marks.iter().any(|mark| mark.len() >= SHORT_ID && container.id.starts_with(mark.as_str()))
    };
    let is_asked = |task: &Task, container: &Container| {
        let hosts = &runtime.hosts;
        let in_network = task.containers.iter().flat_map(|container| &container.addresses);
        in_network.into_iter().any(|address| hosts.contains(address))
            || hosts.contains(&container.engine_name)
            || hosts.contains(container.name.as_str())
            || task.service.as_deref().is_some_and(|service| hosts.contains(service))
    };
    // Addresses are given to others when a container has ended.
    let is_there = |(_, container): &(&Task, &Container)| container.status == Status::Running;
    let all = || tasks.iter().flat_map(|task| task.working().map(move |container| (task, container)));
    let has_running = all().filter(is_there).any(|(task, container)| is_asked(task, container));
    let is_meant = |found: &(&Task, &Container)| {
        let (task, container) = found;
        is_named(task, container) || (is_asked(task, container) && (is_there(found) || !has_running))
    };
    all().filter(is_meant).map(|(task, container)| (task.clone(), container.clone())).collect()
}

fn no_cluster(name: &str) -> Error {
    Error::NoResource(format!("Cluster {name} not found."))
}

/// None where all that there was is gone.
fn service(cluster: &str, name: CompactString, tasks: &[Task], present: &BTreeSet<CompactString>) -> Option<Service> {
    let mut deployments: Vec<Deployment> = Vec::new();
    let (mut running, mut pending, mut failed) = (0, 0, 0);
    for task in tasks {
        let (status, created_us) = (task.status(), task.created_us().unwrap_or(0));
        // What failed and was not replaced is what is wanted and not there.
        let has_failed = task.failed() && present.contains(&task.id);
        if status == Status::Stopped && !has_failed {
            continue;
        }
        let images = task.working().map(|container| container.image_id.as_str());
        let id = [&*task.family, &*task.revision].into_iter().chain(images).collect::<Vec<_>>().join(" ");
        let place = deployments.iter().position(|deployment| deployment.id == id).unwrap_or_else(|| {
            deployments.push(Deployment {
                id,
                family: task.family.clone(),
                revision: task.revision.clone(),
                running: 0,
                pending: 0,
                failed: 0,
                created_us,
                updated_us: created_us,
            });
            deployments.len() - 1
        });
        let deployment = &mut deployments[place];
        deployment.created_us = deployment.created_us.min(created_us);
        deployment.updated_us = deployment.updated_us.max(task.started_us().unwrap_or(created_us));
        let counts = match status {
            Status::Running => (&mut running, &mut deployment.running),
            Status::Pending => (&mut pending, &mut deployment.pending),
            Status::Stopped => (&mut failed, &mut deployment.failed),
        };
        *counts.0 += 1;
        *counts.1 += 1;
    }
    deployments.sort_by_key(|deployment| std::cmp::Reverse(deployment.created_us));
    let created_us = deployments.iter().map(|deployment| deployment.created_us).min()?;
    Some(Service { cluster: cluster.into(), name, desired: running + pending + failed, running, pending, deployments, created_us })
}

#[cfg(test)]
mod tests;
