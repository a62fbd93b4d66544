//! What a command writes: it goes where it went, and line by line to the server.

use std::os::fd::AsFd;
use std::sync::Arc;

use agent::Agent;
use bytes::BytesMut;
use model::Clock;
use model::log::LogLine;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::sync::mpsc::{self, Sender};

/// Lines that wait to be kept; the command waits beyond it.
const LINES_MAX: usize = 4_096;
const READ_BYTES: usize = 64 * 1024;

/// Reads the output of a command until it ends. Returns when all of it is kept.
pub(super) fn read(
    child: &mut Child,
    group: String,
    stream: String,
    agent: Agent,
    clock: Arc<dyn Clock>,
) -> impl Future<Output = ()> + use<> {
    let (lines, written) = mpsc::channel(LINES_MAX);
    let source = Source { group, stream, lines, clock };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let reading = tokio::spawn(async move {
        let (out, err) = (source.clone(), source);
        tokio::join!(
            async {
                if let Some(from) = stdout {
                    out.copy(from, beside(&std::io::stdout())).await;
                }
                drop(out);
            },
            async {
                if let Some(from) = stderr {
                    err.copy(from, beside(&std::io::stderr())).await;
                }
                drop(err);
            }
        );
    });
    let keeping = tokio::spawn(collect::give_on(written, agent));
    async move {
        let _ = reading.await;
        let _ = keeping.await;
    }
}

/// The same output, written to without holding up anything else.
fn beside(output: &impl AsFd) -> Option<File> {
    output.as_fd().try_clone_to_owned().ok().map(|fd| File::from_std(std::fs::File::from(fd)))
}

#[derive(Clone)]
struct Source {
    group: String,
    stream: String,
    lines: Sender<LogLine>,
    clock: Arc<dyn Clock>,
}

impl Source {
    async fn copy(&self, mut from: impl AsyncRead + Unpin, mut to: Option<File>) {
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(READ_BYTES);
            let before = buffer.len();
            let is_over = matches!(from.read_buf(&mut buffer).await, Ok(0) | Err(_));
            // Whoever reads it there may be gone: that is no reason to stop.
            if let Some(to) = &mut to {
                let _ = to.write_all(&buffer[before..]).await;
                let _ = to.flush().await;
            }
            while let Some(line) = collect::split_line(&mut buffer) {
                self.give(&line).await;
            }
            if is_over {
                self.give(&buffer).await;
                return;
            }
        }
    }

    async fn give(&self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        let line = LogLine {
            group: self.group.clone(),
            stream: self.stream.clone(),
            time_us: self.clock.now_us(),
            message: String::from_utf8_lossy(line).into_owned(),
        };
        let _ = self.lines.send(line).await;
    }
}
