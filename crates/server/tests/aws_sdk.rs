//! Every operation of X-Ray through AWS's SDK for Rust, and CloudWatch's metrics, which that SDK asks for in CBOR, against the real binary.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_xray::Client;
use aws_sdk_xray::config::{Credentials, Region};
use aws_sdk_xray::error::ProvideErrorMetadata;
use aws_sdk_xray::primitives::DateTime;
use aws_sdk_xray::types::builders::SamplingRuleBuilder;
use aws_sdk_xray::types::{
    EncryptionType, IndexingRuleValueUpdate, InsightsConfiguration, ProbabilisticRuleValueUpdate, RetrievalStatus, SamplingRule,
    SamplingRuleUpdate, SamplingStatisticsDocument, Tag, TelemetryRecord, TraceFormatType, TraceSegmentDestination,
};

/// A server of its own, ended with the test.
struct Server {
    child: Child,
    address: String,
    _dir: tempfile::TempDir,
}

impl Server {
    fn start() -> Server {
        let dir = tempfile::tempdir().unwrap();
        let free = ["--http", "--daemon", "--otlp-grpc", "--otlp-http"].into_iter().flat_map(|flag| [flag, "127.0.0.1:0"]);
        let mut child = Command::new(env!("CARGO_BIN_EXE_mitoshi"))
            .arg("serve")
            .args(free)
            .env("MITOSHI_CONTAINERS_WATCH", "false")
            .env("MITOSHI_METRICS_EMF_ADDRESS", "off")
            .arg("--data-dir")
            .arg(dir.path().join("data"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split(' ').find_map(|word| word.strip_prefix("http=")).expect("the ready line").to_owned();
        Server { child, address, _dir: dir }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client(server: &Server) -> Client {
    let config = aws_sdk_xray::Config::builder()
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://{}", server.address))
        .credentials_provider(Credentials::new("any", "any", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

fn rule(name: &str) -> SamplingRuleBuilder {
    let any = "*".to_owned();
    SamplingRule::builder()
        .rule_name(name)
        .resource_arn(&any)
        .priority(7)
        .fixed_rate(0.5)
        .reservoir_size(1)
        .service_name(&any)
        .service_type(&any)
        .host(&any)
        .http_method(&any)
        .url_path(any)
        .version(1)
}

#[tokio::test]
async fn every_operation_is_understood() {
    let server = Server::start();
    let xray = client(&server);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let (from, to) = (DateTime::from_secs(now as i64 - 600), DateTime::from_secs(now as i64 + 600));
    let trace_id = format!("1-{:08x}-0123456789abcdef01234567", now as u32 - 5);
    let documents = [
        format!(
            r#"{{"trace_id":"{trace_id}","id":"0000000000000001","name":"shop","start_time":{},"end_time":{},"fault":true,"subsegments":
               [{{"id":"0000000000000002","name":"stock","namespace":"remote","start_time":{},"end_time":{},"fault":true}}]}}"#,
            now - 5.0,
            now - 4.0,
            now - 4.8,
            now - 4.2
        ),
        format!(
            r#"{{"trace_id":"{trace_id}","id":"0000000000000003","parent_id":"0000000000000002","name":"stock","start_time":{},
               "end_time":{},"fault":true}}"#,
            now - 4.7,
            now - 4.3
        ),
    ];

    let put = xray.put_trace_segments().set_trace_segment_documents(Some(documents.to_vec())).send().await.unwrap();
    assert!(put.unprocessed_trace_segments().is_empty());
    let record = TelemetryRecord::builder().timestamp(DateTime::from_secs(now as i64)).segments_received_count(2).build().unwrap();
    xray.put_telemetry_records().telemetry_records(record).send().await.unwrap();
    let traces = xray.batch_get_traces().trace_ids(&trace_id).send().await.unwrap();
    assert_eq!(traces.traces()[0].segments().len(), 2);
    let summaries = xray.get_trace_summaries().start_time(from).end_time(to).filter_expression("fault").send().await.unwrap();
    assert_eq!(summaries.trace_summaries()[0].id(), Some(trace_id.as_str()));
    let graph = xray.get_service_graph().start_time(from).end_time(to).send().await.unwrap();
    assert!(graph.services().iter().any(|service| service.name() == Some("stock")));
    assert!(xray.get_trace_graph().trace_ids(&trace_id).send().await.unwrap().services().len() >= 2);
    let series = xray.get_time_series_service_statistics().start_time(from).end_time(to);
    let series = series.entity_selector_expression("service(\"stock\")").forecast_statistics(true).send().await.unwrap();
    let step = &series.time_series_service_statistics()[0];
    assert_eq!(step.service_summary_statistics().unwrap().total_count(), Some(1));
    assert_eq!(step.service_forecast_statistics().unwrap().fault_count_low(), Some(0));

    let made = xray.create_sampling_rule().sampling_rule(rule("rust").build().unwrap()).send().await.unwrap();
    let rule_arn = made.sampling_rule_record().unwrap().sampling_rule().unwrap().rule_arn().unwrap().to_owned();
    let update = SamplingRuleUpdate::builder().rule_name("rust").fixed_rate(0.25).build();
    xray.update_sampling_rule().sampling_rule_update(update).send().await.unwrap();
    assert_eq!(xray.get_sampling_rules().send().await.unwrap().sampling_rule_records().len(), 2);
    let report = SamplingStatisticsDocument::builder().rule_name("rust").client_id("0123456789abcdef01234567");
    let report = report.timestamp(DateTime::from_secs(now as i64)).request_count(5).sampled_count(1).build().unwrap();
    let targets = xray.get_sampling_targets().sampling_statistics_documents(report).send().await.unwrap();
    assert_eq!(targets.sampling_target_documents()[0].rule_name(), Some("rust"));
    assert!(targets.last_rule_modification().is_some());
    assert_eq!(xray.get_sampling_statistic_summaries().send().await.unwrap().sampling_statistic_summaries().len(), 1);

    let insights = InsightsConfiguration::builder().insights_enabled(true).build();
    let group = xray.create_group().group_name("rust").filter_expression("fault").insights_configuration(insights).send().await;
    let group_arn = group.unwrap().group().unwrap().group_arn().unwrap().to_owned();
    xray.update_group().group_arn(&group_arn).filter_expression("error").send().await.unwrap();
    let group = xray.get_group().group_name("rust").send().await.unwrap();
    assert_eq!(group.group().unwrap().filter_expression(), Some("error"));
    assert_eq!(xray.get_groups().send().await.unwrap().groups().len(), 2);
    let tag = Tag::builder().key("team").value("rust").build().unwrap();
    xray.tag_resource().resource_arn(&rule_arn).tags(tag).send().await.unwrap();
    assert_eq!(xray.list_tags_for_resource().resource_arn(&rule_arn).send().await.unwrap().tags().len(), 1);
    xray.untag_resource().resource_arn(&rule_arn).tag_keys("team").send().await.unwrap();
    let unknown = xray.list_tags_for_resource().resource_arn("arn:aws:xray:us-east-1:000000000000:group/x/y").send().await;
    assert!(unknown.unwrap_err().into_service_error().is_resource_not_found_exception());

    let none = xray.get_insight_summaries().group_name("rust").start_time(from).end_time(to).send().await.unwrap();
    assert!(none.insight_summaries().is_empty());
    let id = "01234567-89ab-4cde-8f01-23456789abcd";
    assert!(xray.get_insight().insight_id(id).send().await.unwrap_err().into_service_error().is_invalid_request_exception());
    assert!(xray.get_insight_events().insight_id(id).send().await.unwrap_err().into_service_error().is_invalid_request_exception());
    let impact = xray.get_insight_impact_graph().insight_id(id).start_time(from).end_time(to).send().await;
    assert!(impact.unwrap_err().into_service_error().is_invalid_request_exception());

    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"xray:PutTraceSegments","Resource":"*"}]}"#;
    xray.put_resource_policy().policy_name("rust").policy_document(policy).send().await.unwrap();
    assert_eq!(xray.list_resource_policies().send().await.unwrap().resource_policies().len(), 1);
    let broken = xray.put_resource_policy().policy_name("rust").policy_document("{").send().await.unwrap_err();
    assert!(broken.into_service_error().is_malformed_policy_document_exception());
    xray.delete_resource_policy().policy_name("rust").send().await.unwrap();

    xray.put_encryption_config().r#type(EncryptionType::Kms).key_id("alias/mine").send().await.unwrap();
    let encryption = xray.get_encryption_config().send().await.unwrap();
    assert_eq!(encryption.encryption_config().unwrap().key_id(), Some("alias/mine"));
    xray.update_trace_segment_destination().destination(TraceSegmentDestination::CloudWatchLogs).send().await.unwrap();
    let destination = xray.get_trace_segment_destination().send().await.unwrap();
    assert_eq!(destination.destination(), Some(&TraceSegmentDestination::CloudWatchLogs));
    let percent = ProbabilisticRuleValueUpdate::builder().desired_sampling_percentage(10.0).build().unwrap();
    xray.update_indexing_rule().name("Default").rule(IndexingRuleValueUpdate::Probabilistic(percent)).send().await.unwrap();
    assert_eq!(xray.get_indexing_rules().send().await.unwrap().indexing_rules().len(), 1);

    let started = xray.start_trace_retrieval().trace_ids(&trace_id).start_time(from).end_time(to).send().await.unwrap();
    let token = started.retrieval_token().unwrap().to_owned();
    let listed = xray.list_retrieved_traces().retrieval_token(&token).trace_format(TraceFormatType::Otel).send().await.unwrap();
    assert_eq!(listed.retrieval_status(), Some(&RetrievalStatus::Complete));
    assert_eq!(listed.traces()[0].spans().len(), 3);
    assert!(xray.get_retrieved_traces_graph().retrieval_token(&token).send().await.unwrap().services().len() >= 2);
    xray.cancel_trace_retrieval().retrieval_token(&token).send().await.unwrap();

    xray.delete_group().group_name("rust").send().await.unwrap();
    xray.delete_sampling_rule().rule_name("rust").send().await.unwrap();
    let again = xray.delete_sampling_rule().rule_name("rust").send().await.unwrap_err();
    assert_eq!(again.code(), Some("InvalidRequestException"));
    assert!(again.message().unwrap().contains("no sampling rule named rust"));
}

#[tokio::test]
async fn metrics_and_dashboards_in_cbor() {
    use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricDatum, MetricStat, StandardUnit, StatisticSet};
    let server = Server::start();
    let config = aws_sdk_cloudwatch::Config::builder()
        .region(aws_sdk_cloudwatch::config::Region::new("us-east-1"))
        .endpoint_url(format!("http://{}", server.address))
        .credentials_provider(aws_sdk_cloudwatch::config::Credentials::new("any", "any", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let client = aws_sdk_cloudwatch::Client::from_conf(config);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 / 60 * 60 - 120;
    let at = |secs: i64| aws_sdk_cloudwatch::primitives::DateTime::from_secs(secs);
    let host = Dimension::builder().name("Host").value("a").build();
    let datum = |name: &str| {
        MetricDatum::builder().metric_name(name).dimensions(host.clone()).timestamp(at(now)).unit(StandardUnit::Milliseconds)
    };
    let set = StatisticSet::builder().sample_count(4.0).sum(10.0).minimum(1.0).maximum(4.0).build();
    client
        .put_metric_data()
        .namespace("Rust")
        .metric_data(datum("Latency").set_values(Some(vec![1.0, 2.5, 40.0])).set_counts(Some(vec![1.0, 2.0, 1.0])).build())
        .metric_data(datum("Set").statistic_values(set).build())
        .metric_data(datum("Odd").value(f64::from_bits(0x3ff8_0000_0000_0001)).storage_resolution(1).build())
        .send()
        .await
        .unwrap();
    let listed = client.list_metrics().namespace("Rust").send().await.unwrap();
    let mut names: Vec<_> = listed.metrics().iter().filter_map(|metric| metric.metric_name()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Latency", "Odd", "Set"]);
    let query = |id: &str, name: &str, stat: &str| {
        let metric = Metric::builder().namespace("Rust").metric_name(name).dimensions(host.clone()).build();
        MetricDataQuery::builder().id(id).metric_stat(MetricStat::builder().metric(metric).period(60).stat(stat).build()).build()
    };
    let answer = client
        .get_metric_data()
        .start_time(at(now - 300))
        .end_time(at(now + 300))
        .metric_data_queries(query("p", "Latency", "p50"))
        .metric_data_queries(query("s", "Set", "Average"))
        .metric_data_queries(query("o", "Odd", "Maximum"))
        .metric_data_queries(MetricDataQuery::builder().id("e").expression("s * 2").label("twice").build())
        .send()
        .await
        .unwrap();
    let value = |id: &str| {
        let found = answer.metric_data_results().iter().find(|result| result.id() == Some(id)).unwrap();
        assert_eq!(found.timestamps(), [at(now)]);
        found.values()[0]
    };
    assert_eq!((value("s"), value("e"), value("o").to_bits()), (2.5, 5.0, 0x3ff8_0000_0000_0001));
    assert!((value("p") - 2.5).abs() < 0.5);
    let refused = client.put_metric_data().namespace("AWS").send().await.unwrap_err();
    // The SDK goes by what the older protocol calls it.
    assert_eq!(refused.code(), Some("MissingParameter"));

    let widget = "{\"metrics\":[[\"Rust\",\"Latency\",\"Host\",\"a\"]],\"width\":300,\"height\":200}";
    let image = client.get_metric_widget_image().metric_widget(widget).send().await.unwrap();
    assert!(image.metric_widget_image().unwrap().as_ref().starts_with(b"\x89PNG\r\n"));
    client.put_dashboard().dashboard_name("main").dashboard_body("{\"widgets\":[]}").send().await.unwrap();
    let kept = client.get_dashboard().dashboard_name("main").send().await.unwrap();
    assert_eq!(kept.dashboard_body(), Some("{\"widgets\":[]}"));
    assert_eq!(client.list_dashboards().send().await.unwrap().dashboard_entries().len(), 1);
    let invalid = client.put_dashboard().dashboard_name("main").dashboard_body("[]").send().await.unwrap_err();
    assert!(invalid.into_service_error().is_dashboard_invalid_input_error());
    client.delete_dashboards().dashboard_names("main").send().await.unwrap();
    assert!(
        client.get_dashboard().dashboard_name("main").send().await.unwrap_err().into_service_error().is_dashboard_not_found_error()
    );
}
