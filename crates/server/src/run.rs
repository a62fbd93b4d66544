//! `mitoshi run`: runs a command, and tells a server what it and its children use and write.

mod output;

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use agent::{Agent, Options, Server};
use clap::Args;
use collect::{Metadata, Process, RUN_ID, URI_VARIABLE};
use model::{Clock, SystemClock};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::{BAD_CONFIG, CANNOT_START, StartError, collection, complain};

/// As shells say that there is no such command.
const NO_COMMAND: u8 = 127;
/// How long the last lines may take to come, once the command ended.
const LAST_LINES: Duration = Duration::from_secs(2);
/// How long the last report may take once the command ended.
const LAST_REPORT: Duration = Duration::from_secs(3);
/// What may wait while the server is away.
const BUFFER_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Args)]
pub(crate) struct RunArgs {
    /// The server to tell
    #[arg(long, env = "MITOSHI_RUN_SERVER", value_name = "URL", default_value = "http://127.0.0.1:2001")]
    server: String,
    /// The id of a key that `mitoshi keys create --role write` made on the server; nothing where nobody has to sign there
    #[arg(long, env = "MITOSHI_RUN_KEY_ID", value_name = "ID")]
    key_id: Option<String>,
    /// Its secret
    #[arg(long, env = "MITOSHI_RUN_SECRET", value_name = "SECRET", hide_env_values = true, requires = "key_id")]
    secret: Option<String>,
    /// Certificates to trust, in PEM: needed for https
    #[arg(long, env = "MITOSHI_RUN_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The cluster that it belongs to
    #[arg(long, env = "MITOSHI_RUN_CLUSTER", value_name = "NAME", default_value = "default")]
    cluster: String,
    /// The service that it belongs to; the command's name, if nothing is given
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// How often what it uses is told, in seconds: 5, 10, 15, 20, 30 or 60
    #[arg(long, env = "MITOSHI_RUN_EVERY_SECS", value_name = "SECS", default_value_t = 20)]
    every_secs: u64,
    /// Does not tell the command about itself as ECS does (task metadata, by ECS_CONTAINER_METADATA_URI_V4)
    #[arg(long)]
    no_metadata: bool,
    /// Does not read what the command writes: its output goes where this program's goes, and nowhere else
    #[arg(long)]
    no_logs: bool,
    /// What the command is told of the region and the account, as the server has them
    #[arg(long, env = "AWS_REGION", value_name = "NAME", default_value = "us-east-1")]
    region: String,
    #[arg(long, env = "MITOSHI_RUN_ACCOUNT_ID", value_name = "ID", default_value = "000000000000")]
    account_id: String,
    /// error, warn, info, debug or trace
    #[arg(long, env = "MITOSHI_LOG", value_name = "FILTER", default_value = "warn")]
    log: String,
    /// The command, and what it is given
    #[arg(trailing_var_arg = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(crate) fn run(args: RunArgs) -> ExitCode {
    if !crate::log_with(&args.log) {
        return ExitCode::from(BAD_CONFIG);
    }
    if !crate::config::PERIODS.contains(&args.every_secs) {
        complain(&format!("--every-secs {} is none of {:?}", args.every_secs, crate::config::PERIODS), "the default is 20");
        return ExitCode::from(BAD_CONFIG);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(err) => {
            complain(&format!("cannot start: {err}"), "");
            return ExitCode::from(CANNOT_START);
        }
    };
    match runtime.block_on(watched(args)) {
        Ok(code) => ExitCode::from(code),
        Err((message, hint)) => {
            complain(&message, &hint);
            ExitCode::from(CANNOT_START)
        }
    }
}

/// Its exit code, as shells tell it.
fn code(status: ExitStatus) -> i64 {
    i64::from(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
}

async fn watched(args: RunArgs) -> Result<u8, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let server = Server::new(&args.server, crate::agent::signer(args.key_id, args.secret), args.ca.as_deref())
        .map_err(|err| (err.to_string(), "see `mitoshi run --help`".to_owned()))?;
    let [program, arguments @ ..] = &args.command[..] else { return Err(("there is no command".to_owned(), String::new())) };
    let name = PathBuf::from(program).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // An id like that of a container: of the process and its begin.
    let run_id = hex(&sigv4::hash(format!("{} {}", clock.now_us(), std::process::id()).as_bytes()));
    let dir = std::env::temp_dir().join(format!("mitoshi-run-{}", &run_id[..12]));
    let options = Options { server, dir: dir.clone(), buffer_bytes: BUFFER_BYTES };
    let agent =
        Agent::open(options, clock.clone()).map_err(|err| (format!("cannot use the buffer: {err}"), "see TMPDIR".to_owned()))?;

    let (stop, stopping) = watch::channel(false);
    let mut command = Command::new(program);
    command.args(arguments).env(RUN_ID, &run_id);
    // One that is on ECS, or stands in for it, is told already.
    let metadata = match args.no_metadata || std::env::var_os(URI_VARIABLE).is_some() {
        true => None,
        false => {
            let listener = crate::bind((Ipv4Addr::LOCALHOST, 0).into(), "--no-metadata").await?;
            command.env(URI_VARIABLE, format!("http://{}/v4/{run_id}", crate::local(&listener)?));
            let metadata = Metadata::new(&args.region, &args.account_id, "/proc".as_ref());
            let mut stopping = stopping.clone();
            let stopped = async move {
                let _ = stopping.wait_for(|stop| *stop).await;
            };
            tokio::spawn(collection::tell(metadata.clone(), listener, Vec::new(), stopped));
            Some(metadata)
        }
    };
    let service = args.service.unwrap_or(name);
    if !args.no_logs {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(err) => {
            complain(&format!("cannot run {}: {err}", program.to_string_lossy()), "");
            let _ = std::fs::remove_dir_all(&dir);
            return Ok(NO_COMMAND);
        }
    };
    let Some(pid) = child.id() else { return Err(("the command ended before it began".to_owned(), String::new())) };
    let passing_on = tokio::spawn(pass_signals_on(pid));
    let group = collect::group_name(&format!("/{}/{service}", args.cluster));
    let reading = output::read(&mut child, group, run_id.clone(), agent.clone(), clock.clone());
    let collected = collect::Options {
        engines: Vec::new(),
        task: None,
        cluster: args.cluster,
        instance: String::new(),
        source: run_id[..32].to_owned(),
        every: Duration::from_secs(args.every_secs),
        cgroup_root: "/sys/fs/cgroup".into(),
        proc_root: "/proc".into(),
        metadata,
        with_lines: !args.no_logs,
    };
    let words: Vec<_> = args.command.iter().map(|word| word.to_string_lossy()).collect();
    let process = Process { pid, run_id, service, command: words.join(" ") };
    let telling = {
        let agent = agent.clone();
        tokio::spawn(async move { agent.pass_on(stopping).await })
    };
    let mut exit_code = 0;
    let ended = async {
        exit_code = match child.wait().await {
            Ok(status) => code(status),
            Err(_) => i64::from(CANNOT_START),
        };
        exit_code
    };
    collect::run_process(collected, process, ended, agent.clone(), clock).await;
    passing_on.abort();
    // Children that outlive the command may hold its output.
    let _ = tokio::time::timeout(LAST_LINES, reading).await;
    let all_told = async {
        while agent.waiting_bytes() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let _ = tokio::time::timeout(LAST_REPORT, all_told).await;
    let _ = stop.send(true);
    let _ = telling.await;
    let _ = std::fs::remove_dir_all(&dir);
    Ok(exit_code.clamp(0, 255) as u8)
}

/// What this process is told is meant for the command. A terminal tells both of them by itself.
async fn pass_signals_on(pid: u32) {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    let (Ok(mut terminate), Ok(mut hangup), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::hangup()), signal(SignalKind::interrupt()))
    else {
        return;
    };
    loop {
        let told = tokio::select! {
            _ = terminate.recv() => Signal::TERM,
            _ = hangup.recv() => Signal::HUP,
            _ = interrupt.recv() => {
                use std::io::IsTerminal;
                if std::io::stdin().is_terminal() {
                    continue;
                }
                Signal::INT
            }
        };
        let _ = kill_process(pid, told);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
