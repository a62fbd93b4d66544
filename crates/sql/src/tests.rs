//! Queries over documents in memory and in parts, compared with what was put in.

use std::sync::Arc;

use datafusion::physical_plan::streaming::StreamingTableExec;
use model::metric::Metric;
use serde_json::{Value, json};
use store::{NewDocument, StoreOptions};
use testkit::{ManualClock, segment_id, trace_id};

use super::*;

const NOW_SECS: i64 = 1_795_000_000;

fn document(value: Value) -> NewDocument {
    NewDocument { trace_id: value["trace_id"].as_str().unwrap().parse().unwrap(), raw: value.to_string().into_bytes().into() }
}

/// A front that calls a table in each trace; every fifth fails, every third says who it was for.
fn trace(n: u64) -> Vec<NewDocument> {
    let id = trace_id((NOW_SECS as u64 - n * 10) as u32, u128::from(n));
    let start = (NOW_SECS as u64 - n * 10) as f64;
    let mut front = testkit::segment(&id, n << 8, "front", start + 0.25, 0.5 + n as f64);
    front["origin"] = json!("AWS::ECS::Container");
    front["annotations"] = json!({"tier": if n.is_multiple_of(2) { "gold" } else { "free" }, "n": n});
    front["fault"] = json!(n.is_multiple_of(5));
    if n.is_multiple_of(3) {
        front["user"] = json!(format!("user-{n}"));
    }
    front["http"] = json!({
        "request": {"method": "GET", "url": format!("http://shop/items/{n}")},
        "response": {"status": if n.is_multiple_of(5) { 500 } else { 200 }},
    });
    front["subsegments"] = json!([{
        "id": segment_id(n << 8 | 1), "name": "dynamodb", "namespace": "aws", "start_time": start + 0.3, "end_time": start + 0.4,
        "aws": {"operation": "GetItem", "table_name": "Items", "region": "eu-west-1"},
        "cause": {"exceptions": [{"type": "AccessDenied", "message": format!("no, says \"{n}\"")}]},
    }]);
    vec![document(front)]
}

struct Place {
    _dir: tempfile::TempDir,
    store: Store,
    sql: Sql,
}

async fn place(limits: Limits) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(StoreOptions::new(dir.path()), Arc::new(ManualClock::at_secs(NOW_SECS))).await.unwrap();
    let sql = Sql::new(store.clone(), limits);
    Place { _dir: dir, store, sql }
}

const LIMITS: Limits = Limits { timeout: Duration::from_secs(60), memory_mib: 64 };

/// Forty traces, of which some are in parts and some in memory.
async fn filled() -> Place {
    let place = place(LIMITS).await;
    for n in 0..40 {
        place.store.append(trace(n)).await.unwrap();
        let time_us = (NOW_SECS - n as i64 * 10) * 1_000_000;
        let metric = Metric::value(time_us, "Test", if n % 2 == 0 { "even" } else { "odd" }, "Count", n as f64);
        let dimensions = model::metric::Dimensions::new([("Service", "front")]);
        place.store.append_metrics(&[Metric { dimensions, ..metric }]).await.unwrap();
        if n == 15 || n == 30 {
            place.store.flush().await.unwrap();
        }
    }
    place
}

impl Place {
    async fn text(&self, query: &str, format: Format) -> Result<String> {
        let mut answer = self.sql.query(query.to_owned()).await?;
        let mut encoder = Encoder::new(format, &answer.schema)?;
        let mut bytes = Vec::new();
        while let Some(batch) = answer.next().await {
            bytes.extend(encoder.encode(&batch?)?);
        }
        bytes.extend(encoder.finish()?);
        Ok(String::from_utf8(bytes).unwrap())
    }

    async fn rows(&self, query: &str) -> Vec<Value> {
        let text = self.text(query, Format::JsonLines).await.unwrap_or_else(|err| panic!("{query}: {err}"));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    async fn refusal(&self, query: &str) -> Error {
        match self.text(query, Format::JsonLines).await {
            Ok(text) => panic!("{query} was answered: {text}"),
            Err(err) => err,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_says_what_was_sent() {
    let place = filled().await;
    let rows = place.rows("SELECT * FROM traces WHERE annotations['n'] = '15'").await;
    assert_eq!(
        rows,
        vec![json!({
            "time": "2026-11-18T11:04:10Z", "trace_id": trace_id(NOW_SECS as u32 - 150, 15),
            "start_time": "2026-11-18T11:04:10.250Z", "end_time": "2026-11-18T11:04:25.750Z", "duration": 15.5,
            "response_time": 15.5, "service": "front", "service_type": "AWS::ECS::Container", "account_id": null,
            "method": "GET", "url": "http://shop/items/15", "status": 500, "user_agent": null, "client_ip": null,
            "error": false, "throttle": false, "fault": true, "partial": false, "revision": 1, "requests": 2,
            "services": ["front", "Items"], "users": ["user-15"], "resource_arns": [],
            "annotations": {"n": "15", "tier": "free"},
        })]
    );
    let rows = place.rows("SELECT * FROM requests WHERE service = 'Items' ORDER BY time DESC LIMIT 1").await;
    assert_eq!(
        rows,
        vec![json!({
            "time": "2026-11-18T11:06:40.300Z", "trace_id": trace_id(NOW_SECS as u32, 0), "service": "Items",
            "service_type": "AWS::DynamoDB::Table", "account_id": null, "duration": 0.1, "caller": "front",
            "caller_type": "AWS::ECS::Container", "requested_duration": 0.1, "error": false, "throttle": false, "fault": false,
            "method": null, "url": null, "status": null, "user_agent": null, "client_ip": null, "user_name": null,
            "root": false, "inferred": true,
        })]
    );
    let rows = place.rows("SELECT * EXCLUDE (document) FROM segments WHERE id = '0000000000001e01'").await;
    assert_eq!(rows.len(), 1);
    let row = rows[0].as_object().unwrap();
    let said: serde_json::Map<String, Value> =
        row.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), value.clone())).collect();
    assert_eq!(
        Value::from(said),
        json!({
            "time": "2026-11-18T11:01:40.300Z", "trace_id": trace_id(NOW_SECS as u32 - 300, 30), "id": "0000000000001e01",
            "parent_id": "0000000000001e00", "segment_id": "0000000000001e00", "end_time": "2026-11-18T11:01:40.400Z",
            "duration": row["duration"], "name": "dynamodb", "service": "front", "subsegment": true, "namespace": "aws",
            "error": false, "throttle": false, "fault": false, "aws_operation": "GetItem", "aws_region": "eu-west-1",
            "aws_table": "Items", "exception_type": "AccessDenied", "exception_message": "no, says \"30\"", "annotations": {},
        })
    );
    let documents = place.rows("SELECT document FROM segments WHERE name = 'front' AND trace_id LIKE '%0027'").await;
    let document: Value = serde_json::from_str(documents[0]["document"].as_str().unwrap()).unwrap();
    assert_eq!(document, serde_json::from_slice::<Value>(&trace(39)[0].raw).unwrap());
    assert_eq!(
        place.rows("SELECT count(*) AS n, count(DISTINCT trace_id) AS traces FROM segments").await,
        vec![json!({"n": 80, "traces": 40})]
    );
    assert_eq!(place.rows("SELECT count(*) AS n FROM requests").await, vec![json!({"n": 80})]);
    assert_eq!(place.rows("SELECT count(*) AS n FROM traces").await, vec![json!({"n": 40})]);
}

#[tokio::test(flavor = "multi_thread")]
async fn views_and_joins_answer() {
    let place = filled().await;
    let rows = place.rows("SELECT exception_type, count(*) AS n FROM exceptions GROUP BY exception_type").await;
    assert_eq!(rows, vec![json!({"exception_type": "AccessDenied", "n": 40})]);
    let rows = place
        .rows(
            "SELECT minute, requests, faults, p50 FROM service_minutes \
             WHERE service = 'front' AND minute >= TIMESTAMP '2026-11-18T11:05:00Z' ORDER BY minute",
        )
        .await;
    assert_eq!(
        rows,
        vec![
            // The newest began at 11:06:40, ten seconds lie between two, and each older one took a second more.
            json!({"minute": "2026-11-18T11:05:00Z", "requests": 6, "faults": 2, "p50": 8.0}),
            json!({"minute": "2026-11-18T11:06:00Z", "requests": 5, "faults": 1, "p50": 2.5}),
        ]
    );
    let rows = place
        .rows(
            "SELECT count(*) AS n FROM traces t JOIN requests r ON t.trace_id = r.trace_id AND r.service = t.service \
             WHERE t.fault AND r.status = 500",
        )
        .await;
    assert_eq!(rows, vec![json!({"n": 8})]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_in_a_query_leave_out_nothing() {
    let place = filled().await;
    let times = ["2026-11-18T11:04:10Z", "2026-11-18T11:04:10.25Z", "2026-11-18T11:04:10.300Z", "2026-11-18T11:04:10.2999995Z"];
    for table in ["traces", "requests", "segments", "metrics"] {
        for time in times {
            for op in ["<", "<=", "=", ">", ">=", "<>"] {
                let bounded = format!("SELECT count(*) AS n FROM {table} WHERE time {op} TIMESTAMP '{time}'");
                // The same as the engine alone sees it.
                let plain = format!("SELECT count(*) AS n FROM {table} WHERE (time {op} TIMESTAMP '{time}') IS NOT FALSE");
                assert_eq!(place.rows(&bounded).await, place.rows(&plain).await, "{bounded}");
            }
            let turned = format!("SELECT count(*) AS n FROM {table} WHERE TIMESTAMP '{time}' < time");
            let straight = format!("SELECT count(*) AS n FROM {table} WHERE time > '{time}'");
            assert_eq!(place.rows(&turned).await, place.rows(&straight).await, "{turned}");
        }
        if table == "metrics" {
            continue;
        }
        let id = trace_id(NOW_SECS as u32 - 150, 15);
        let by_id = place.rows(&format!("SELECT count(*) AS n FROM {table} WHERE trace_id = '{id}'")).await;
        let by_text = place.rows(&format!("SELECT count(*) AS n FROM {table} WHERE trace_id LIKE '{id}%'")).await;
        assert_eq!(by_id, by_text);
        assert_ne!(by_id, vec![json!({"n": 0})]);
        assert_eq!(place.rows(&format!("SELECT time FROM {table} WHERE trace_id = 'no such id'")).await.len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_found_by_name_and_dimension() {
    let place = filled().await;
    let rows = place.rows("SELECT * FROM metrics WHERE name = 'odd' AND time >= TIMESTAMP '2026-11-18T11:06:20Z'").await;
    assert_eq!(
        rows,
        vec![json!({
            "time": "2026-11-18T11:06:30Z", "namespace": "Test", "name": "odd", "dimensions": {"Service": "front"},
            "unit": "Count", "period": 60, "samples": 1.0, "sum": 1.0, "minimum": 1.0, "maximum": 1.0, "account": null,
        })]
    );
    let sums = "SELECT name, count(*) AS n, sum(sum) AS sum FROM metrics WHERE dimensions['Service'] = 'front' GROUP BY name ORDER BY name";
    assert_eq!(
        place.rows(sums).await,
        vec![json!({"name": "even", "n": 20, "sum": 380.0}), json!({"name": "odd", "n": 20, "sum": 400.0})]
    );
    assert_eq!(place.rows("SELECT * FROM metrics WHERE name = 'odd' AND name = 'even'").await.len(), 0);
    assert_eq!(place.rows("SELECT * FROM metrics WHERE name = 'none'").await.len(), 0);
}

/// What is left to read of a table in a query.
async fn bounds(place: &Place, query: &str) -> Vec<String> {
    let sql = place.sql.clone();
    let engine = tokio::task::spawn_blocking(move || sql.engine()).await.unwrap().unwrap();
    let context = engine.context(place.store.reader());
    let plan = context.sql(query).await.unwrap().create_physical_plan().await.unwrap();
    let mut scans = Vec::new();
    let mut plans = vec![plan];
    while let Some(plan) = plans.pop() {
        plans.extend(plan.children().into_iter().cloned());
        if let Some(scan) = (plan.as_ref() as &dyn std::any::Any).downcast_ref::<StreamingTableExec>() {
            scans.extend(scan.partitions().iter().map(|scan| format!("{scan:?}")));
        }
    }
    scans
}

#[tokio::test(flavor = "multi_thread")]
async fn times_and_ids_in_a_query_spare_reading() {
    let place = filled().await;
    let from = "from_us: 1794999850000000";
    for (condition, expected) in [
        ("time >= TIMESTAMP '2026-11-18T11:04:10Z' AND service = 'x'", from),
        ("TIMESTAMP '2026-11-18T11:04:10Z' < time", from),
        ("time BETWEEN '2026-11-18T11:04:10Z' AND '2026-11-18T11:05:00Z'", from),
        ("time BETWEEN '2026-11-18T11:03:00Z' AND '2026-11-18T11:04:10Z'", "to_us: 1794999850000002"),
        ("date_trunc('minute', time) >= TIMESTAMP '2026-11-18T11:04:10Z'", from),
        ("time < TIMESTAMP '2026-11-18T11:04:10Z'", "to_us: 1794999850000002"),
        ("trace_id = '1-00000001-000000000000000000000002'", "trace_id: Some(1-00000001-000000000000000000000002)"),
        ("service = 'x' OR time > TIMESTAMP '2026-11-18T11:04:10Z'", "from_us: -9223372036854775808"),
        ("NOT time > TIMESTAMP '2026-11-18T11:04:10Z'", "from_us: -9223372036854775808"),
    ] {
        for table in ["traces", "requests", "segments"] {
            let scans = bounds(&place, &format!("SELECT service FROM {table} WHERE {condition}")).await;
            assert!(scans.len() == 1 && scans[0].contains(expected), "{condition}: {scans:?}");
        }
    }
    let view = "SELECT p99 FROM service_minutes WHERE minute >= TIMESTAMP '2026-11-18T11:04:10Z'";
    let scans = bounds(&place, view).await;
    assert!(scans[0].contains(from) && scans[0].contains("detail: false"), "{scans:?}");
    assert!(bounds(&place, "SELECT url FROM traces").await[0].contains("detail: true"));
    // Where several ids are asked for, none of them bounds the reading.
    let scans = bounds(&place, "SELECT url FROM traces WHERE trace_id IN ('1-00000001-000000000000000000000002', 'x')").await;
    assert!(scans[0].contains("trace_id: None"), "{scans:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn newest_traces_come_first_and_a_few_of_them_end_the_reading() {
    let place = filled().await;
    let numbers = |rows: Vec<Value>| rows.iter().map(|row| row["n"].as_str().unwrap().parse().unwrap()).collect::<Vec<u64>>();
    let newest = "SELECT annotations['n'] AS n FROM traces LIMIT 3";
    assert_eq!(numbers(place.rows(newest).await), [0, 1, 2]);
    let ordered = "SELECT time, annotations['n'] AS n FROM traces ORDER BY time DESC LIMIT 3";
    assert_eq!(numbers(place.rows(ordered).await), [0, 1, 2]);
    let plan = place.text(&format!("EXPLAIN {ordered}"), Format::Csv).await.unwrap();
    assert!(!plan.contains("SortExec"), "{plan}");
    let oldest = "SELECT time, annotations['n'] AS n FROM traces ORDER BY time LIMIT 3";
    assert_eq!(numbers(place.rows(oldest).await), [39, 38, 37]);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_formats_say_the_same() {
    let place = filled().await;
    let query = "SELECT trace_id, fault, duration, services, annotations, client_ip FROM traces LIMIT 2";
    let csv = place.text(query, Format::Csv).await.unwrap();
    let id = trace_id(NOW_SECS as u32, 0);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0], "trace_id,fault,duration,services,annotations,client_ip");
    assert!(lines[1].starts_with(&format!("{id},true,0.5,\"[\"\"front\"\",\"\"Items\"\"]\",")), "{}", lines[1]);
    // Names stand above no rows too.
    assert_eq!(place.text("SELECT time, url FROM traces WHERE false", Format::Csv).await.unwrap(), "time,url\n");
    assert_eq!(place.text("SELECT time, url FROM traces WHERE false", Format::JsonLines).await.unwrap(), "");

    let mut answer = place.sql.query(query.to_owned()).await.unwrap();
    let mut encoder = Encoder::new(Format::Arrow, &answer.schema).unwrap();
    let mut bytes = Vec::new();
    while let Some(batch) = answer.next().await {
        bytes.extend(encoder.encode(&batch.unwrap()).unwrap());
    }
    bytes.extend(encoder.finish().unwrap());
    let reader = arrow::ipc::reader::StreamReader::try_new(std::io::Cursor::new(bytes), None).unwrap();
    assert_eq!(reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_reading_is_allowed() {
    let place = filled().await;
    for query in [
        "CREATE TABLE mine AS SELECT * FROM traces",
        "CREATE VIEW mine AS SELECT * FROM traces",
        "CREATE EXTERNAL TABLE passwd STORED AS CSV LOCATION '/etc/passwd'",
        "INSERT INTO traces SELECT * FROM traces",
        "DELETE FROM traces",
        "UPDATE traces SET fault = false",
        "DROP TABLE traces",
        "COPY traces TO '/tmp/traces.csv'",
        "SET datafusion.execution.batch_size = 1",
        "PREPARE p AS SELECT 1",
        "EXPLAIN INSERT INTO traces SELECT * FROM traces",
    ] {
        let refusal = place.refusal(query).await;
        assert_eq!(refusal.kind(), model::Kind::Invalid, "{query}: {refusal}");
    }
    assert_eq!(place.rows("SELECT count(*) AS n FROM traces").await, vec![json!({"n": 40})]);
    for query in ["SELECT * FROM '/etc/passwd'", "SELECT repeat('x', 1000000000)", "SELECT * FROM generate_series(1, 3)"] {
        assert_eq!(place.refusal(query).await.kind(), model::Kind::Invalid, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_told() {
    let place = filled().await;
    for (query, word) in [
        ("SELEC 1", "SELEC"),
        ("SELECT * FROM trace", "trace"),
        ("SELECT durations FROM traces", "durations"),
        ("SELECT 1 / 0 FROM traces", "zero"),
        ("", "SQL"),
        ("SELECT 1; SELECT 2", "statement"),
    ] {
        let refusal = place.refusal(query).await;
        assert_eq!(refusal.kind(), model::Kind::Invalid, "{query}: {refusal}");
        assert!(refusal.to_string().contains(word), "{query}: {refusal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_needs_too_much_is_ended() {
    let place = place(Limits { timeout: Duration::from_secs(60), memory_mib: 1 }).await;
    for n in 0..60 {
        place.store.append((0..100).flat_map(|m| trace(n * 100 + m)).collect()).await.unwrap();
    }
    let refusal = place.refusal("SELECT document, count(*) FROM segments GROUP BY document").await;
    assert!(matches!(refusal, Error::TooLarge { mib: 1, .. }), "{refusal}");
    assert_eq!(place.rows("SELECT count(*) AS n FROM segments").await, vec![json!({"n": 12_000})]);

    let sql = Sql::new(place.store.clone(), Limits { timeout: Duration::from_millis(1), memory_mib: 64 });
    let refusal = sql.query("SELECT a.trace_id FROM segments a JOIN segments b ON a.id <> b.id ORDER BY 1".to_owned()).await;
    assert!(matches!(refusal, Err(Error::TooLong(_))), "{refusal:?}");
}

/// Whoever reads slowly, while rows wait to be taken, must not take what there is for all of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_short_says_so() {
    let place = place(LIMITS).await;
    for n in 0..100 {
        place.store.append((0..100).flat_map(|m| trace(n * 100 + m)).collect()).await.unwrap();
    }
    for stopped in [false, true] {
        let timeout = Duration::from_millis(if stopped { 60_000 } else { 500 });
        let sql = Sql::new(place.store.clone(), Limits { timeout, memory_mib: 64 });
        let mut answer = sql.query("SELECT document FROM segments".to_owned()).await.unwrap();
        if stopped {
            sql.stop();
        } else {
            tokio::time::sleep(timeout * 2).await;
        }
        let mut last = None;
        while let Some(batch) = answer.next().await {
            last = Some(batch.map(|_| ()));
        }
        match last {
            Some(Err(Error::Stopping)) if stopped => {}
            Some(Err(Error::TooLong(_))) if !stopped => {}
            other => panic!("the answer ended with {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_that_are_described_are_those_that_there_are() {
    let place = filled().await;
    for table in place.sql.tables() {
        let schema = place.sql.query(format!("SELECT * FROM {} WHERE false", table.name)).await.unwrap().schema;
        if table.query.is_none() {
            let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            let described: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
            assert_eq!(names, described);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_sees_one_moment() {
    let place = filled().await;
    let mut answer = place.sql.query("SELECT count(*) AS n FROM traces".to_owned()).await.unwrap();
    place.store.append(trace(99)).await.unwrap();
    let batch = answer.next().await.unwrap().unwrap();
    assert_eq!(arrow::util::display::array_value_to_string(batch.column(0), 0).unwrap(), "40");
}

#[test]
fn queries_of_log_groups_say_what_they_are_of() {
    let of = |query: &str| crate::log_group::parse(query).map(|query| (query.tables.join(" "), query.has_limit)).ok();
    assert_eq!(of("SELECT * FROM `/a.b/c` LIMIT 20000 -- (all)"), Some(("/a.b/c".to_owned(), true)));
    assert_eq!(of("WITH x AS (SELECT * FROM `a` LIMIT 5) SELECT * FROM x, `b`, `a`"), Some(("a b".to_owned(), false)));
    assert_eq!(of("SELECT `limit` FROM `a` WHERE x = ' limit '"), Some(("a".to_owned(), false)));
    assert_eq!(of("SELECT 1"), Some((String::new(), false)));
    assert_eq!(of("SELECT * FROM a.b"), None);
    assert_eq!(of("SELECT * FROM `a`; SELECT * FROM `b`"), None);
}
