use model::container::Health;
use testkit::ManualClock;

use super::*;

async fn clusters() -> (Clusters, ManualClock, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at_secs(1_795_000_000);
    let store = store::Store::open(store::StoreOptions::new(dir.path()), Arc::new(clock.clone())).await.unwrap();
    (Clusters::new(store.catalog().clone(), Arc::new(clock.clone()), Insights::Enhanced), clock, dir)
}

fn task(id: &str, status: Status, image: &str, created_us: i64) -> Task {
    let container = Container {
        id: format!("{id}-container"),
        name: "web".into(),
        engine_name: "web-1".into(),
        image: image.to_owned(),
        image_id: format!("sha256:{image}"),
        status,
        health: Health::Unknown,
        created_us,
        started_us: (status != Status::Pending).then_some(created_us),
        stopped_us: (status == Status::Stopped).then_some(created_us),
        exit_code: (status == Status::Stopped).then_some(1),
        reason: None,
        restarts: 0,
        has_restart_policy: false,
        cpu: None,
        memory: None,
        is_pause: false,
        host_name: String::new(),
        addresses: Vec::new(),
        network_mode: "bridge".to_owned(),
        log_driver: String::new(),
        log_options: BTreeMap::new(),
    };
    Task {
        id: id.into(),
        cluster: "shop".into(),
        service: Some("web".into()),
        family: "web".into(),
        revision: "1".into(),
        instance: "host-1".into(),
        containers: vec![container],
    }
}

/// What is told of what is measured.
async fn report(clusters: &Clusters, clock: &ManualClock, number: u64, tasks: &[Task], gone: &[Task]) -> Option<Vec<Metric>> {
    let metric = |namespace: &str, name: &str, dimensions: &[(&str, &str)]| {
        Metric::value(clock.now_us(), namespace, name, "None", 1.0).of(Dimensions::new(dimensions.iter().copied()))
    };
    let cluster = ("ClusterName", "shop");
    let report = Report {
        instance: "host-1".to_owned(),
        source: String::new(),
        reporter: 7,
        number,
        time_us: clock.now_us(),
        tasks: tasks.to_vec(),
        gone: gone.to_vec(),
        changes: Vec::new(),
        metrics: vec![
            metric("AWS/ECS", "CPUUtilization", &[cluster]),
            metric(NAMESPACE, "CpuUtilized", &[cluster]),
            metric(NAMESPACE, "CpuUtilized", &[cluster, ("TaskDefinitionFamily", "web"), ("TaskId", "a")]),
            metric(NAMESPACE, "ContainerCpuUtilized", &[cluster]),
        ],
    };
    let wanted = clusters.report(&report).await.unwrap();
    clusters.taken(&report);
    wanted
}

#[tokio::test]
async fn clusters_are_told_what_they_want_to_know() {
    let (clusters, clock, _dir) = clusters().await;
    let tasks = [task("a", Status::Running, "v1", clock.now_us())];
    let mut number = 0;
    for (insights, count) in [(Insights::Enhanced, 4), (Insights::Enabled, 2), (Insights::Disabled, 1)] {
        clusters.create("shop", None, BTreeMap::new()).await.unwrap();
        clusters.set_insights("shop", insights).await.unwrap();
        number += 1;
        assert_eq!(report(&clusters, &clock, number, &tasks, &[]).await.map(|wanted| wanted.len()), Some(count));
    }
    assert_eq!(report(&clusters, &clock, number, &tasks, &[]).await, None, "it came already");
}

#[tokio::test]
async fn what_is_reported_makes_clusters_and_services() {
    let (clusters, clock, _dir) = clusters().await;
    let now_us = clock.now_us();
    clusters.set_default_insights(Insights::Enabled).await.unwrap();
    let all = [
        task("a", Status::Running, "v1", now_us - 20),
        task("b", Status::Running, "v2", now_us - 10),
        task("c", Status::Pending, "v2", now_us - 5),
        task("d", Status::Stopped, "v2", now_us - 1),
    ];
    report(&clusters, &clock, 1, &all, &[]).await;
    let [populated] = clusters.list().await.unwrap().try_into().unwrap();
    assert_eq!((populated.cluster.name.as_str(), populated.cluster.insights), ("shop", Insights::Enabled));
    assert_eq!((populated.running, populated.pending, populated.services, populated.instances), (2, 1, 1, 1));
    let [service] = clusters.services("shop").try_into().unwrap();
    // What failed and was not replaced is wanted.
    assert_eq!((service.desired, service.running, service.pending), (4, 2, 1));
    let deployments: Vec<_> = service.deployments.iter().map(|of| (of.running, of.pending, of.failed)).collect();
    assert_eq!(deployments, [(1, 1, 1), (1, 0, 0)]);

    let counts = clusters.counts(now_us).await.unwrap();
    let count = |name: &str| counts.iter().find(|metric| metric.name == name).map(|metric| metric.sum);
    assert_eq!((count("TaskCount"), count("DesiredTaskCount"), count("DeploymentCount")), (Some(2.0), Some(4.0), Some(2.0)));
    clusters.set_insights("shop", Insights::Disabled).await.unwrap();
    assert_eq!(clusters.counts(now_us).await.unwrap(), []);
    assert_eq!(clusters.insights("shop").await.unwrap(), Insights::Disabled);
    assert_eq!(clusters.insights("another").await.unwrap(), Insights::Enabled);

    // What is gone is told as ended for an hour, and is wanted no more.
    assert_eq!(clusters.delete("shop").await.unwrap_err().to_string(), "The Cluster cannot be deleted while Tasks are active.");
    report(&clusters, &clock, 2, &all[..1], &all[3..]).await;
    assert_eq!(clusters.tasks("shop").len(), 4);
    assert_eq!(clusters.services("shop")[0].desired, 1);
    clock.advance_secs(170);
    assert_eq!(clusters.services("shop")[0].running, 1);
    clock.advance_secs(20);
    assert!(clusters.services("shop").is_empty(), "the machine is silent");
    clock.advance_secs(3_600);
    assert!(clusters.tasks("shop").is_empty());
    clusters.delete("shop").await.unwrap();
    assert!(clusters.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn clusters_are_kept() {
    let (clusters, _, _dir) = clusters().await;
    let made = clusters.create("blue", None, BTreeMap::from([("team".to_owned(), "a".to_owned())])).await.unwrap();
    assert_eq!(made.insights, Insights::Enhanced);
    assert_eq!(clusters.create("blue", Some(Insights::Disabled), BTreeMap::new()).await.unwrap(), made, "it is there already");
    for name in ["", "a b", "a/b", &"a".repeat(256)] {
        assert_eq!(clusters.create(name, None, BTreeMap::new()).await.unwrap_err().kind(), model::Kind::Invalid, "{name:?}");
    }
    let again = clusters.of(clusters.catalog.clone());
    assert_eq!(again.list().await.unwrap()[0].cluster, made);
    assert_eq!(again.set_insights("red", Insights::Enabled).await.unwrap_err().kind(), model::Kind::NotFound);
}

#[tokio::test]
async fn nodes_of_the_map_are_found_among_containers() {
    let (clusters, clock, _dir) = clusters().await;
    let mut task = task("a", Status::Running, "v1", clock.now_us());
    let container = &mut task.containers[0];
    container.id = "0123456789abcdef".repeat(4);
    container.host_name = "ip-web".to_owned();
    container.addresses = vec!["172.17.0.3".to_owned()];
    report(&clusters, &clock, 1, &[task], &[]).await;
    let runtime = |marks: &[&str], hosts: &[&str]| Runtime {
        service: model::service::ServiceId { name: "Web".into(), kind: None, account_id: None },
        marks: marks.iter().map(|mark| (*mark).to_owned()).collect(),
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
    };
    for (marks, hosts, found) in [
        (&["0123456789ab"] as &[_], &[] as &[_], 1),
        (&["0123"], &[], 0),
        (&["ip-web"], &[], 1),
        (&["a"], &[], 1),
        (&["another"], &["127.0.0.1"], 0),
        (&[], &["172.17.0.3"], 1),
        (&[], &["web"], 1),
    ] {
        let placed = clusters.placed(&[runtime(marks, hosts)]).await.unwrap();
        assert_eq!(placed[0].len(), found, "{marks:?} {hosts:?}");
    }
}
