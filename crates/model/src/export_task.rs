//! Tasks that write log events to files.

use serde::{Deserialize, Serialize};

use crate::resource::Resource;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportTask {
    pub id: String,
    pub name: Option<String>,
    pub group: String,
    pub stream_prefix: Option<String>,
    pub from_us: i64,
    pub to_us: i64,
    /// As S3 has buckets: a folder.
    pub destination: String,
    pub prefix: String,
    pub status: ExportStatus,
    /// Why it is so.
    pub message: String,
    pub created_us: i64,
    pub ended_us: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportStatus {
    Pending,
    Running,
    Completed,
    Failed,
    Cancelled,
}

impl ExportStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            ExportStatus::Pending => "PENDING",
            ExportStatus::Running => "RUNNING",
            ExportStatus::Completed => "COMPLETED",
            ExportStatus::Failed => "FAILED",
            ExportStatus::Cancelled => "CANCELLED",
        }
    }

    pub fn is_over(self) -> bool {
        !matches!(self, ExportStatus::Pending | ExportStatus::Running)
    }
}

impl Resource for ExportTask {
    const KIND: &'static str = "export_task";

    fn key(&self) -> &str {
        &self.id
    }
}
