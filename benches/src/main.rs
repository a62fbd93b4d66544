//! Measures a real server process from outside: CPU time and memory as the kernel accounts them, bytes on disk, answer times.
//!
//! `cargo run --release -p benches -- --server target/release/mitoshi` prints a table; docs/performance.md keeps it.

mod client;
mod server;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::{Value, json};

use benches::{generate, metric, span};
use client::Client;
use server::Server;

#[derive(Parser)]
struct Args {
    /// The server to measure
    #[arg(long, default_value = "target/release/mitoshi")]
    server: PathBuf,
    /// Folder for the data; emptied first
    #[arg(long, default_value = "target/bench-data")]
    dir: PathBuf,
    /// Segments to send
    #[arg(long, default_value_t = 1_000_000)]
    segments: u64,
    /// Send so many OpenTelemetry spans instead, in protobuf over HTTP
    #[arg(long, default_value_t = 0)]
    spans: u64,
    /// Send so many datapoints of 500 minutely gauges instead, through PutMetricData
    #[arg(long, default_value_t = 0)]
    datapoints: u64,
    /// Send no more than so many each second, all connections together; 0 is as fast as it goes
    #[arg(long, default_value_t = 0)]
    per_second: u64,
    /// Connections that send at the same time
    #[arg(long, default_value_t = 8)]
    connections: usize,
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

fn main() {
    let args = Args::parse();
    let _ = std::fs::remove_dir_all(&args.dir);
    let server = Server::start(&args.server, &args.dir);
    println!("idle, empty: {:.1} MB resident", server.resident_mb());

    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
    if args.datapoints > 0 {
        return metrics(server, &args, now as i64);
    }
    let load = if args.spans > 0 { put_spans(&server, &args, now) } else { put(&server, &args, now) };
    let (count, what) = if args.spans > 0 { (args.spans, "spans") } else { (args.segments, "segments") };
    println!("{count} {what} in {} requests, {:.1} MB", load.requests, load.bytes as f64 / 1e6);
    wait_for_flush(&server);
    println!("after the load: {:.1} MB resident", server.resident_mb());
    server.stop();
    println!("on disk: {:.1} MB in the data folder", folder_bytes(&args.dir) as f64 / 1e6);

    let started = Instant::now();
    let server = Server::start(&args.server, &args.dir);
    println!("ready after {:.0} ms with all of it on disk", started.elapsed().as_secs_f64() * 1e3);
    std::thread::sleep(Duration::from_secs(5));
    println!("idle: {:.1} MB resident", server.resident_mb());

    if args.spans > 0 {
        traces(&mut Client::connect(server.http), &load.ids);
    } else {
        questions(&server, &load.ids, now);
    }
    println!("after the questions: {:.1} MB resident", server.resident_mb());
    server.stop();
}

/// What was sent, and the ids of some of its traces.
#[derive(Default)]
struct Load {
    requests: u64,
    bytes: u64,
    ids: Vec<String>,
}

impl Load {
    fn count(&mut self, bytes: usize, trace_id: String, ids_every: u64) {
        if self.requests.is_multiple_of(ids_every) {
            self.ids.push(trace_id);
        }
        self.requests += 1;
        self.bytes += bytes as u64;
    }
}

/// Holds one connection to its share of `--per-second`.
struct Pace {
    began: Instant,
    sent: u64,
    per_second: f64,
}

impl Pace {
    fn new(args: &Args) -> Pace {
        Pace { began: Instant::now(), sent: 0, per_second: args.per_second as f64 / args.connections as f64 }
    }

    /// Waits until so many more are due.
    fn wait(&mut self, count: u64) {
        self.sent += count;
        if self.per_second > 0.0 {
            let due = Duration::from_secs_f64(self.sent as f64 / self.per_second);
            std::thread::sleep(due.saturating_sub(self.began.elapsed()));
        }
    }
}

/// Sends one hour of traffic that ends now over several connections and reports the server's CPU time.
fn put(server: &Server, args: &Args, now: f64) -> Load {
    let send = |sender: u64, client: &mut Client, share: u64| {
        let ids_every = (share / 50 / (200 / args.connections as u64).max(1)).max(1);
        let (mut sent, mut pace) = (Load::default(), Pace::new(args));
        for body in generate::bodies(share, args.seed + sender, now - 3_600.0, 3_600.0) {
            let (status, answer) = client.post("/TraceSegments", &body.text);
            assert!(status == 200 && answer.contains("[]"), "{status} {answer}");
            sent.count(body.text.len(), body.trace_id, ids_every);
            pace.wait(body.segments);
        }
        sent
    };
    measured(server, args, "PutTraceSegments, fsync before each answer", args.segments, "segments", &send)
}

/// The same with spans.
fn put_spans(server: &Server, args: &Args, now: f64) -> Load {
    let send = |sender: u64, client: &mut Client, share: u64| {
        let ids_every = (share / 512 / (200 / args.connections as u64).max(1)).max(1);
        let (mut sent, mut pace) = (Load::default(), Pace::new(args));
        for batch in span::batches(share, args.seed + sender, now - 3_600.0, 3_600.0) {
            let (status, answer) = client.post_bytes("/v1/traces", "application/x-protobuf", &batch.body);
            assert!(status == 200 && answer.is_empty(), "{status} {answer}");
            sent.count(batch.body.len(), batch.trace_id, ids_every);
            pace.wait(batch.spans);
        }
        sent
    };
    measured(server, args, "OTLP in protobuf, fsync before each answer", args.spans, "spans", &send)
}

fn measured(
    server: &Server,
    args: &Args,
    label: &str,
    count: u64,
    what: &str,
    send: &(impl Fn(u64, &mut Client, u64) -> Load + Sync),
) -> Load {
    let cpu = server.cpu_secs();
    let started = Instant::now();
    let mut load = Load::default();
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..args.connections as u64)
            .map(|sender| scope.spawn(move || send(sender, &mut Client::connect(server.http), count / args.connections as u64)))
            .collect();
        for sender in senders {
            let sent = sender.join().expect("a sender ends");
            load.requests += sent.requests;
            load.bytes += sent.bytes;
            load.ids.extend(sent.ids);
        }
    });
    let wall = started.elapsed().as_secs_f64();
    let acknowledged = server.cpu_secs() - cpu;
    wait_for_flush(server);
    let all = server.cpu_secs() - cpu;
    println!(
        "{label}: {:.0} {what} per CPU-second until acknowledged, {:.0} with parts written and compacted; wall {wall:.1} s, {:.0} per second",
        count as f64 / acknowledged,
        count as f64 / all,
        count as f64 / wall
    );
    println!("peak so far: {:.1} MB resident", server.peak_mb());
    load
}

/// Memory is written out within a minute, even where nothing more comes; merging goes on for a while.
fn wait_for_flush(server: &Server) {
    let mut client = Client::connect(server.http);
    let deadline = Instant::now() + Duration::from_secs(900);
    let mut quiet = 0;
    let mut parts = Value::Null;
    while Instant::now() < deadline && quiet < 6 {
        std::thread::sleep(Duration::from_secs(1));
        let (_, answer) = client.get("/api/health");
        let health: Value = serde_json::from_str(&answer).unwrap_or_default();
        let is_quiet = health["store"]["memory_bytes"] == json!(0) && health["store"]["parts"] == parts;
        quiet = if is_quiet { quiet + 1 } else { 0 };
        parts = health["store"]["parts"].clone();
    }
}

fn traces(client: &mut Client, ids: &[String]) {
    let mut times = Vec::new();
    for (n, id) in ids.iter().enumerate() {
        let started = Instant::now();
        let (status, answer) = client.post("/Traces", &json!({"TraceIds": [id]}).to_string());
        assert!(status == 200 && answer.contains(id) && answer.contains("Document"), "{answer}");
        let elapsed = started.elapsed().as_secs_f64() * 1e3;
        if n == 0 {
            println!("trace by id, first of all: {elapsed:.1} ms");
        } else {
            times.push(elapsed);
        }
    }
    report("trace by id", &mut times);
}

fn questions(server: &Server, ids: &[String], now: f64) {
    let mut client = Client::connect(server.http);
    traces(&mut client, ids);
    let filters = [
        ("no filter", ""),
        ("fault", "fault"),
        ("responsetime > 1", "responsetime > 1"),
        ("service fault", "service(\"payments\") { fault }"),
        ("edge error", "edge(\"cart\", \"orders-table\") { error }"),
        ("annotation, common", "annotation.tier = \"gold\""),
        ("annotation, one in a thousand users", "annotation.user_id = \"user-0007\""),
        ("user and service", "user = \"user-0007\" AND service(\"cart\")"),
        ("url contains", "http.url CONTAINS \"/checkout\""),
        ("matches nothing", "annotation.user_id = \"nobody\""),
        ("matches nothing, no column helps", "service(\"cart\") { responsetime > 1000 }"),
    ];
    for (label, filter) in filters {
        let mut times = Vec::new();
        let mut found = 0;
        let mut pages = 0;
        for _ in 0..7 {
            let started = Instant::now();
            let mut token: Option<String> = None;
            found = 0;
            pages = 0;
            // The newest hundred, over as many pages as that takes.
            loop {
                let mut question = json!({"StartTime": now - 3_700.0, "EndTime": now + 60.0, "FilterExpression": filter});
                if let Some(token) = &token {
                    question["NextToken"] = json!(token);
                }
                let (status, answer) = client.post("/TraceSummaries", &question.to_string());
                assert_eq!(status, 200, "{answer}");
                let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
                found += answer["TraceSummaries"].as_array().map_or(0, Vec::len);
                pages += 1;
                token = answer["NextToken"].as_str().map(str::to_owned);
                if found >= 100 || token.is_none() {
                    break;
                }
            }
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
        report(&format!("100 newest summaries, {label} ({found} found, {pages} pages)"), &mut times);
    }
    let minute = (now / 60.0).floor() * 60.0;
    for (label, path, ask) in [
        ("service graph, 60 whole minutes", "/ServiceGraph", json!({"StartTime": minute - 3_600.0, "EndTime": minute})),
        ("service graph, an hour that begins in a minute", "/ServiceGraph", json!({"StartTime": now - 3_600.0, "EndTime": now})),
        (
            "statistics of a service, 60 whole minutes",
            "/TimeSeriesServiceStatistics",
            json!({"StartTime": minute - 3_600.0, "EndTime": minute, "Period": 60,
                   "EntitySelectorExpression": "service(\"cart\")"}),
        ),
    ] {
        let mut times = Vec::new();
        for _ in 0..7 {
            let started = Instant::now();
            let (status, answer) = client.post(path, &ask.to_string());
            assert!(status == 200 && answer.len() > 1_000, "{answer}");
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
        report(label, &mut times);
    }
}

fn report(label: &str, times: &mut [f64]) {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("{label}: p50 {:.1} ms, p90 {:.1} ms, max {:.1} ms of {}", at(0.5), at(0.9), at(1.0), times.len());
}

fn folder_bytes(dir: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => folder_bytes(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Datapoints in, what they take on disk, and all of them for a day out again.
fn metrics(server: Server, args: &Args, now: i64) {
    let minutes = args.datapoints / metric::SERIES as u64;
    let bodies: Vec<String> = metric::bodies(minutes, args.seed, now).collect();
    let bytes: usize = bodies.iter().map(String::len).sum();
    let mut client = Client::connect(server.http);
    let (before, began) = (server.cpu_secs(), Instant::now());
    for body in &bodies {
        let (status, answer) = client.cloudwatch("PutMetricData", body);
        assert_eq!(status, 200, "{answer}");
    }
    let count = (minutes / 2 * 2 * metric::SERIES as u64) as f64;
    let (cpu, wall) = (server.cpu_secs() - before, began.elapsed().as_secs_f64());
    println!(
        "PutMetricData, fsync before each answer: {count:.0} datapoints in {} requests, {:.1} MB",
        bodies.len(),
        bytes as f64 / 1e6
    );
    println!("  {:.0} datapoints per CPU-second until acknowledged ({cpu:.2} CPU-seconds, {wall:.1} s)", count / cpu);
    wait_for_flush(&server);
    let cpu = server.cpu_secs() - before;
    println!("  {:.0} with everything written to parts and merged", count / cpu);
    println!("resident: {:.1} MB, at most {:.1} MB", server.resident_mb(), server.peak_mb());
    server.stop();
    // A stop writes what is left to parts; a start merges them.
    let server = Server::start(&args.server, &args.dir);
    let parts = args.dir.join("metric");
    let mut size = folder_bytes(&parts);
    for _ in 0..60 {
        std::thread::sleep(Duration::from_secs(2));
        let now = folder_bytes(&parts);
        if now == size {
            break;
        }
        size = now;
    }
    println!(
        "on disk: {:.2} bytes a datapoint in {} parts",
        size as f64 / count,
        std::fs::read_dir(&parts).map_or(0, Iterator::count)
    );
    let mut client = Client::connect(server.http);
    for period in [300, 60] {
        let mut times = Vec::new();
        let (mut pages, mut answered) = (0, 0);
        for _ in 0..7 {
            let (mut next, began) = (None::<String>, Instant::now());
            (pages, answered) = (0, 0);
            loop {
                let (status, answer) =
                    client.cloudwatch("GetMetricData", &metric::question(now - 86_400, now, period, next.as_deref()));
                assert_eq!(status, 200, "{answer}");
                pages += 1;
                answered += answer.len();
                next = answer.rsplit_once("\"NextToken\":\"").and_then(|(_, rest)| Some(rest.split_once('"')?.0.to_owned()));
                if next.is_none() {
                    break;
                }
            }
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        println!(
            "GetMetricData, {} series, 24 h of {period} s: p50 {:.0}, max {:.0} ms of {} ({pages} pages, {:.1} MB)",
            metric::SERIES,
            times[times.len() / 2],
            times[times.len() - 1],
            times.len(),
            answered as f64 / 1e6
        );
    }
    println!("after the questions: {:.1} MB resident", server.resident_mb());
}
