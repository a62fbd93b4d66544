use std::collections::BTreeMap;

use model::Segment;
use serde_json::{Value, json};

use super::*;

/// Digests of all captured traces, and of one that has a bit of everything.
fn digests() -> Vec<TraceDigest> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/captures");
    let mut documents: BTreeMap<TraceId, Vec<String>> = BTreeMap::new();
    for entry in std::fs::read_dir(dir).expect("captures") {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let Some((_, document)) = line["raw"].as_str().and_then(|raw| raw.split_once('\n')) else { continue };
            if let Some(id) = model::segment::parse(document.as_bytes()).ok().and_then(|segment| segment.trace_id) {
                documents.entry(id).or_default().push(document.to_owned());
            }
        }
    }
    let id = "1-66b5f1a0-0123456789abcdef01234567";
    let everything = json!({
        "id": "0000000000000001", "trace_id": id, "name": "all", "start_time": 1_723_200_000.25, "end_time": 1_723_200_002.5, "fault": true, "user": "u",
        "origin": "AWS::EC2::Instance", "resource_arn": "arn:1", "annotations": {"a": 1, "b": "x", "c": true},
        "aws": {"account_id": "1", "ec2": {"instance_id": "i", "availability_zone": "z"}, "ecs": {"task_arn": "t"}, "function_arn": "f"},
        "http": {"request": {"method": "GET", "url": "/", "user_agent": "ua", "client_ip": "ip"}, "response": {"status": 500}},
        "cause": {"exceptions": [{"id": "e", "type": "T", "message": "m"}]},
        "links": [{"trace_id": id, "id": "0000000000000009", "attributes": {"aws.xray.reserved.reference_type": "child"}}],
        "subsegments": [
            {"id": "0000000000000002", "name": "dynamodb", "namespace": "aws", "start_time": 1_723_200_000.5, "end_time": 1_723_200_001.0, "throttle": true, "error": true},
            {"id": "0000000000000003", "name": "DynamoDB", "namespace": "aws", "start_time": 1_723_200_000.5, "in_progress": true},
            {"id": "0000000000000004", "name": "other", "namespace": "remote", "traced": true, "start_time": 1_723_200_000.5, "end_time": 1_723_200_001.0},
        ],
    });
    documents.insert(id.parse().unwrap(), vec![everything.to_string()]);
    let digest = |(id, texts): (TraceId, Vec<String>)| {
        let segments: Vec<Segment<'_>> = texts.iter().map(|text| model::segment::parse(text.as_bytes()).unwrap()).collect();
        TraceDigest::of(id, &segments)
    };
    let mut digests: Vec<TraceDigest> = documents.into_iter().map(digest).collect();
    digests.sort_by_key(|digest| std::cmp::Reverse(key(digest)));
    digests
}

fn written(dir: &Path, digests: &[TraceDigest]) -> TraceFile {
    let (path, visit_path) = (dir.join("trace.parquet"), dir.join("visit.parquet"));
    let mut keys = KeyCounts::default();
    digests.iter().for_each(|digest| keys.add(digest));
    let mut writer = TraceWriter::create(&path, &visit_path, keys.hot()).unwrap();
    digests.iter().for_each(|digest| writer.append(digest).unwrap());
    let TracesWritten { traces, visits, span, groups } = writer.finish().unwrap();
    assert_eq!(span.rows as usize, digests.len());
    let file = TraceFile::open(
        &path,
        Arc::new(traces.checksums),
        &visit_path,
        Arc::new(visits.checksums),
        &Arc::new(Cache::new(1 << 20, 1 << 20)),
    )
    .unwrap();
    assert_eq!(groups.len(), file.groups());
    assert_eq!(file.keys(), keys);
    file
}

fn candidates(file: &TraceFile, group: usize, prefilter: &Prefilter) -> Vec<Candidate> {
    let everything = ScanRange::Time { from_us: i64::MIN, to_us: i64::MAX };
    file.candidates(group, &everything, prefilter, (i64::MAX, TraceId([0xff; 16]))).unwrap().0
}

#[test]
fn digests_come_back_as_they_were_written() {
    let dir = tempfile::tempdir().unwrap();
    let digests = digests();
    assert!(digests.len() > 50, "{}", digests.len());
    let file = written(dir.path(), &digests);
    let all = candidates(&file, 0, &Prefilter::Anything);
    assert_eq!(file.digests(0, &all, false).unwrap(), digests);
    // Some of them, far apart.
    let some: Vec<Candidate> = all.iter().copied().step_by(7).collect();
    let wanted: Vec<TraceDigest> = digests.iter().step_by(7).cloned().collect();
    assert_eq!(file.digests(0, &some, false).unwrap(), wanted);
    for (outline, digest) in file.digests(0, &all, true).unwrap().iter().zip(&digests) {
        assert_eq!(outline.links.len(), digest.links.len());
        assert_eq!(outline.visits.len(), digest.visits.len());
        assert!(outline.services.iter().map(|service| &service.id).eq(digest.services.iter().map(|service| &service.id)));
        for (outline, visit) in outline.visits.iter().zip(&digest.visits) {
            assert_eq!(
                (outline.served.duration_us, outline.requested().flags),
                (visit.served.duration_us, visit.requested().flags)
            );
        }
    }
}

#[test]
fn a_test_of_visits_finds_what_looking_at_every_digest_finds() {
    let dir = tempfile::tempdir().unwrap();
    let digests = digests();
    let file = written(dir.path(), &digests);
    let names: std::collections::BTreeSet<&str> =
        digests.iter().flat_map(|digest| &digest.services).map(|service| service.id.name.as_str()).collect();
    let mut found = 0;
    for service in &names {
        for from in names.iter().map(Some).chain([None]) {
            for (duration_us, error, fault) in
                [(None, false, false), (Some((50_000, u64::MAX)), false, false), (None, true, false), (None, false, true)]
            {
                let test = VisitTest {
                    service: Some((*service).to_owned()),
                    from: from.map(|name| (*name).to_owned()),
                    duration_us,
                    error,
                    fault,
                    throttle: false,
                };
                let passed: Vec<TraceId> =
                    candidates(&file, 0, &Prefilter::Visit(test.clone())).iter().map(|candidate| candidate.key.1).collect();
                let passes = |digest: &&TraceDigest| {
                    digest.visits.iter().any(|visit| {
                        let name_of = |service: u32| digest.service(service).id.name.to_ascii_lowercase();
                        let name = name_of(visit.service);
                        let caller = match &visit.caller {
                            Some(caller) => Some(name_of(caller.service)),
                            None => visit.root.then(|| name.clone()),
                        };
                        let calls = [&visit.served, visit.requested()];
                        name == service.to_ascii_lowercase()
                            && from.is_none_or(|from| caller.as_deref() == Some(from.to_ascii_lowercase().as_str()))
                            && duration_us
                                .is_none_or(|(low, _)| calls.iter().any(|call| call.duration_us.is_some_and(|us| us >= low)))
                            && (!error || calls.iter().any(|call| call.flags.error))
                            && (!fault || calls.iter().any(|call| call.flags.fault))
                    })
                };
                for digest in digests.iter().filter(passes) {
                    found += 1;
                    assert!(passed.contains(&digest.id), "{test:?} misses {}", digest.id);
                }
                assert_eq!(passed.len(), digests.iter().filter(passes).count(), "{test:?}");
            }
        }
    }
    assert!(found > 100, "{found}");
}

#[test]
fn annotations_are_found_in_their_own_column_or_among_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let id = |n: usize| format!("1-66b5c000-{n:024x}").parse::<TraceId>().unwrap();
    let count = 2 * ROW_GROUP_ROWS + 100;
    let mut digests: Vec<TraceDigest> = (0..count)
        .map(|n| {
            let mut annotations = json!({"tier": if n % 2 == 1 { "gold" } else { "free" }, "user_id": format!("user-{}", n % 500), "seen": n % 3 == 0});
            if n % 1_000 == 0 {
                annotations["rare"] = json!("once");
            }
            let document = json!({"id": "0000000000000001", "name": "web", "trace_id": id(n), "start_time": 1_723_200_000.0 + n as f64 / 1e3,
                "end_time": 1_723_200_100.0, "annotations": annotations, "subsegments": [{"id": "0000000000000002", "name": "inner",
                "start_time": 1_723_200_000.0, "end_time": 1_723_200_001.0, "annotations": {"user_id": format!("guest-{n}"), "=": "x"}}]})
            .to_string();
            let segment = model::segment::parse(document.as_bytes()).unwrap();
            TraceDigest::of(id(n), [&segment])
        })
        .collect();
    digests.sort_by_key(|digest| std::cmp::Reverse(key(digest)));
    let file = written(dir.path(), &digests);
    assert_eq!(file.hot, ["=", "seen", "tier", "user_id"]);
    let count_of = |prefilter: Prefilter| (0..file.groups()).map(|group| candidates(&file, group, &prefilter).len()).sum::<usize>();
    let text = |key: &str, value: &str| Prefilter::AnnotationText(key.to_owned(), value.to_owned());
    let key = |key: &str| Prefilter::AnnotationKey(key.to_owned());
    assert_eq!(count_of(text("tier", "gold")), count / 2);
    assert_eq!(count_of(text("user_id", "user-7")), count.div_ceil(500) - usize::from(count % 500 <= 7));
    assert_eq!(count_of(text("user_id", "guest-7")), 1);
    assert_eq!(count_of(text("user_id", "user-")), 0);
    assert_eq!(count_of(text("seen", "true")), count.div_ceil(3));
    assert_eq!(count_of(text("=", "x")), count);
    assert_eq!(count_of(text("rare", "once")), count.div_ceil(1_000));
    assert_eq!(count_of(key("rare")), count.div_ceil(1_000));
    assert_eq!(count_of(key("user_id")), count);
    assert_eq!(count_of(key("nothing")), 0);
    let all: Vec<TraceDigest> = (0..file.groups())
        .flat_map(|group| file.digests(group, &candidates(&file, group, &Prefilter::Anything), false).unwrap())
        .collect();
    assert!(all == digests);
}
