//! Watches the containers of a machine: which there are, what they use, and what happens to them.
//!
//! Engines (Docker, Podman) say which containers there are; what these use is read each second from the kernel's files, which costs
//! a tenth of asking the engine. At the end of each period what was read becomes statistic sets of metrics, as ECS names them.

mod cgroup;
mod client;
mod discovery;
mod docker;
mod lines;
mod machine;
mod metadata;
mod process;
mod sidecar;
#[cfg(test)]
mod tests;
mod usage;
mod watch;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use model::Clock;
use model::container::Report;
use model::log::LogLine;
use tokio::sync::{mpsc, watch as signal};
use tokio::task::JoinSet;

pub use lines::{LINE_BYTES_MAX, give_on, group_name, split_line};
pub use metadata::{Metadata, URI_VARIABLE};
pub use process::RUN_ID;

use docker::Engine;
use sidecar::{Sidecar, Told};
use tracing::warn;
use watch::Watch;

/// Changes that wait for the watch; engines wait beyond it.
const MESSAGES_MAX: usize = 256;

/// What is watched, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Sockets of engines; those that do not exist are tried again from time to time.
    pub engines: Vec<PathBuf>,
    /// Of containers that do not say it.
    pub cluster: String,
    /// The endpoint of task metadata of the task that this is part of: its containers are watched, and those of no engine.
    pub task: Option<String>,
    /// What this machine is called; its host name, where this is empty.
    pub instance: String,
    /// What of the machine is watched, where several watch it.
    pub source: String,
    /// How often metrics are given on: a divisor of 60.
    pub every: Duration,
    /// Where the kernel's files are.
    pub cgroup_root: PathBuf,
    pub proc_root: PathBuf,
    /// Who tells containers about themselves, if anyone does.
    pub metadata: Option<Metadata>,
    /// Whether what containers write is read.
    pub with_lines: bool,
}

/// Who takes reports.
pub trait Sink: Send + Sync + 'static {
    /// Where this fails, the report comes again, together with the next.
    fn take(&self, report: &Report) -> impl Future<Output = Result<(), String>> + Send;

    /// Lines that containers wrote. Where this fails, they come again.
    fn take_lines(&self, lines: &[LogLine]) -> impl Future<Output = Result<(), String>> + Send;

    /// When the last line of a stream was written that was taken, if there is one.
    fn last_line(&self, group: &str, stream: &str) -> impl Future<Output = Option<i64>> + Send;
}

/// Watches until told to stop.
pub async fn run(options: Options, sink: impl Sink + Clone, clock: Arc<dyn Clock>, mut stop: signal::Receiver<bool>) {
    let (told, messages) = mpsc::channel(MESSAGES_MAX);
    let mut engines = JoinSet::new();
    let task = Told::default();
    match &options.task {
        Some(uri) => match Sidecar::new(uri, task.clone()) {
            Some(sidecar) => drop(engines.spawn(sidecar.follow(told))),
            None => return warn!(uri, "containers are not watched: this is no address of task metadata"),
        },
        None => {
            for socket in &options.engines {
                engines.spawn(docker::follow(Engine::new(socket.clone()), told.clone()));
            }
            drop(told);
        }
    }
    let (lines, written) = mpsc::channel(lines::LINES_MAX);
    let with_lines = options.with_lines && options.task.is_none();
    let mut tails = lines::Tails::new(options.cluster.clone(), sink.clone(), lines);
    let (seen, watched) = mpsc::channel(1);
    let see = async {
        let mut messages = messages;
        while let Some(message) = messages.recv().await {
            if with_lines {
                tails.see(&message);
            }
            if seen.send(message).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => {}
        () = Watch::new(options, task, clock).run(watched, sink.clone()) => {}
        () = async { tokio::join!(see, lines::give_on(written, sink)); } => {}
    }
}

/// A process to be watched as a container is.
#[derive(Debug, Clone)]
pub struct Process {
    pub pid: u32,
    /// What [`RUN_ID`] is in its environment: 64 hexadecimal digits.
    pub run_id: String,
    pub service: String,
    pub command: String,
}

/// Watches a process and its children until it ended, as `ended` says with its exit code. The last report is given on before this
/// returns.
pub async fn run_process(
    options: Options,
    process: Process,
    ended: impl Future<Output = i64>,
    sink: impl Sink,
    clock: Arc<dyn Clock>,
) {
    let (told, messages) = mpsc::channel(MESSAGES_MAX);
    let telling = async {
        let began_us = clock.now_us();
        let _ = told.send(docker::Message::process(&process, "start", began_us, began_us, None)).await;
        let exit_code = ended.await;
        let _ = told.send(docker::Message::process(&process, "die", began_us, clock.now_us(), Some(exit_code))).await;
        let _ = told.send(docker::Message::process(&process, "destroy", began_us, clock.now_us(), None)).await;
        drop(told);
    };
    tokio::join!(telling, Watch::new(options, Told::default(), clock.clone()).run(messages, sink));
}
