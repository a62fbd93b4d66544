//! What containers used, as metrics: statistic sets of the readings of a period, of each container and task and of what these belong to.

use std::collections::HashMap;

use model::CompactString;
use model::container::MIB;
use model::metric::{Dimensions, Metric, NO_UNIT, STANDARD_PERIOD, Sums};

pub(crate) const CONTAINER_INSIGHTS: &str = "ECS/ContainerInsights";
/// What ECS measures of clusters and services for everyone.
pub(crate) const ECS: &str = "AWS/ECS";

/// What a container used in the time between two readings.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Reading {
    /// CPU units.
    pub(crate) cpu: f64,
    pub(crate) cpu_reserved: f64,
    /// MiB.
    pub(crate) memory: f64,
    pub(crate) memory_reserved: f64,
    /// Bytes a second, where its network is not the machine's.
    pub(crate) received: Option<f64>,
    pub(crate) sent: Option<f64>,
    /// Bytes since it started.
    pub(crate) read: f64,
    pub(crate) written: f64,
    pub(crate) processes: f64,
    /// The share of periods, in percent, in which it was held back.
    pub(crate) throttled: Option<f64>,
    /// The share of time, in percent, in which something waited for CPU, memory and disk.
    pub(crate) pressure: Option<[f64; 3]>,
    /// Of the storage that ends with a task, in GiB: used, and there.
    pub(crate) ephemeral: Option<(f64, f64)>,
}

/// Values of a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Set(Sums);

impl Default for Set {
    fn default() -> Set {
        Set(Sums { samples: 0.0, sum: 0.0, minimum: f64::INFINITY, maximum: f64::NEG_INFINITY })
    }
}

impl Set {
    pub(crate) fn add(&mut self, value: f64) {
        if value.is_finite() {
            self.merge(&Sums { samples: 1.0, sum: value, minimum: value, maximum: value });
        }
    }

    fn merge(&mut self, sums: &Sums) {
        self.0.samples += sums.samples;
        self.0.sum += sums.sum;
        self.0.minimum = self.0.minimum.min(sums.minimum);
        self.0.maximum = self.0.maximum.max(sums.maximum);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.samples == 0.0
    }
}

/// What is measured of containers and tasks: the name of each, where it has one, its unit, and how it is had of a reading.
pub(crate) struct Measure {
    pub(crate) of_task: Option<&'static str>,
    pub(crate) of_container: Option<&'static str>,
    unit: &'static str,
    pub(crate) value: fn(&Reading) -> Option<f64>,
}

const fn measure(
    of_task: Option<&'static str>,
    of_container: Option<&'static str>,
    unit: &'static str,
    value: fn(&Reading) -> Option<f64>,
) -> Measure {
    Measure { of_task, of_container, unit, value }
}

pub(crate) const MEASURES: [Measure; 18] = [
    measure(Some("CpuUtilized"), Some("ContainerCpuUtilized"), NO_UNIT, |reading| Some(reading.cpu)),
    measure(Some("CpuReserved"), Some("ContainerCpuReserved"), NO_UNIT, |reading| Some(reading.cpu_reserved)),
    measure(Some("TaskCpuUtilization"), Some("ContainerCpuUtilization"), "Percent", |reading| {
        share(reading.cpu, reading.cpu_reserved)
    }),
    measure(Some("MemoryUtilized"), Some("ContainerMemoryUtilized"), "Megabytes", |reading| Some(reading.memory)),
    measure(Some("MemoryReserved"), Some("ContainerMemoryReserved"), "Megabytes", |reading| Some(reading.memory_reserved)),
    measure(Some("TaskMemoryUtilization"), Some("ContainerMemoryUtilization"), "Percent", |reading| {
        share(reading.memory, reading.memory_reserved)
    }),
    measure(Some("NetworkRxBytes"), Some("ContainerNetworkRxBytes"), "Bytes/Second", |reading| reading.received),
    measure(Some("NetworkTxBytes"), Some("ContainerNetworkTxBytes"), "Bytes/Second", |reading| reading.sent),
    measure(Some("StorageReadBytes"), Some("ContainerStorageReadBytes"), "Bytes", |reading| Some(reading.read)),
    measure(Some("StorageWriteBytes"), Some("ContainerStorageWriteBytes"), "Bytes", |reading| Some(reading.written)),
    measure(Some("EphemeralStorageUtilized"), None, "Gigabytes", |reading| reading.ephemeral.map(|(used, _)| used)),
    measure(Some("EphemeralStorageReserved"), None, "Gigabytes", |reading| reading.ephemeral.map(|(_, there)| there)),
    measure(Some("TaskEphemeralStorageUtilization"), None, "Percent", |reading| {
        reading.ephemeral.and_then(|(used, there)| share(used, there))
    }),
    // What ECS does not measure, and people ask for.
    measure(None, Some("ContainerProcessCount"), "Count", |reading| Some(reading.processes)),
    measure(None, Some("ContainerCpuThrottled"), "Percent", |reading| reading.throttled),
    measure(None, Some("ContainerCpuPressure"), "Percent", |reading| reading.pressure.map(|pressure| pressure[0])),
    measure(None, Some("ContainerMemoryPressure"), "Percent", |reading| reading.pressure.map(|pressure| pressure[1])),
    measure(None, Some("ContainerStoragePressure"), "Percent", |reading| reading.pressure.map(|pressure| pressure[2])),
];

pub(crate) type Sets = [Set; MEASURES.len()];

pub(crate) fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole * 100.0)
}

pub(crate) fn add(sets: &mut Sets, reading: &Reading) {
    for (set, measure) in sets.iter_mut().zip(&MEASURES) {
        if let Some(value) = (measure.value)(reading) {
            set.add(value);
        }
    }
}

/// A task, as dimensions name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'p> {
    pub(crate) cluster: &'p str,
    pub(crate) service: Option<&'p str>,
    pub(crate) family: &'p str,
    pub(crate) task: &'p str,
}

impl Place<'_> {
    fn of_cluster(&self) -> Dimensions {
        Dimensions::new([("ClusterName", self.cluster)])
    }

    /// Of its cluster, service and family, alone and with more.
    fn of_groups(&self, more: &[(&'static str, &str)]) -> Vec<Dimensions> {
        let service = self.service.map(|service| ("ServiceName", service));
        let groups = service.into_iter().chain([("TaskDefinitionFamily", self.family)]);
        groups
            .map(|group| Dimensions::new([("ClusterName", self.cluster), group].into_iter().chain(more.iter().copied())))
            .collect()
    }

    /// The sets of dimensions that metrics of tasks have.
    pub(crate) fn of_task(&self) -> Vec<Dimensions> {
        let task = [("TaskId", self.task)];
        [vec![self.of_cluster()], self.of_groups(&[]), self.of_groups(&task)].concat()
    }

    /// Those that metrics of containers have.
    pub(crate) fn of_container(&self, name: &str) -> Vec<Dimensions> {
        let container = ("ContainerName", name);
        [vec![self.of_cluster()], self.of_groups(&[container]), self.of_groups(&[("TaskId", self.task), container])].concat()
    }
}

/// Metrics of a period that are being made; equal ones become one.
#[derive(Debug, Default)]
pub(crate) struct Metrics(HashMap<Key, Set>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    namespace: &'static str,
    name: CompactString,
    unit: &'static str,
    dimensions: Dimensions,
}

impl Metrics {
    pub(crate) fn set(&mut self, namespace: &'static str, name: &str, unit: &'static str, dimensions: Dimensions, set: &Set) {
        if !set.is_empty() {
            self.0.entry(Key { namespace, name: name.into(), unit, dimensions }).or_default().merge(&set.0);
        }
    }

    pub(crate) fn value(&mut self, name: &str, unit: &'static str, dimensions: Dimensions, value: f64) {
        let mut set = Set::default();
        set.add(value);
        self.set(CONTAINER_INSIGHTS, name, unit, dimensions, &set);
    }

    pub(crate) fn task(&mut self, place: &Place<'_>, sets: &Sets) {
        let dimensions = place.of_task();
        self.all(&dimensions, sets, |measure| measure.of_task);
    }

    pub(crate) fn container(&mut self, place: &Place<'_>, name: &str, sets: &Sets) {
        let dimensions = place.of_container(name);
        self.all(&dimensions, sets, |measure| measure.of_container);
    }

    fn all(&mut self, dimensions: &[Dimensions], sets: &Sets, name: fn(&Measure) -> Option<&'static str>) {
        for (measure, set) in MEASURES.iter().zip(sets) {
            let Some(name) = name(measure) else { continue };
            for dimensions in dimensions {
                self.set(CONTAINER_INSIGHTS, name, measure.unit, dimensions.clone(), set);
            }
        }
    }

    pub(crate) fn finish(self, time_us: i64) -> Vec<Metric> {
        let metric = |(key, Set(sums)): (Key, Set)| Metric {
            time_us,
            owner: None,
            namespace: key.namespace.into(),
            name: key.name,
            dimensions: key.dimensions,
            unit: Some(key.unit.into()),
            period: STANDARD_PERIOD,
            samples: sums.samples,
            sum: sums.sum,
            minimum: sums.minimum,
            maximum: sums.maximum,
            distribution: None,
        };
        let mut metrics: Vec<Metric> = self.0.into_iter().map(metric).collect();
        metrics.sort_by(|a, b| (&a.namespace, &a.name, &a.dimensions).cmp(&(&b.namespace, &b.name, &b.dimensions)));
        metrics
    }
}

/// As bytes are told.
pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB
}

pub(crate) fn gib(bytes: u64) -> f64 {
    mib(bytes) / 1_024.0
}
