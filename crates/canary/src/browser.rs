//! A browser without a window, spoken to by its own protocol (CDP) over two pipes.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot};

use crate::Found;

const START_WITHIN: Duration = Duration::from_secs(30);
const CALL_WITHIN: Duration = Duration::from_secs(60);
const EVENTS_MAX: usize = 65_536;

pub(crate) const GONE: &str = "the browser ended in the middle of the run";

/// What the browser will answer.
pub(crate) type Answer = oneshot::Receiver<Result<Value, String>>;

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Result<Value, String>>>>>;

/// One browser, which ends when this is dropped.
pub(crate) struct Browser {
    child: Child,
    pipe: Arc<tokio::sync::Mutex<pipe::Sender>>,
    waiting: Waiting,
    next: AtomicU64,
    events: mpsc::Receiver<Event>,
    /// Its profile: gone with it.
    _profile: TempDir,
}

/// What a browser says without being asked.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) session: String,
    pub(crate) method: String,
    pub(crate) params: Value,
}

impl Browser {
    pub(crate) async fn start(found: &Found, memory_mb: i64) -> Result<Browser, String> {
        let program =
            found.path.as_deref().ok_or_else(|| found.message.clone().unwrap_or_else(|| "there is no browser".to_owned()))?;
        let profile = tempfile::Builder::new()
            .prefix("mitoshi-browser-")
            .tempdir()
            .map_err(|err| format!("no folder for a browser: {err}"))?;
        let (child, sender, receiver) = spawn(program, profile.path(), memory_mb)?;
        let waiting: Waiting = Arc::default();
        let (told, events) = mpsc::channel(EVENTS_MAX);
        tokio::spawn(listen(receiver, waiting.clone(), told));
        let pipe = Arc::new(tokio::sync::Mutex::new(sender));
        let browser = Browser { child, pipe, waiting, next: AtomicU64::new(1), events, _profile: profile };
        let ready = tokio::time::timeout(START_WITHIN, browser.call(None, "Browser.getVersion", json!({}))).await;
        match ready {
            Ok(Ok(_)) => Ok(browser),
            Ok(Err(why)) => Err(format!("{} does not start: {why}", program.display())),
            Err(_) => Err(format!("{} did not start within {} seconds", program.display(), START_WITHIN.as_secs())),
        }
    }

    /// Asks for something, and waits for the answer; `session` is that of a page.
    pub(crate) async fn call(&self, session: Option<&str>, method: &str, params: Value) -> Result<Value, String> {
        let answered = self.begin(session, method, params).await?;
        match tokio::time::timeout(CALL_WITHIN, answered).await {
            Ok(Ok(answer)) => answer.map_err(|why| format!("{method}: {why}")),
            Ok(Err(_)) => Err(GONE.to_owned()),
            Err(_) => Err(format!("the browser did not answer {method} within {} seconds", CALL_WITHIN.as_secs())),
        }
    }

    /// Asks for something.
    pub(crate) async fn begin(&self, session: Option<&str>, method: &str, params: Value) -> Result<Answer, String> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id, answer);
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.pipe.lock().await.write_all(&bytes).await.map_err(|err| format!("{GONE}: {err}"))?;
        Ok(answered)
    }

    /// The next of what it says.
    pub(crate) async fn event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    pub(crate) async fn close(mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(5), self.call(None, "Browser.close", json!({}))).await;
        let _ = tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await;
        let _ = self.child.start_kill();
    }
}

fn spawn(program: &Path, profile: &Path, memory_mb: i64) -> Result<(Child, pipe::Sender, pipe::Receiver), String> {
    let failed = |err: std::io::Error| format!("cannot start {}: {err}", program.display());
    let (reads, to_browser) = std::io::pipe().map_err(failed)?;
    let (from_browser, writes) = std::io::pipe().map_err(failed)?;
    let mut command = tokio::process::Command::new(program);
    command
        .args(["--headless=new", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check", "--disable-gpu"])
        .args(["--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking", "--disable-component-update"])
        .args(["--disable-sync", "--mute-audio", "--hide-scrollbars", "--metrics-recording-only", "--password-store=basic"])
        .args(["--disable-features=Translate,MediaRouter,OptimizationHints"])
        .arg(format!("--js-flags=--max-old-space-size={}", memory_mb.clamp(256, 4_096)))
        .arg(format!("--user-data-dir={}", profile.display()))
        // A browser that may not be sandboxed does not start as root.
        .args(rustix::process::geteuid().is_root().then_some("--no-sandbox"))
        .arg("about:blank")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .process_group(0);
    let mapped = |parent_fd: OwnedFd, child_fd| FdMapping { parent_fd, child_fd };
    let pipes = vec![mapped(reads.into(), 3), mapped(writes.into(), 4)];
    command.fd_mappings(pipes).map_err(|err| format!("cannot start {}: {err}", program.display()))?;
    let child = command.spawn().map_err(failed)?;
    // Those of the child are closed here with the command.
    drop(command);
    let sender = pipe::Sender::from_owned_fd(to_browser.into()).map_err(failed)?;
    let receiver = pipe::Receiver::from_owned_fd(from_browser.into()).map_err(failed)?;
    Ok((child, sender, receiver))
}

/// Hands answers to who waits for them, and events on.
async fn listen(receiver: pipe::Receiver, waiting: Waiting, told: mpsc::Sender<Event>) {
    let mut reader = BufReader::new(receiver);
    let mut message = Vec::new();
    loop {
        message.clear();
        match reader.read_until(0, &mut message).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        message.pop();
        let Ok(mut message) = serde_json::from_slice::<Value>(&message) else { continue };
        match message.get("id").and_then(Value::as_u64) {
            Some(id) => {
                let answer = match message.get("error") {
                    Some(error) => Err(error.get("message").and_then(Value::as_str).unwrap_or("it failed").to_owned()),
                    None => Ok(message["result"].take()),
                };
                if let Some(waits) = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&id) {
                    let _ = waits.send(answer);
                }
            }
            None => {
                let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                let event = Event { session: text("sessionId"), method: text("method"), params: message["params"].take() };
                // Nobody reads them any more, or too many: whoever waits for an answer must not wait for that.
                let _ = told.try_send(event);
            }
        }
    }
    waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
}
