//! Alarms: what is watched, when that is bad, and in which state it is.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::CompactString;
use crate::metric::Dimensions;
use crate::owner::Owner;
use crate::resource::Resource;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    pub name: String,
    pub description: Option<String>,
    pub actions_enabled: bool,
    /// ARNs of what is done when it goes to a state.
    pub ok_actions: Vec<String>,
    pub alarm_actions: Vec<String>,
    pub insufficient_data_actions: Vec<String>,
    pub watches: Watches,
    pub configured_us: i64,
    pub status: AlarmStatus,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Watches {
    Metric(MetricAlarm),
    Composite(CompositeAlarm),
}

/// An alarm on numbers: M of the newest N datapoints are bad.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricAlarm {
    pub watched: Watched,
    pub comparison: Comparison,
    /// None where the id of a band is given.
    pub threshold: Option<f64>,
    /// The query whose two series are the ends of what is expected.
    pub threshold_metric_id: Option<String>,
    /// N.
    pub evaluation_periods: u32,
    /// M; N where it is not given.
    pub datapoints_to_alarm: Option<u32>,
    pub treat_missing_data: Option<MissingData>,
    /// Of percentiles: whether too few samples count.
    pub low_samples: Option<LowSamples>,
    pub window: Option<Window>,
    pub warm_up: Option<WarmUp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Watched {
    Metric {
        metric: WatchedMetric,
        /// Whether the statistic was given as one of the five plain ones.
        is_plain: bool,
    },
    Queries(Vec<WatchedQuery>),
}

/// A statistic of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchedMetric {
    pub namespace: CompactString,
    pub name: CompactString,
    pub dimensions: Dimensions,
    pub owner: Option<Owner>,
    pub statistic: String,
    /// Seconds.
    pub period: i64,
    pub unit: Option<String>,
}

/// One of queries that may name each other, as GetMetricData has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchedQuery {
    pub id: String,
    pub metric: Option<WatchedMetric>,
    pub expression: Option<String>,
    pub label: Option<String>,
    /// As it was given; none counts as true.
    pub is_returned: Option<bool>,
    pub period: Option<i64>,
    pub account_id: Option<String>,
}

/// An alarm on the states of other alarms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompositeAlarm {
    pub rule: String,
    pub suppressor: Option<Suppressor>,
}

/// An alarm that keeps the actions of another from being done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressor {
    /// Name or ARN, as it was given.
    pub alarm: String,
    /// Seconds that are waited for it to go to ALARM too.
    pub wait_secs: i64,
    /// Seconds that are waited after it left ALARM.
    pub extension_secs: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AlarmState {
    Ok,
    Alarm,
    InsufficientData,
}

/// How it is, and since when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmStatus {
    pub state: AlarmState,
    pub reason: String,
    /// JSON.
    pub reason_data: Option<String>,
    pub updated_us: i64,
    pub transitioned_us: i64,
    /// Why it could not be found out.
    pub evaluation: Option<Evaluation>,
    /// Of a query with several series: each by itself.
    pub contributors: BTreeMap<String, Contributor>,
    /// Of a composite alarm with a suppressor: who keeps its actions back.
    pub suppression: Option<Suppression>,
    /// Actions of the state that a mute rule keeps back until it ends.
    pub muted: Option<AlarmState>,
}

/// One series of several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contributor {
    /// What tells it from the others.
    pub attributes: BTreeMap<String, String>,
    pub state: AlarmState,
    pub reason: String,
    pub transitioned_us: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    pub by: SuppressedBy,
    /// When a wait is over.
    pub until_us: Option<i64>,
    /// Whether there is an action to be done then.
    pub is_pending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SuppressedBy {
    WaitPeriod,
    ExtensionPeriod,
    Alarm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Evaluation {
    /// Not all could be read.
    PartialData,
    /// What is watched cannot be computed, and will not be until it is changed.
    Error,
    /// Something failed here.
    Failure,
}

/// Which windows are looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Window {
    Sliding,
    /// Periods of this time zone's clock.
    WallClock {
        time_zone: Option<String>,
    },
}

/// How long a new alarm leaves its actions alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUp {
    pub minutes: i64,
    pub evaluate_after: Option<bool>,
}

/// Enumerations with the words that they have on the wire.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $word:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name { $($variant),* }

        words!(@impl $name { $($variant = $word),* });
    };
    (@impl $name:ident { $($variant:ident = $word:literal),* $(,)? }) => {
        impl $name {
            pub const WORDS: &'static [&'static str] = &[$($word),*];

            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),* }
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<$name, String> {
                match text {
                    $($word => Ok($name::$variant),)*
                    other => Err(format!("{other:?} is none of {}", $name::WORDS.join(", "))),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(@impl AlarmState { Ok = "OK", Alarm = "ALARM", InsufficientData = "INSUFFICIENT_DATA" });
words!(@impl SuppressedBy { WaitPeriod = "WaitPeriod", ExtensionPeriod = "ExtensionPeriod", Alarm = "Alarm" });
words!(@impl Evaluation { PartialData = "PARTIAL_DATA", Error = "EVALUATION_ERROR", Failure = "EVALUATION_FAILURE" });
words!(
    /// When a datapoint is bad.
    Comparison {
        GreaterOrEqual = "GreaterThanOrEqualToThreshold",
        Greater = "GreaterThanThreshold",
        Less = "LessThanThreshold",
        LessOrEqual = "LessThanOrEqualToThreshold",
        OutsideBand = "LessThanLowerOrGreaterThanUpperThreshold",
        BelowBand = "LessThanLowerThreshold",
        AboveBand = "GreaterThanUpperThreshold",
    }
);
words!(
    /// What a period without a datapoint is.
    MissingData { Missing = "missing", Ignore = "ignore", Breaching = "breaching", NotBreaching = "notBreaching" }
);
words!(LowSamples { Evaluate = "evaluate", Ignore = "ignore" });
words!(
    /// What an entry of an alarm's history is about.
    HistoryItemType {
        ConfigurationUpdate = "ConfigurationUpdate",
        StateUpdate = "StateUpdate",
        Action = "Action",
        ContributorStateUpdate = "AlarmContributorStateUpdate",
        ContributorAction = "AlarmContributorAction",
    }
);

impl Comparison {
    pub fn is_of_band(self) -> bool {
        matches!(self, Comparison::OutsideBand | Comparison::BelowBand | Comparison::AboveBand)
    }
}

impl MetricAlarm {
    /// M.
    pub fn datapoints_to_alarm(&self) -> u32 {
        self.datapoints_to_alarm.unwrap_or(self.evaluation_periods)
    }

    /// Seconds of its datapoints: the longest period of what it is computed of.
    pub fn period(&self) -> i64 {
        match &self.watched {
            Watched::Metric { metric, .. } => metric.period,
            Watched::Queries(queries) => {
                let of = |query: &WatchedQuery| query.metric.as_ref().map(|metric| metric.period).max(query.period);
                queries.iter().filter_map(of).max().unwrap_or(60)
            }
        }
    }

    /// What is done where nobody said it (AWS).
    pub fn missing_data(&self) -> MissingData {
        let is_dynamodb = matches!(&self.watched, Watched::Metric { metric, .. } if metric.namespace == "AWS/DynamoDB");
        self.treat_missing_data.unwrap_or(if is_dynamodb { MissingData::Ignore } else { MissingData::Missing })
    }
}

impl Alarm {
    pub fn kind(&self) -> &'static str {
        match self.watches {
            Watches::Metric(_) => "MetricAlarm",
            Watches::Composite(_) => "CompositeAlarm",
        }
    }

    pub fn actions_of(&self, state: AlarmState) -> &[String] {
        match state {
            AlarmState::Ok => &self.ok_actions,
            AlarmState::Alarm => &self.alarm_actions,
            AlarmState::InsufficientData => &self.insufficient_data_actions,
        }
    }
}

impl Resource for Alarm {
    const KIND: &'static str = "alarm";

    fn key(&self) -> &str {
        &self.name
    }
}

/// Something that happened to an alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmHistoryItem {
    /// Ascends with time.
    pub id: String,
    pub alarm: String,
    /// `MetricAlarm` or `CompositeAlarm`.
    pub alarm_kind: String,
    pub time_us: i64,
    pub item: HistoryItemType,
    pub summary: String,
    /// JSON.
    pub data: String,
    pub contributor: Option<(String, BTreeMap<String, String>)>,
}

impl Resource for AlarmHistoryItem {
    const KIND: &'static str = "alarm_history";

    fn key(&self) -> &str {
        &self.id
    }
}
