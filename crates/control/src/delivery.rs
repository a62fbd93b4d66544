//! Notifications on their way: kept with what caused them in one transaction, and tried until they are taken or a day is over. What became of
//! each is kept for some days.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use deliver::{Deliver, DeliverError, Delivery as Request, Mailer};
use model::Clock;
use model::resource::Resource;
use model::time::DAY_US;
use model::topic::{Delivery, Outcome, Protocol};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Catalog, ResourceChanges};
use tokio::io::AsyncWriteExt;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::Result;

/// How often it is seen whether something is due.
const TICK: Duration = Duration::from_secs(1);
/// The pause after the first failure; it doubles up to the second figure.
const PAUSE_US: i64 = 1_000_000;
const PAUSE_MAX_US: i64 = 300_000_000;
/// How long is tried where it may pass, and how often where it was refused for good.
const TRIED_US: i64 = DAY_US;
const REFUSED_MAX: u32 = 10;
/// At a time, each to another subscription.
const SENDING_MAX: usize = 256;
/// How long what became of it is kept.
const KEPT_US: i64 = 30 * DAY_US;
const COMMAND_WITHIN: Duration = Duration::from_secs(60);

/// What ways out there are. Cheap to clone.
#[derive(Clone)]
pub struct Channels {
    pub deliver: Deliver,
    pub mailer: Option<Mailer>,
    /// Programs with their arguments, by name.
    pub commands: Arc<BTreeMap<String, Vec<String>>>,
}

/// The deliveries of an account. Cheap to clone.
#[derive(Clone)]
pub struct Deliveries {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    wake: Arc<Notify>,
}

/// One that is not over.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Pending(Delivery);

impl Resource for Pending {
    const KIND: &'static str = "pending_delivery";

    fn key(&self) -> &str {
        &self.0.id
    }
}

/// The id of something that happens now: ids are in the order of their times.
pub(crate) fn id(now_us: i64) -> String {
    format!("{now_us:016x}-{}", &crate::unique_id()[..10])
}

impl Deliveries {
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>) -> Deliveries {
        Deliveries { catalog, clock, wake: Arc::default() }
    }

    /// The same for another account.
    pub fn of(&self, catalog: Catalog) -> Deliveries {
        Deliveries { catalog, ..self.clone() }
    }

    /// Adds them to changes that belong together; `wake` after these were made.
    pub fn add(&self, deliveries: &[Delivery], changes: &mut ResourceChanges) -> Result<()> {
        for delivery in deliveries {
            changes.put(&Pending(delivery.clone()))?;
        }
        Ok(())
    }

    pub fn wake(&self) {
        self.wake.notify_one();
    }

    pub async fn send(&self, deliveries: &[Delivery]) -> Result<()> {
        let mut changes = ResourceChanges::default();
        self.add(deliveries, &mut changes)?;
        self.catalog.change_resources(&changes).await?;
        self.wake();
        Ok(())
    }

    /// The newest first, those under way too.
    pub async fn list(&self, is_wanted: impl Fn(&Delivery) -> bool, most: usize) -> Result<Vec<Delivery>> {
        let pending = self.catalog.resources::<Pending>().await?.into_iter().map(|pending| pending.0);
        let mut found: Vec<Delivery> = pending.filter(|delivery| is_wanted(delivery)).collect();
        let mut to = "~".to_owned();
        let mut done = 0;
        while done < most {
            let page: Vec<Delivery> = self.catalog.resources_within("", &to, true, 200).await?;
            let Some(last) = page.last() else { break };
            to.clone_from(&last.id);
            let wanted: Vec<Delivery> = page.into_iter().filter(|delivery| is_wanted(delivery)).collect();
            done += wanted.len();
            found.extend(wanted);
        }
        found.sort_by(|a, b| b.id.cmp(&a.id));
        found.truncate(most);
        Ok(found)
    }

    /// Begins what is due: of each subscription the oldest alone, so that what is told first arrives first. A receiver that hangs keeps nobody else
    /// waiting.
    async fn work(&self, channels: &Channels, sending: &mut JoinSet<String>, busy: &mut BTreeSet<String>) -> Result<()> {
        let now_us = self.clock.now_us();
        let is_due = |delivery: &Delivery| matches!(delivery.outcome, Outcome::Pending { next_us } if next_us <= now_us);
        let mut seen = BTreeSet::new();
        for Pending(delivery) in self.catalog.resources::<Pending>().await? {
            let subscription = delivery.subscription_arn.clone();
            let is_first = seen.insert(subscription.clone());
            if !is_first || !is_due(&delivery) || sending.len() >= SENDING_MAX || !busy.insert(subscription.clone()) {
                continue;
            }
            let (deliveries, channels) = (self.clone(), channels.clone());
            sending.spawn(async move {
                let sent = channels.send(&delivery).await;
                if let Err(err) = deliveries.note(delivery, sent).await {
                    warn!(error = %err, "what became of a notification cannot be noted");
                }
                subscription
            });
        }
        Ok(())
    }

    /// What became of a try.
    async fn note(&self, mut delivery: Delivery, sent: Result<(), DeliverError>) -> Result<()> {
        let now_us = self.clock.now_us();
        delivery.tries += 1;
        let (tries, protocol, topic) = (delivery.tries, delivery.protocol.as_str(), delivery.topic_arn.clone());
        match sent {
            Ok(()) => {
                info!(topic, protocol, tries, "notification delivered");
                delivery.error = None;
                delivery.outcome = Outcome::Delivered { done_us: now_us };
            }
            Err(err) => {
                let is_over = match err.is_passing() {
                    true => now_us - delivery.created_us >= TRIED_US,
                    false => tries >= REFUSED_MAX,
                };
                let pause_us = PAUSE_US.saturating_mul(1 << (tries - 1).min(20)).min(PAUSE_MAX_US);
                warn!(topic, protocol, tries, error = %err, "notification not delivered{}", if is_over { ", and given up" } else { "" });
                delivery.error = Some(err.to_string());
                delivery.outcome = match is_over {
                    true => Outcome::Failed { done_us: now_us },
                    false => Outcome::Pending { next_us: now_us + pause_us },
                };
            }
        }
        let mut changes = ResourceChanges::default();
        if matches!(delivery.outcome, Outcome::Pending { .. }) {
            changes.put(&Pending(delivery))?;
        } else {
            changes.delete::<Pending>(&delivery.id);
            changes.put(&delivery)?;
        }
        Ok(self.catalog.change_resources(&changes).await?)
    }

    async fn forget_old(&self) -> Result<()> {
        let oldest = format!("{:016x}", (self.clock.now_us() - KEPT_US).max(0));
        Ok(self.catalog.delete_resources_before::<Delivery>(&oldest).await?)
    }
}

/// Delivers for all accounts that there are by then, until told to stop.
pub async fn run(of_all: impl Fn() -> Vec<Deliveries>, channels: Channels, mut stop: watch::Receiver<bool>) {
    let mut ticks = 0_u32;
    // Those that are under way when it is to stop are begun again at the next start.
    let (mut sending, mut busy) = (JoinSet::new(), BTreeSet::new());
    loop {
        let all = of_all();
        for deliveries in &all {
            if let Err(err) = deliveries.work(&channels, &mut sending, &mut busy).await {
                warn!(error = %err, "cannot deliver notifications");
            }
            if ticks.is_multiple_of(10_000)
                && let Err(err) = deliveries.forget_old().await
            {
                warn!(error = %err, "cannot forget old deliveries");
            }
        }
        ticks = ticks.wrapping_add(1);
        let woken = async {
            // All accounts have the same.
            match all.first() {
                Some(first) => first.wake.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(TICK) => {}
            () = woken => {}
            Some(ended) = sending.join_next() => match ended {
                Ok(subscription) => drop(busy.remove(&subscription)),
                // Which one it was is not known any more: none is held back for it.
                Err(_) => busy.clear(),
            },
        }
    }
}

impl Channels {
    async fn send(&self, delivery: &Delivery) -> Result<(), DeliverError> {
        let subject = delivery.subject.as_deref().unwrap_or("Mitoshi notification");
        match delivery.protocol {
            Protocol::Http | Protocol::Https => self.deliver.send(&webhook(delivery)).await,
            Protocol::Slack => {
                self.post(delivery, &json!({"text": format!("*{}*\n{}", slack(subject), slack(&delivery.message))})).await
            }
            Protocol::Teams => self.post(delivery, &teams(subject, &delivery.message)).await,
            Protocol::Email => match &self.mailer {
                Some(mailer) => mailer.send(&delivery.endpoint, subject, &delivery.message, &delivery.message_id).await,
                None => Err(DeliverError::Unreachable("no mail server is configured: set url and from under [smtp]".to_owned())),
            },
            Protocol::Command => match self.commands.get(&delivery.endpoint) {
                Some(command) => run_command(command, delivery).await,
                None => Err(DeliverError::Unreachable(format!(
                    "there is no command {:?} under [notifications.commands] of the configuration",
                    delivery.endpoint
                ))),
            },
        }
    }

    async fn post(&self, delivery: &Delivery, body: &Value) -> Result<(), DeliverError> {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let url = delivery.endpoint.clone();
        self.deliver.send(&Request { method: "POST", url, headers, body: Bytes::from(body.to_string()) }).await
    }
}

/// As SNS wraps messages. There is no signature, which only AWS can make.
fn envelope(delivery: &Delivery) -> Value {
    let time = DateTime::<Utc>::from_timestamp_micros(delivery.created_us).unwrap_or_default();
    let mut body = json!({
        "Type": "Notification",
        "MessageId": delivery.message_id,
        "TopicArn": delivery.topic_arn,
        "Message": delivery.message,
        "Timestamp": time.to_rfc3339_opts(SecondsFormat::Millis, true),
    });
    if let Some(subject) = &delivery.subject {
        body["Subject"] = json!(subject);
    }
    body
}

fn webhook(delivery: &Delivery) -> Request {
    let mut headers = vec![
        ("content-type", "text/plain; charset=UTF-8"),
        ("x-amz-sns-message-type", "Notification"),
        ("x-amz-sns-message-id", &delivery.message_id),
        ("x-amz-sns-topic-arn", &delivery.topic_arn),
        ("x-amz-sns-subscription-arn", &delivery.subscription_arn),
    ];
    if delivery.is_raw {
        headers.push(("x-amz-sns-rawdelivery", "true"));
    }
    let body = if delivery.is_raw { delivery.message.clone() } else { envelope(delivery).to_string() };
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Request { method: "POST", url: delivery.endpoint.clone(), headers, body: Bytes::from(body) }
}

/// Slack gives these three a meaning.
fn slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn teams(subject: &str, text: &str) -> Value {
    let block = |text: &str, weight: &str| json!({"type": "TextBlock", "text": text, "wrap": true, "weight": weight});
    // A line break of its Markdown is two.
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [block(subject, "Bolder"), block(&text.replace('\n', "\n\n"), "Default")],
    });
    json!({"type": "message", "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}]})
}

/// The program gets the message as SNS wraps it on its standard input.
async fn run_command(command: &[String], delivery: &Delivery) -> Result<(), DeliverError> {
    let failed = |why: String| DeliverError::Unreachable(format!("command {:?}: {why}", delivery.endpoint));
    let [program, arguments @ ..] = command else { return Err(failed("it names no program".to_owned())) };
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .env("MITOSHI_SUBJECT", delivery.subject.as_deref().unwrap_or_default())
        .env("MITOSHI_ALARM", delivery.alarm.as_deref().unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|err| failed(err.to_string()))?;
    if let Some(mut input) = child.stdin.take() {
        // One that does not read is fine.
        let _ = input.write_all(envelope(delivery).to_string().as_bytes()).await;
    }
    let ended = tokio::time::timeout(COMMAND_WITHIN, child.wait_with_output()).await;
    let output = ended.map_err(|_| failed("it ran longer than 60 seconds".to_owned()))?.map_err(|err| failed(err.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: String = said.trim().chars().take(300).collect();
    Err(failed(format!("{}{}{said}", output.status, if said.is_empty() { "" } else { ": " })))
}
