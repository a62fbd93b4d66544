use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use model::container::{Change, Health, Status};
use model::metric::Metric;
use serde_json::{Value, json};

use super::*;
use crate::cgroup::Cgroup;
use crate::discovery::discover;
use crate::docker::{Inspect, Message};
use crate::sidecar::Told;

/// A clock that moves only when told.
#[derive(Debug)]
struct Held(AtomicI64);

impl Clock for Held {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// 2026-11-22T14:48:00Z.
const NOW_US: i64 = 1_795_358_880_000_000;
const ID: &str = "4a006619dab45e7f675e26b7c374f0607036f10a36bb6ce9a8115b1b81d00521";
const PAUSE_ID: &str = "101f4129da18d4f7704137401917ec2018f9858f38c07f931dd009c7f57d55b0";

fn captured(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/captures").join(name);
    let value: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    value.as_array().map_or(value.clone(), |all| all[0].clone())
}

fn inspect(value: Value) -> Inspect {
    serde_json::from_value(value).unwrap()
}

fn labelled(labels: Value) -> discovery::Discovered {
    let value = json!({"Id": ID, "Name": "/shop-web-2", "Config": {"Labels": labels, "Image": "web:1"}, "State": {"Status": "running", "Pid": 7}});
    discover(&inspect(value), "default")
}

#[test]
fn a_container_is_placed_by_its_labels() {
    let found = discover(&inspect(captured("docker-inspect-backend1.json")), "default");
    assert_eq!((found.cluster.as_str(), found.service.as_deref(), found.family.as_str()), ("default", None, "backend1"));
    assert_eq!((found.container.name.as_str(), found.container.engine_name.as_str()), ("backend1-app", "backend1"));
    // It is in the task of the container whose network it shares.
    assert_eq!(found.task, PAUSE_ID[..32]);
    let pause = discover(&inspect(captured("docker-inspect-backend1-pause.json")), "default");
    assert!(pause.container.is_pause && !found.container.is_pause);
    assert_eq!(pause.task, found.task);
    let container = found.container;
    assert_eq!((container.cpu, container.memory), (Some(512.0), Some(536_870_912)));
    assert_eq!((container.status, container.health), (Status::Running, Health::Healthy));
    assert_eq!(container.started_us, Some(1_795_358_918_147_532));

    let compose = json!({"com.docker.compose.project": "shop", "com.docker.compose.service": "web", "com.docker.compose.container-number": "2"});
    let found = labelled(compose.clone());
    assert_eq!((found.cluster.as_str(), found.service.as_deref(), found.family.as_str()), ("shop", Some("web"), "web"));
    assert_eq!((found.container.name.as_str(), found.task.as_str()), ("web", &ID[..32]));
    // What Mitoshi is told itself comes first.
    let mut told = compose;
    told["mitoshi.cluster"] = "production".into();
    told["mitoshi.service"] = "front".into();
    let found = labelled(told);
    assert_eq!((found.cluster.as_str(), found.service.as_deref()), ("production", Some("front")));

    let found = labelled(json!({
        "com.amazonaws.ecs.cluster": "arn:aws:ecs:eu-west-1:111122223333:cluster/blue",
        "com.amazonaws.ecs.task-arn": "arn:aws:ecs:eu-west-1:111122223333:task/blue/0123456789abcdef0123456789abcdef",
        "com.amazonaws.ecs.container-name": "app",
        "com.amazonaws.ecs.task-definition-family": "shop",
        "com.amazonaws.ecs.task-definition-version": "7",
    }));
    assert_eq!((found.cluster.as_str(), found.task.as_str()), ("blue", "0123456789abcdef0123456789abcdef"));
    assert_eq!((found.family.as_str(), found.revision.as_str(), found.container.name.as_str()), ("shop", "7", "app"));
    let found = labelled(json!({}));
    assert_eq!((found.cluster.as_str(), found.service, found.family.as_str()), ("default", None, "shop-web-2"));
}

#[test]
fn what_engines_leave_out_is_nothing() {
    // As Podman has it: null for what Docker leaves empty, its own word for health.
    let value = json!({
        "Id": ID, "Name": "web", "Created": "2026-11-22T14:43:07Z", "RestartCount": null, "NetworkSettings": {"Networks": null},
        "Config": {"Labels": null, "Image": "localhost/web"}, "HostConfig": {"NanoCpus": null, "RestartPolicy": null, "LogConfig": null},
        "State": {"Status": "running", "Running": true, "Pid": 9, "Healthcheck": {"Status": "unhealthy"}, "FinishedAt": "0001-01-01T00:00:00Z"},
    });
    let found = discover(&inspect(value), "default");
    assert_eq!((found.container.health, found.container.status, found.pid), (Health::Unhealthy, Status::Running, Some(9)));
    assert_eq!((found.container.cpu, found.container.stopped_us), (None, None));
}

/// A folder like `/proc` and one like `/sys/fs/cgroup`.
struct Kernel {
    dir: tempfile::TempDir,
    version: u8,
}

impl Kernel {
    fn new(version: u8) -> Kernel {
        let kernel = Kernel { dir: tempfile::tempdir().unwrap(), version };
        kernel.write("proc/stat", "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1\ncpu1 1\nintr 1\n");
        kernel.write("proc/meminfo", "MemTotal: 4194304 kB\nMemFree: 1 kB\nMemAvailable: 3145728 kB\n");
        kernel.write("proc/sys/kernel/hostname", "host-1\n");
        kernel.write("proc/1/ns/net", "");
        kernel.write("proc/7/ns/net", "");
        kernel
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// In place: files stay open.
    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What a container has used so far: milliseconds of CPU, MiB of memory, bytes received and written.
    fn uses(&self, cpu_ms: u64, memory_mib: u64, received: u64, written: u64) {
        let memory = (memory_mib + 10) * 1_048_576;
        let droppable = 10 * 1_048_576;
        match self.version {
            1 => {
                self.write(
                    "proc/7/cgroup",
                    "5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n3:blkio:/docker/x\n2:pids:/docker/x\n0::/docker/x\n",
                );
                self.write("cgroup/cpuacct/docker/x/cpuacct.usage", &format!("{}\n", cpu_ms * 1_000_000));
                self.write("cgroup/cpuacct/docker/x/cgroup.procs", "7\n");
                self.write("cgroup/cpu/docker/x/cpu.stat", "nr_periods 10\nnr_throttled 1\nthrottled_time 5\n");
                self.write("cgroup/memory/docker/x/memory.usage_in_bytes", &memory.to_string());
                self.write(
                    "cgroup/memory/docker/x/memory.stat",
                    &format!("cache 5\ninactive_file 1\ntotal_inactive_file {droppable}\n"),
                );
                self.write("cgroup/blkio/docker/x/blkio.throttle.io_service_bytes_recursive", "Total 0\n");
                self.write("cgroup/pids/docker/x/pids.current", "3\n");
                self.write("proc/7/io", &format!("rchar: 1\nread_bytes: 4096\nwrite_bytes: {written}\ncancelled_write_bytes: 0\n"));
            }
            _ => {
                self.write("proc/7/cgroup", "0::/system.slice/docker-x.scope\n");
                let dir = "cgroup/system.slice/docker-x.scope";
                self.write(&format!("{dir}/cgroup.controllers"), "cpu memory io pids\n");
                self.write(
                    &format!("{dir}/cpu.stat"),
                    &format!("usage_usec {}\nuser_usec 1\nnr_periods 10\nnr_throttled 1\n", cpu_ms * 1_000),
                );
                self.write(&format!("{dir}/memory.current"), &memory.to_string());
                self.write(&format!("{dir}/memory.stat"), &format!("anon 5\ninactive_file {droppable}\n"));
                self.write(&format!("{dir}/memory.events"), "oom 0\noom_kill 2\n");
                self.write(&format!("{dir}/io.stat"), &format!("8:0 rbytes=4096 wbytes={written} rios=1 wios=1\n"));
                self.write(&format!("{dir}/pids.current"), "3\n");
                self.write(
                    &format!("{dir}/cpu.pressure"),
                    "some avg10=0.00 avg60=0.00 avg300=0.00 total=250000\nfull avg10=0.00 total=1\n",
                );
                self.write(&format!("{dir}/memory.pressure"), "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
                self.write(&format!("{dir}/io.pressure"), "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
            }
        }
        let eth0 = format!("  eth0: {received} 1 0 0 0 0 0 0 {} 1 0 0 0 0 0 0", received * 2);
        self.write(
            "proc/7/net/dev",
            &format!("Inter-|   Receive\n face |bytes\n    lo: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n{eth0}\n"),
        );
    }

    fn watch(&self) -> (Watch, Arc<Held>) {
        let options = Options {
            engines: Vec::new(),
            cluster: "default".into(),
            instance: String::new(),
            source: String::new(),
            every: Duration::from_secs(20),
            cgroup_root: self.path("cgroup"),
            task: None,
            metadata: None,
            proc_root: self.path("proc"),
            with_lines: true,
        };
        let clock = Arc::new(Held(AtomicI64::new(NOW_US)));
        (Watch::new(options, Told::default(), clock.clone()), clock)
    }
}

#[test]
fn both_versions_of_control_groups_are_read() {
    for version in [1, 2] {
        let kernel = Kernel::new(version);
        kernel.uses(1_500, 20, 0, 8_192);
        let mut cgroup = Cgroup::of_process(&kernel.path("cgroup"), &kernel.path("proc"), 7).unwrap();
        let counters = cgroup.read().unwrap();
        assert_eq!((counters.cpu_ns, counters.memory_bytes), (1_500_000_000, 20 * 1_048_576), "version {version}");
        assert_eq!((counters.read_bytes, counters.written_bytes, counters.processes), (4_096, 8_192, 3), "version {version}");
        assert_eq!((counters.periods, counters.throttled_periods), (10, 1));
        assert_eq!(counters.pressure_us.map(|pressure| pressure[0]), (version == 2).then_some(250_000));
        kernel.uses(2_500, 30, 0, 4_096);
        let counters = cgroup.read().unwrap();
        assert_eq!((counters.cpu_ns, counters.memory_bytes), (2_500_000_000, 30 * 1_048_576));
        // A process that ended took its count with it; what was written remains written.
        assert_eq!(counters.written_bytes, if version == 1 { 8_192 } else { 4_096 });
    }
    let kernel = Kernel::new(2);
    kernel.write("proc/7/cgroup", "0::/../other\n");
    assert!(Cgroup::of_process(&kernel.path("cgroup"), &kernel.path("proc"), 7).is_err());
}

fn container(status: &str, started: &str, more: Value) -> Value {
    let mut value = json!({
        "Id": ID, "Name": "/shop-web-1", "Created": "2026-11-22T14:00:00Z", "Image": "sha256:1",
        "Config": {"Labels": {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}, "Image": "web:1"},
        "HostConfig": {"NanoCpus": 500_000_000, "Memory": 41_943_040, "NetworkMode": "bridge", "RestartPolicy": {"Name": "always"}},
        "State": {"Status": status, "Running": status == "running", "Pid": if status == "running" { 7 } else { 0 }, "StartedAt": started},
    });
    for (name, part) in more.as_object().unwrap() {
        let members = part.as_object().unwrap().clone();
        value[name].as_object_mut().unwrap().extend(members);
    }
    value
}

fn happened(watch: &mut Watch, action: &str, time_us: i64, value: Option<Value>, attributes: Value) {
    let event = json!({"Action": action, "Actor": {"ID": ID, "Attributes": attributes}, "time": time_us / 1_000_000, "timeNano": time_us * 1_000});
    let event = serde_json::from_value(event).unwrap();
    watch.apply(Message::Happened("/engine".into(), event, value.map(|value| Box::new(inspect(value)))));
}

fn changes(watch: &mut Watch) -> Vec<(Change, Option<i64>)> {
    watch.taken().0.into_iter().map(|change| (change.change, change.exit_code)).collect()
}

fn of<'m>(metrics: &'m [Metric], name: &str, dimensions: &[(&str, &str)]) -> Option<&'m Metric> {
    let wanted = model::metric::Dimensions::new(dimensions.iter().copied());
    metrics.iter().find(|metric| metric.name == name && metric.dimensions == wanted)
}

#[test]
fn readings_become_statistic_sets_of_every_level() {
    for version in [1, 2] {
        let kernel = Kernel::new(version);
        kernel.uses(1_000, 20, 1_000, 0);
        let (mut watch, _) = kernel.watch();
        watch.apply(Message::All("/engine".into(), vec![inspect(container("running", "2026-11-22T14:00:01Z", json!({})))]));
        watch.second(NOW_US);
        // A quarter of a core in the first second, half of one in the second.
        kernel.uses(1_250, 30, 3_000, 4_096);
        watch.second(NOW_US + 1_000_000);
        kernel.uses(1_750, 20, 3_000, 8_192);
        watch.second(NOW_US + 2_000_000);
        kernel.write("proc/stat", "cpu  200 0 200 1600 0 0 0 0 0 0\n");
        watch.end_period(NOW_US);
        let (changes, metrics) = watch.taken();
        assert_eq!(changes, [], "it ran before anyone watched");

        let cluster = ("ClusterName", "shop");
        let (service, family) = (("ServiceName", "web"), ("TaskDefinitionFamily", "web"));
        let (task, name) = (("TaskId", &ID[..32]), ("ContainerName", "web"));
        for dimensions in
            [&[cluster] as &[_], &[cluster, service], &[cluster, family], &[cluster, service, task], &[cluster, family, task]]
        {
            let cpu = of(&metrics, "CpuUtilized", dimensions).unwrap();
            assert_eq!((cpu.samples, cpu.sum, cpu.minimum, cpu.maximum), (2.0, 768.0, 256.0, 512.0));
            assert_eq!((cpu.time_us, cpu.period, cpu.unit.as_deref()), (NOW_US, 60, Some("None")));
            assert_eq!(of(&metrics, "TaskCpuUtilization", dimensions).unwrap().maximum, 100.0);
            assert_eq!(of(&metrics, "MemoryUtilized", dimensions).unwrap().maximum, 30.0);
            assert_eq!(of(&metrics, "TaskMemoryUtilization", dimensions).unwrap().minimum, 50.0);
            assert_eq!(of(&metrics, "NetworkRxBytes", dimensions).unwrap().maximum, 2_000.0);
            assert_eq!(of(&metrics, "NetworkTxBytes", dimensions).unwrap().maximum, 4_000.0);
            assert_eq!(of(&metrics, "StorageWriteBytes", dimensions).unwrap().maximum, 8_192.0);
            assert_eq!(of(&metrics, "RestartCount", dimensions).unwrap().sum, 0.0);
        }
        for dimensions in [&[cluster, service, name] as &[_], &[cluster, family, name], &[cluster, service, task, name], &[cluster]]
        {
            assert_eq!(of(&metrics, "ContainerCpuUtilized", dimensions).unwrap().sum, 768.0);
            assert_eq!(of(&metrics, "ContainerCpuReserved", dimensions).unwrap().minimum, 512.0);
            assert_eq!(of(&metrics, "ContainerMemoryReserved", dimensions).unwrap().maximum, 40.0);
        }
        assert_eq!(of(&metrics, "ContainerCpuPressure", &[cluster]).is_some(), version == 2);
        assert!(of(&metrics, "UnHealthyContainerHealthStatus", &[cluster]).is_none(), "nobody checks its health");
        for dimensions in [&[cluster] as &[_], &[cluster, service]] {
            let cpu = of(&metrics, "CPUUtilization", dimensions).unwrap();
            assert_eq!((cpu.namespace.as_str(), cpu.minimum, cpu.maximum), ("AWS/ECS", 50.0, 100.0));
        }
        // Half a core of two is reserved; the machine was busy a fifth of the time.
        assert_eq!(of(&metrics, "CPUReservation", &[cluster]).unwrap().maximum, 25.0);
        assert_eq!(of(&metrics, "instance_cpu_utilization", &[cluster]).unwrap().maximum, 20.0);
        assert_eq!(of(&metrics, "instance_memory_utilization", &[cluster]).unwrap().maximum, 25.0);
        let instance = [cluster, ("InstanceId", "host-1"), ("ContainerInstanceId", "host-1")];
        assert_eq!(of(&metrics, "instance_cpu_reserved_capacity", &instance).unwrap().maximum, 25.0);
    }
}

#[test]
fn what_happens_is_told_once() {
    let kernel = Kernel::new(1);
    kernel.uses(0, 20, 0, 0);
    let (mut watch, clock) = kernel.watch();
    let at = |secs: i64| NOW_US + secs * 1_000_000;
    happened(&mut watch, "create", at(0), Some(container("created", "0001-01-01T00:00:00Z", json!({}))), json!({}));
    assert_eq!(changes(&mut watch), []);
    assert_eq!(watch.tasks()[0].status(), Status::Pending);
    let running = |started: &str, health: &str| container("running", started, json!({"State": {"Health": {"Status": health}}}));
    let (first, second) = ("2026-11-22T14:48:01Z", "2026-11-22T14:48:31Z");
    happened(&mut watch, "start", at(1), Some(running(first, "starting")), json!({}));
    assert_eq!(changes(&mut watch), [(Change::Started, None)]);
    happened(&mut watch, "health_status: healthy", at(5), Some(running(first, "healthy")), json!({}));
    happened(&mut watch, "health_status: unhealthy", at(6), Some(running(first, "unhealthy")), json!({}));
    assert_eq!(changes(&mut watch), [(Change::Healthy, None), (Change::Unhealthy, None)]);
    // By the time that its end is looked at, it runs again.
    happened(&mut watch, "oom", at(29), Some(running(first, "unhealthy")), json!({}));
    let again = container("running", second, json!({"State": {"OOMKilled": false}}));
    happened(&mut watch, "die", at(30), Some(again.clone()), json!({"exitCode": "137"}));
    happened(&mut watch, "start", at(31), Some(again.clone()), json!({}));
    assert_eq!(changes(&mut watch), [(Change::OutOfMemory, None), (Change::Stopped, Some(137)), (Change::Restarted, None)]);
    clock.0.store(at(32), Ordering::SeqCst);
    watch.end_period(at(20));
    let metrics = watch.taken().1;
    let task = [("ClusterName", "shop"), ("ServiceName", "web"), ("TaskId", &ID[..32])];
    assert_eq!(of(&metrics, "RestartCount", &task).unwrap().sum, 1.0);
    assert_eq!(
        of(&metrics, "ContainerOomKillCount", &[("ClusterName", "shop"), ("ServiceName", "web"), ("ContainerName", "web")])
            .unwrap()
            .sum,
        1.0
    );
    // The reason may be told after the end; it comes before it all the same.
    let third = container("running", "2026-11-22T14:48:51Z", json!({}));
    happened(&mut watch, "die", at(50), Some(third.clone()), json!({"exitCode": "137"}));
    happened(&mut watch, "oom", at(50) + 500, Some(third.clone()), json!({}));
    let mut told = watch.taken().0;
    told.sort_by_key(|change| change.time_us);
    assert_eq!(
        told.iter().map(|change| change.change).collect::<Vec<_>>(),
        [Change::OutOfMemory, Change::Stopped, Change::Restarted]
    );
    let again = third;
    // The list of all of them says nothing new.
    watch.apply(Message::All("/engine".into(), vec![inspect(again)]));
    assert_eq!(changes(&mut watch), []);
    // An end that nobody told of is seen in the next list, and told by it once.
    let ended =
        container("exited", "2026-11-22T14:48:51Z", json!({"State": {"ExitCode": 3, "FinishedAt": "2026-11-22T14:49:00Z"}}));
    watch.apply(Message::All("/engine".into(), vec![inspect(ended.clone())]));
    watch.apply(Message::All("/engine".into(), vec![inspect(ended)]));
    assert_eq!(changes(&mut watch), [(Change::Stopped, Some(3))]);
    assert!(watch.tasks()[0].failed());
    happened(&mut watch, "destroy", at(90), None, json!({}));
    assert_eq!((changes(&mut watch), watch.tasks()), (vec![], vec![]));
}

#[test]
fn a_newer_image_is_a_deployment() {
    let kernel = Kernel::new(1);
    kernel.uses(0, 20, 0, 0);
    let (mut watch, _) = kernel.watch();
    watch.apply(Message::All("/engine".into(), vec![inspect(container("running", "2026-11-22T14:00:01Z", json!({})))]));
    let mut newer = container("running", "2026-11-22T14:48:01Z", json!({}));
    newer["Id"] = "b".repeat(64).into();
    newer["Image"] = "sha256:2".into();
    let event = json!({"Action": "start", "Actor": {"ID": "b".repeat(64)}, "time": NOW_US / 1_000_000});
    watch.apply(Message::Happened("/engine".into(), serde_json::from_value(event).unwrap(), Some(Box::new(inspect(newer)))));
    assert_eq!(changes(&mut watch), [(Change::Deployed, None), (Change::Started, None)]);
}
