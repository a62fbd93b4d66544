//! What a run says while it goes on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::har::stamp;
use crate::net::now_us;
use crate::secret::Secrets;

const LINES_MAX: usize = 10_000;
const LINE_BYTES_MAX: usize = 16 * 1024;

/// Lines with their times. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Journal(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    lines: Vec<(i64, String)>,
    secrets: Secrets,
}

impl Journal {
    pub(crate) fn info(&self, text: impl AsRef<str>) {
        self.say("INFO", text.as_ref());
    }

    pub(crate) fn error(&self, text: impl AsRef<str>) {
        self.say("ERROR", text.as_ref());
    }

    fn say(&self, level: &str, text: &str) {
        let now_us = now_us();
        self.line(now_us, &format!("{} {level}: {}", stamp(now_us), text.replace('\n', "\\n")));
    }

    /// A line as it came. The longest are cut, and there is an end to how many are kept.
    pub(crate) fn line(&self, time_us: i64, text: &str) {
        let mut kept = self.kept();
        match kept.lines.len() {
            LINES_MAX => kept.lines.push((time_us, "further lines are left out".to_owned())),
            len if len < LINES_MAX => {
                let line = kept.secrets.hide(text);
                let line = line[..line.floor_char_boundary(LINE_BYTES_MAX)].to_owned();
                kept.lines.push((time_us, line));
            }
            _ => {}
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn lines(&self) -> Vec<(i64, String)> {
        self.kept().lines.clone()
    }

    /// From now on this is told to nobody.
    pub(crate) fn keep_secret(&self, secret: &str) {
        self.kept().secrets.add(secret);
    }

    pub(crate) fn secrets(&self) -> Secrets {
        self.kept().secrets.clone()
    }

    pub fn text(&self) -> String {
        self.lines().into_iter().map(|(_, line)| line + "\n").collect()
    }
}
