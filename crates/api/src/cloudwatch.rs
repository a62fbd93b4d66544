//! CloudWatch: metrics and dashboards.

mod anomaly_detector;
mod dashboard;
mod image;
mod metric;

use axum::http::StatusCode;
use model::principal::Action::{Change, Read, Send};

use crate::error::ApiError;
use crate::rpc::{Service, rpc};

pub(crate) static SERVICE: Service = Service {
    name: "cloudwatch",
    target: "GraniteServiceVersion20100801",
    query: Some(("http://monitoring.amazonaws.com/doc/2010-08-01/", "2010-08-01")),
    operations: &[
        rpc!("DeleteAnomalyDetector", Change, anomaly_detector::delete_anomaly_detector),
        rpc!("DeleteDashboards", Change, dashboard::delete_dashboards),
        rpc!("DescribeAnomalyDetectors", Read, anomaly_detector::describe_anomaly_detectors),
        rpc!("GetDashboard", Read, dashboard::get_dashboard),
        rpc!("GetMetricData", Read, metric::get_metric_data),
        rpc!("GetMetricStatistics", Read, metric::get_metric_statistics),
        rpc!("GetMetricWidgetImage", Read, image::get_metric_widget_image),
        rpc!("ListDashboards", Read, dashboard::list_dashboards),
        rpc!("ListMetrics", Read, metric::list_metrics),
        rpc!("PutAnomalyDetector", Change, anomaly_detector::put_anomaly_detector),
        rpc!("PutDashboard", Change, dashboard::put_dashboard),
        rpc!("PutMetricData", Send, metric::put_metric_data),
    ],
    of_linked: &["GetMetricData", "GetMetricStatistics", "GetMetricWidgetImage", "ListMetrics"],
    others: &[
        "DeleteAlarmMuteRule",
        "DeleteAlarms",
        "DeleteInsightRules",
        "DeleteMetricStream",
        "DescribeAlarmContributors",
        "DescribeAlarmHistory",
        "DescribeAlarms",
        "DescribeAlarmsForMetric",
        "DescribeInsightRules",
        "DisableAlarmActions",
        "DisableInsightRules",
        "EnableAlarmActions",
        "EnableInsightRules",
        "GetAlarmMuteRule",
        "GetInsightRuleReport",
        "GetMetricStream",
        "ListAlarmMuteRules",
        "ListManagedInsightRules",
        "ListMetricStreams",
        "ListTagsForResource",
        "PutAlarmMuteRule",
        "PutCompositeAlarm",
        "PutInsightRule",
        "PutManagedInsightRules",
        "PutMetricAlarm",
        "PutMetricStream",
        "SetAlarmState",
        "StartMetricStreams",
        "StopMetricStreams",
        "TagResource",
        "UntagResource",
    ],
    code,
    invalid: "InvalidParameterValueException",
};

/// What the Query protocol calls exceptions; SDKs still show these names.
fn code(exception: &str) -> Option<&'static str> {
    Some(match exception {
        "InvalidParameterValueException" => "InvalidParameterValue",
        "MissingRequiredParameterException" => "MissingParameter",
        "InvalidParameterCombinationException" => "InvalidParameterCombination",
        "LimitExceededFault" => "LimitExceeded",
        "InvalidFormatFault" => "InvalidFormat",
        "DashboardInvalidInputError" => "InvalidParameterInput",
        "DashboardNotFoundError" => "ResourceNotFound",
        "ValidationException" => "ValidationError",
        "InternalFailure" => "InternalServiceError",
        "UnknownOperationException" => "InvalidAction",
        _ => return None,
    })
}

fn refuse(exception: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, exception, message)
}

fn invalid_value(message: impl Into<String>) -> ApiError {
    refuse("InvalidParameterValueException", message)
}

fn missing(member: &str) -> ApiError {
    refuse("MissingRequiredParameterException", format!("The parameter {member} is required."))
}

fn combination(message: impl Into<String>) -> ApiError {
    refuse("InvalidParameterCombinationException", message)
}

fn validation(message: impl Into<String>) -> ApiError {
    refuse("ValidationException", message)
}
