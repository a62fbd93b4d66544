//! CloudWatch: metrics, dashboards and alarms.

pub(crate) mod alarm;
mod anomaly_detector;
mod dashboard;
mod image;
mod metric;
mod mute_rule;
mod tag;

use axum::http::StatusCode;
use model::principal::Action::{Change, Read, Send};

use crate::error::ApiError;
use crate::rpc::{Service, rpc};

pub(crate) static SERVICE: Service = Service {
    name: "cloudwatch",
    target: "GraniteServiceVersion20100801",
    query: Some(("http://monitoring.amazonaws.com/doc/2010-08-01/", "2010-08-01")),
    operations: &[
        rpc!("DeleteAlarmMuteRule", Change, mute_rule::delete_alarm_mute_rule),
        rpc!("DeleteAlarms", Change, alarm::delete_alarms),
        rpc!("DeleteAnomalyDetector", Change, anomaly_detector::delete_anomaly_detector),
        rpc!("DeleteDashboards", Change, dashboard::delete_dashboards),
        rpc!("DescribeAlarmContributors", Read, alarm::describe_alarm_contributors),
        rpc!("DescribeAlarmHistory", Read, alarm::describe_alarm_history),
        rpc!("DescribeAlarms", Read, alarm::describe_alarms),
        rpc!("DescribeAlarmsForMetric", Read, alarm::describe_alarms_for_metric),
        rpc!("DescribeAnomalyDetectors", Read, anomaly_detector::describe_anomaly_detectors),
        rpc!("DisableAlarmActions", Change, alarm::disable_alarm_actions),
        rpc!("EnableAlarmActions", Change, alarm::enable_alarm_actions),
        rpc!("GetAlarmMuteRule", Read, mute_rule::get_alarm_mute_rule),
        rpc!("GetDashboard", Read, dashboard::get_dashboard),
        rpc!("GetMetricData", Read, metric::get_metric_data),
        rpc!("GetMetricStatistics", Read, metric::get_metric_statistics),
        rpc!("GetMetricWidgetImage", Read, image::get_metric_widget_image),
        rpc!("ListAlarmMuteRules", Read, mute_rule::list_alarm_mute_rules),
        rpc!("ListDashboards", Read, dashboard::list_dashboards),
        rpc!("ListMetrics", Read, metric::list_metrics),
        rpc!("ListTagsForResource", Read, tag::list_tags_for_resource),
        rpc!("PutAlarmMuteRule", Change, mute_rule::put_alarm_mute_rule),
        rpc!("PutAnomalyDetector", Change, anomaly_detector::put_anomaly_detector),
        rpc!("PutCompositeAlarm", Change, alarm::put_composite_alarm),
        rpc!("PutDashboard", Change, dashboard::put_dashboard),
        rpc!("PutMetricAlarm", Change, alarm::put_metric_alarm),
        rpc!("PutMetricData", Send, metric::put_metric_data),
        rpc!("SetAlarmState", Change, alarm::set_alarm_state),
        rpc!("TagResource", Change, tag::tag_resource),
        rpc!("UntagResource", Change, tag::untag_resource),
    ],
    of_linked: &["GetMetricData", "GetMetricStatistics", "GetMetricWidgetImage", "ListMetrics"],
    others: &[
        "DeleteInsightRules",
        "DeleteMetricStream",
        "DescribeInsightRules",
        "DisableInsightRules",
        "EnableInsightRules",
        "GetInsightRuleReport",
        "GetMetricStream",
        "ListManagedInsightRules",
        "ListMetricStreams",
        "PutInsightRule",
        "PutManagedInsightRules",
        "PutMetricStream",
        "StartMetricStreams",
        "StopMetricStreams",
    ],
    code,
    invalid: "InvalidParameterValueException",
    broken: None,
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
