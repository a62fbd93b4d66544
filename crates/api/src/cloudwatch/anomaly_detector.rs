//! Anomaly detectors: how what is usual of metrics is learned.

use axum::http::StatusCode;
use model::CompactString;
use model::anomaly_detector::{Adaptation, AnomalyDetector, Detected, OutlierFiltering, Training};
use model::metric::statistic::UnknownStatistic;
use model::metric::{MetricId, Statistic};
use model::time::SECOND_US;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::dashboard::Nothing;
use super::metric::{Dimension, MetricDataQuery, dimensions, owner_of, queries};
use super::{combination, invalid_value, missing};
use crate::app::App;
use crate::error::ApiError;
use crate::page;
use crate::time::Moment;

/// Detectors on a page.
const PAGE: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutAnomalyDetector {
    #[serde(flatten)]
    of: Of,
    configuration: Option<Configuration>,
    metric_characteristics: Option<Characteristics>,
}

/// What a detector is of: a metric, told in one of two ways, or an expression.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Of {
    namespace: Option<CompactString>,
    metric_name: Option<CompactString>,
    dimensions: Option<Vec<Dimension>>,
    stat: Option<String>,
    single_metric_anomaly_detector: Option<SingleMetric>,
    metric_math_anomaly_detector: Option<MetricMath>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SingleMetric {
    account_id: Option<String>,
    namespace: Option<CompactString>,
    metric_name: Option<CompactString>,
    dimensions: Option<Vec<Dimension>>,
    stat: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricMath {
    metric_data_queries: Option<Vec<MetricDataQuery>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Configuration {
    excluded_time_ranges: Option<Vec<Range>>,
    metric_timezone: Option<String>,
    adaptation_speed: Option<String>,
    outlier_filtering_strength: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Range {
    start_time: Option<Moment>,
    end_time: Option<Moment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Characteristics {
    periodic_spikes: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutAnomalyDetectorOutput {
    anomaly_detector_id: String,
}

fn of(err: control::Error) -> ApiError {
    match err {
        control::Error::NoResource(message) => ApiError::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", message),
        control::Error::Invalid(message) => invalid_value(message),
        err => err.into(),
    }
}

impl Of {
    fn is_nothing(&self) -> bool {
        self.namespace.is_none()
            && self.metric_name.is_none()
            && self.dimensions.is_none()
            && self.stat.is_none()
            && self.single_metric_anomaly_detector.is_none()
            && self.metric_math_anomaly_detector.is_none()
    }

    fn detected(self, app: &App) -> Result<Detected, ApiError> {
        let is_plain = self.namespace.is_some() || self.metric_name.is_some() || self.dimensions.is_some() || self.stat.is_some();
        match (is_plain, self.single_metric_anomaly_detector, self.metric_math_anomaly_detector) {
            (false, None, None) => Err(missing("SingleMetricAnomalyDetector")),
            (true, None, None) => single(
                app,
                SingleMetric {
                    account_id: None,
                    namespace: self.namespace,
                    metric_name: self.metric_name,
                    dimensions: self.dimensions,
                    stat: self.stat,
                },
            ),
            (false, Some(metric), None) => single(app, metric),
            (false, None, Some(math)) => of_math(app, &math),
            _ => Err(combination(
                "A detector is of either SingleMetricAnomalyDetector or MetricMathAnomalyDetector, or has Namespace, MetricName, Dimensions and Stat",
            )),
        }
    }
}

fn single(app: &App, metric: SingleMetric) -> Result<Detected, ApiError> {
    let stat = metric.stat.ok_or_else(|| missing("Stat"))?;
    let statistic: Statistic = stat.parse().map_err(|err: UnknownStatistic| invalid_value(err.to_string()))?;
    Ok(Detected::Metric {
        namespace: metric.namespace.ok_or_else(|| missing("Namespace"))?,
        name: metric.metric_name.ok_or_else(|| missing("MetricName"))?,
        dimensions: dimensions(metric.dimensions, "Dimensions")?,
        owner: owner_of(app, metric.account_id.as_deref()),
        statistic: statistic.to_string(),
    })
}

fn of_math(app: &App, math: &MetricMath) -> Result<Detected, ApiError> {
    let given = math.metric_data_queries.as_deref();
    let returned: Vec<_> = queries(app, given)?.into_iter().filter(|query| query.is_returned).collect();
    let [wanted] = &returned[..] else {
        return Err(invalid_value("Of the queries of a MetricMathAnomalyDetector one, and no other, has ReturnData true"));
    };
    let query::metric::What::Expression(expression) = &wanted.what else {
        return Err(invalid_value(
            "The query whose ReturnData is true must be an expression; of a metric, use SingleMetricAnomalyDetector",
        ));
    };
    let text = serde_json::to_string(&given).map_err(|err| ApiError::internal(err.to_string()))?;
    Ok(Detected::Math { queries: text, expression: expression.clone() })
}

fn training(configuration: Option<Configuration>, characteristics: Option<Characteristics>) -> Result<Training, ApiError> {
    let mut training = Training {
        has_periodic_spikes: characteristics.and_then(|characteristics| characteristics.periodic_spikes),
        ..Training::default()
    };
    let Some(configuration) = configuration else { return Ok(training) };
    for range in configuration.excluded_time_ranges.into_iter().flatten() {
        let start = range.start_time.ok_or_else(|| missing("ExcludedTimeRanges.StartTime"))?;
        let end = range.end_time.ok_or_else(|| missing("ExcludedTimeRanges.EndTime"))?;
        training.excluded.push((start.0.div_euclid(SECOND_US), end.0.div_euclid(SECOND_US)));
    }
    training.time_zone = configuration.metric_timezone;
    let one_of = |member: &str, given: &str, all: &str| invalid_value(format!("{member} {given:?} is none of {all}"));
    training.adaptation = match configuration.adaptation_speed.as_deref() {
        None => None,
        Some("FAST") => Some(Adaptation::Fast),
        Some("NORMAL") => Some(Adaptation::Normal),
        Some("SLOW") => Some(Adaptation::Slow),
        Some(other) => return Err(one_of("AdaptationSpeed", other, "FAST, NORMAL and SLOW")),
    };
    training.outliers = match configuration.outlier_filtering_strength.as_deref() {
        None => None,
        Some("MINIMAL") => Some(OutlierFiltering::Minimal),
        Some("MODERATE") => Some(OutlierFiltering::Moderate),
        Some("STRICT") => Some(OutlierFiltering::Strict),
        Some(other) => return Err(one_of("OutlierFilteringStrength", other, "MINIMAL, MODERATE and STRICT")),
    };
    Ok(training)
}

pub(super) async fn put_anomaly_detector(app: &App, input: PutAnomalyDetector) -> Result<PutAnomalyDetectorOutput, ApiError> {
    let training = training(input.configuration, input.metric_characteristics)?;
    let detector = app.anomaly_detectors.put(input.of.detected(app)?, training).await.map_err(of)?;
    Ok(PutAnomalyDetectorOutput { anomaly_detector_id: detector.id })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteAnomalyDetector {
    anomaly_detector_id: Option<String>,
    #[serde(flatten)]
    of: Of,
}

pub(super) async fn delete_anomaly_detector(app: &App, input: DeleteAnomalyDetector) -> Result<Nothing, ApiError> {
    let deleted = match input.anomaly_detector_id {
        Some(_) if !input.of.is_nothing() => {
            return Err(combination("A detector is meant either by AnomalyDetectorId or by what it is of"));
        }
        Some(id) => app.anomaly_detectors.delete(|known| known.id == id).await,
        None => {
            let meant = input.of.detected(app)?;
            app.anomaly_detectors.delete(|known| known.of == meant).await
        }
    };
    deleted.map_err(of)?;
    Ok(Nothing {})
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeAnomalyDetectors {
    #[serde(skip_serializing)]
    next_token: Option<String>,
    #[serde(skip_serializing)]
    max_results: Option<i64>,
    anomaly_detector_ids: Option<Vec<String>>,
    namespace: Option<CompactString>,
    metric_name: Option<CompactString>,
    dimensions: Option<Vec<Dimension>>,
    anomaly_detector_types: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeAnomalyDetectorsOutput {
    anomaly_detectors: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn describe_anomaly_detectors(
    app: &App,
    input: DescribeAnomalyDetectors,
) -> Result<DescribeAnomalyDetectorsOutput, ApiError> {
    let most = match input.max_results {
        None => PAGE,
        Some(wanted) if wanted >= 1 => usize::try_from(wanted).unwrap_or(PAGE).min(PAGE),
        Some(wanted) => return Err(invalid_value(format!("MaxResults {wanted} must be at least 1"))),
    };
    let types: &[&str] = &["SINGLE_METRIC", "METRIC_MATH"];
    if let Some(other) = input.anomaly_detector_types.iter().flatten().find(|given| !types.contains(&given.as_str())) {
        return Err(invalid_value(format!("AnomalyDetectorTypes {other:?} is neither SINGLE_METRIC nor METRIC_MATH")));
    }
    let wanted = input.dimensions.clone().map(|given| dimensions(Some(given), "Dimensions")).transpose()?;
    // Math detectors have no metric, and are left out where one is asked for.
    let is_of_metric = input.namespace.is_some() || input.metric_name.is_some() || wanted.is_some();
    let is_meant = |detector: &AnomalyDetector| {
        let kind = match &detector.of {
            Detected::Metric { namespace, name, dimensions, .. } => {
                let is_so = input.namespace.as_ref().is_none_or(|given| given == namespace)
                    && input.metric_name.as_ref().is_none_or(|given| given == name)
                    && wanted.as_ref().is_none_or(|given| given == dimensions);
                is_so.then_some("SINGLE_METRIC")
            }
            Detected::Math { .. } => (!is_of_metric).then_some("METRIC_MATH"),
        };
        // Without types, those of single metrics are meant (AWS).
        let is_type = |kind: &str| match &input.anomaly_detector_types {
            Some(types) if !types.is_empty() => types.iter().any(|known| known == kind),
            _ => kind == "SINGLE_METRIC" || input.anomaly_detector_ids.is_some(),
        };
        kind.is_some_and(is_type) && input.anomaly_detector_ids.as_ref().is_none_or(|ids| ids.contains(&detector.id))
    };
    let all = app.anomaly_detectors.list().await.map_err(of)?;
    let meant: Vec<AnomalyDetector> = all.into_iter().filter(|detector| is_meant(detector)).collect();
    let (meant, next_token) = page::cut(meant, input.next_token.as_deref(), most, &input, app.clock.now_us())?;
    let mut told = Vec::with_capacity(meant.len());
    for detector in meant {
        told.push(describe(app, detector).await?);
    }
    Ok(DescribeAnomalyDetectorsOutput { anomaly_detectors: told, next_token })
}

async fn describe(app: &App, detector: AnomalyDetector) -> Result<Value, ApiError> {
    let mut told = json!({"AnomalyDetectorId": detector.id});
    let Training { excluded, time_zone, adaptation, outliers, has_periodic_spikes } = &detector.training;
    let mut configuration = json!({});
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            configuration[name] = value;
        }
    };
    let range = |(from, to): &(i64, i64)| json!({"StartTime": from, "EndTime": to});
    set("ExcludedTimeRanges", (!excluded.is_empty()).then(|| excluded.iter().map(range).collect()));
    set("MetricTimezone", time_zone.as_deref().map(Value::from));
    set("AdaptationSpeed", adaptation.map(|adaptation| format!("{adaptation:?}").to_uppercase().into()));
    set("OutlierFilteringStrength", outliers.map(|outliers| format!("{outliers:?}").to_uppercase().into()));
    told["Configuration"] = configuration;
    if let Some(has_spikes) = has_periodic_spikes {
        told["MetricCharacteristics"] = json!({"PeriodicSpikes": has_spikes});
    }
    match detector.of {
        Detected::Metric { namespace, name, dimensions, owner, statistic } => {
            let pairs: Vec<Value> = dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
            let mut metric = json!({"Namespace": namespace, "MetricName": name, "Dimensions": pairs, "Stat": statistic});
            for member in ["Namespace", "MetricName", "Dimensions", "Stat"] {
                told[member] = metric[member].clone();
            }
            if let Some(owner) = &owner {
                metric["AccountId"] = owner.account_id().into();
            }
            told["SingleMetricAnomalyDetector"] = metric;
            let id = MetricId { namespace, name, dimensions, owner };
            let state = app.ask(move |query| query.training_state(&id)).await?;
            told["StateValue"] = state.as_str().into();
        }
        Detected::Math { queries, .. } => {
            let queries: Value = serde_json::from_str(&queries).map_err(|err| ApiError::internal(err.to_string()))?;
            told["MetricMathAnomalyDetector"] = json!({"MetricDataQueries": queries});
        }
    }
    Ok(told)
}
