//! Topics: where notifications go to, and how they get there.

use serde::{Deserialize, Serialize};

use crate::resource::Resource;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Topic {
    pub name: String,
    pub display_name: Option<String>,
    pub subscriptions: Vec<Subscription>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its ARN is that of the topic, and this.
    pub id: String,
    pub protocol: Protocol,
    /// An address, or the name of a command.
    pub endpoint: String,
    /// Whether the message is sent as it is.
    pub is_raw: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    Http,
    Https,
    Email,
    Slack,
    Teams,
    Command,
}

impl Protocol {
    pub const WORDS: [&'static str; 6] = ["http", "https", "email", "slack", "teams", "command"];

    pub fn as_str(self) -> &'static str {
        Protocol::WORDS[self as usize]
    }

    pub fn of_text(text: &str) -> Option<Protocol> {
        use Protocol::{Command, Email, Http, Https, Slack, Teams};
        [Http, Https, Email, Slack, Teams, Command].into_iter().find(|protocol| protocol.as_str() == text)
    }
}

impl Resource for Topic {
    const KIND: &'static str = "topic";

    fn key(&self) -> &str {
        &self.name
    }
}

/// A message on its way to one subscription, or that was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Ascends with time.
    pub id: String,
    pub created_us: i64,
    pub topic_arn: String,
    /// The alarm that it tells of.
    pub alarm: Option<String>,
    pub subscription_arn: String,
    pub protocol: Protocol,
    pub endpoint: String,
    pub is_raw: bool,
    /// The same for all subscriptions of a topic.
    pub message_id: String,
    pub subject: Option<String>,
    pub message: String,
    pub tries: u32,
    /// What went wrong the last time.
    pub error: Option<String>,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Pending { next_us: i64 },
    Delivered { done_us: i64 },
    Failed { done_us: i64 },
}

impl Resource for Delivery {
    const KIND: &'static str = "delivery";

    fn key(&self) -> &str {
        &self.id
    }
}
