use model::Segment;
use model::digest::TraceDigest;
use proptest::prelude::*;
use serde_json::{Value, json};
use store::{Prefilter, VisitTest};

use super::*;

/// Forms of the language that documents and tools use.
const CORPUS: &[&str] = &[
    "responsetime > 4",
    "duration >= 2 AND duration <= 9",
    "ok !partial duration <1",
    "!ok",
    "ok = false",
    "ok != true",
    "http.status != 204",
    r#"http.url CONTAINS "/cart/""#,
    "http.url AND responseTime > 1",
    r#"user CONTAINS """#,
    "annotation.items > 3",
    "annotation.items",
    "!annotation.items",
    r#"annotation[app.tier]="gold""#,
    r#"Annotation[app.tier] = "gold""#,
    r#"service("a"){fault = true} AND duration > 5"#,
    "service() { throttle }",
    r#"service("a") {root = true and fault = true}"#,
    r#"http.url BEGINSWITH "http://a/" AND !service("b")"#,
    r#"edge("a", "b") { error }"#,
    r#"edge(id(name: "a", type: "t1"), id(name: "b", type: "t2")) { fault }"#,
    r#"service(id(name: "fn", type: "AWS::Lambda::Function")) { error }"#,
    r#"service(id(type: "AWS::Lambda::Function"))"#,
    r#"service(id(account.id:"1")) OR service(id(account.id:"2"))"#,
    r#"(service(id(name: "a"  ))) AND (Annotation[k.e] = "x:y")"#,
    r#"rootcause.fault.entity { last and name = "parse" }"#,
    "rootcause.responsetime.entity { remote and coverage > 0.5 }",
    r#"rootcause.fault.service { inferred and type = "AWS::DynamoDB" }"#,
    r#"rootcause.error.exception { last and message = "denied" }"#,
    "rootcause.fault.service { index > 1 }",
    r#"rootcause.json = #[{"Services":[{"Name":"a","EntityPath":[{"Name":"a"}]}]}]"#,
    r#"group.name = "Default" AND user = "bo""#,
    "service(\"x\") { name = traces }",
];

#[test]
fn the_corpus_parses() {
    for text in CORPUS {
        assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
    }
}

#[test]
fn errors_name_the_character_and_what_could_stand_there() {
    for (text, position, fragment) in [
        ("service(\"a\") { fault", 20, "ends too early"),
        ("responsetime >", 14, "value is missing"),
        ("responsetime > fast", 15, "not a number"),
        ("ok AND", 6, "ends too early"),
        ("bogus = 1", 0, "unknown keyword `bogus`"),
        ("fault )", 6, "unexpected `)`"),
        ("http.url > \"a\"", 9, "does not suit a text"),
        ("fault = 3", 6, "true-or-false"),
        ("name = \"open", 7, "no closing quote"),
        ("service(a)", 8, "this is no service"),
        ("edge(\"a\")", 8, "unexpected `)`"),
        ("coverage > 1", 0, "means nothing for a whole trace"),
        ("service(\"a\") { partial }", 15, "means nothing inside service"),
        ("rootcause.json = {}", 15, "a root cause pattern"),
        ("group.name = \"nobody\"", 0, "no group"),
        ("日本 = 1", 0, "unknown keyword"),
        ("user = \"日本\" )", 12, "unexpected `)`"),
    ] {
        let err = parse(text).unwrap_err();
        assert_eq!(err.position, position, "{text}: {err}");
        assert!(err.to_string().contains(fragment), "{text}: {err}");
    }
}

#[test]
fn depth_and_length_have_limits() {
    assert!(parse(&"(".repeat(10_000)).is_err());
    assert!(parse(&"!".repeat(3_000)).is_err());
    assert!(parse(&format!("user = \"{}\"", "x".repeat(5_000))).is_err());
}

fn digest(documents: &[Value]) -> TraceDigest {
    let trace = "1-66b5f1a0-0123456789abcdef01234567";
    let segments: Vec<Segment<'_>> = documents
        .iter()
        .map(|value| {
            let mut value = value.clone();
            value["trace_id"] = json!(trace);
            model::segment::parse(value.to_string().leak().as_bytes()).unwrap()
        })
        .collect();
    TraceDigest::of(trace.parse().unwrap(), &segments)
}

fn shop() -> TraceDigest {
    let at = 1_723_200_000.0;
    digest(&[
        json!({"id": "0000000000000001", "name": "web", "start_time": at, "end_time": at + 2.5, "user": "bo", "origin": "AWS::ECS::Container",
               "http": {"request": {"method": "GET", "url": "http://shop/cart/7", "client_ip": "10.0.0.9", "user_agent": "curl/8"}, "response": {"status": 200}},
               "aws": {"ec2": {"instance_id": "i-1", "availability_zone": "eu-west-1a"}, "account_id": "111122223333"},
               "annotations": {"items": 3, "app.tier": "gold", "vip": true, "count": "3"},
               "subsegments": [{"id": "0000000000000002", "name": "api", "namespace": "remote", "start_time": at, "end_time": at + 2.4, "fault": true,
                                "http": {"response": {"status": 500}}}]}),
        json!({"id": "0000000000000003", "parent_id": "0000000000000002", "name": "api", "start_time": at, "end_time": at + 2.3, "fault": true,
               "cause": {"exceptions": [{"id": "aa", "type": "ValueError", "message": "denied"}]},
               "http": {"response": {"status": 500}},
               "subsegments": [{"id": "0000000000000004", "name": "DynamoDB", "namespace": "aws", "start_time": at, "end_time": at + 0.1,
                                "error": true, "throttle": true, "aws": {"table_name": "orders"}}]}),
    ])
}

fn matches(text: &str) -> bool {
    let expression = parse(text).unwrap_or_else(|err| panic!("{text}: {err}"));
    Matcher::new(expression).matches(&shop(), true)
}

#[test]
fn expressions_match_what_they_say() {
    for (text, expected) in [
        ("", true),
        ("ok", true),
        ("fault", false),
        ("!fault", true),
        ("responsetime > 2.4 AND responsetime < 2.6", true),
        ("duration >= 2.5", true),
        ("http.status = 200", true),
        ("http.status != 200", false),
        ("http.method = \"GET\" http.url ENDSWITH \"/7\"", true),
        ("http.url = \"HTTP://SHOP/CART/7\"", false),
        ("http.clientip BEGINSWITH \"10.\"", true),
        ("http.useragent CONTAINS 'curl'", true),
        ("user = \"bo\"", true),
        ("user != \"bo\"", false),
        ("user", true),
        ("availabilityzone = \"eu-west-1a\" instance.id = i-1", true),
        ("account.id = \"111122223333\"", true),
        ("annotation.items > 2 AND annotation.items <= 3", true),
        ("annotation.items = \"3\"", false),
        ("annotation.count = \"3\"", true),
        ("annotation.count = 3", false),
        ("annotation.vip = true", true),
        ("annotation.vip != true", false),
        ("annotation[app.tier] = \"gold\"", true),
        ("annotation.missing", false),
        ("service(\"api\")", true),
        ("service(\"api\") { fault }", true),
        ("service(\"web\") { fault }", false),
        ("service(\"web\") { root ok name = web }", true),
        ("service(id(name: \"web\", type: \"AWS::ECS::Container\"))", true),
        ("service(id(name: \"web\", type: \"remote\"))", false),
        ("service(id(type: \"AWS::DynamoDB::Table\")) { inferred throttle }", true),
        ("service() { throttle }", true),
        ("service(\"api\") { annotation.items = 3 }", false),
        ("service(\"web\") { annotation.items = 3 }", true),
        ("!service(\"nobody\")", true),
        ("edge(\"web\", \"api\") { fault AND http.status = 500 AND responsetime > 2.35 }", true),
        ("edge(\"api\", \"web\")", false),
        ("edge(\"web\", \"api\") { ok }", false),
        ("edge(id(name: \"web\", type: \"client\"), \"web\")", true),
        ("edge(, \"orders\") { throttle }", true),
        ("rootcause.fault.service { last AND name = \"api\" }", true),
        ("rootcause.fault.service { index = 0 AND name = \"web\" }", true),
        ("rootcause.fault.exception { name = ValueError AND message CONTAINS den }", true),
        ("rootcause.error.service { inferred and type = \"AWS::DynamoDB::Table\" }", true),
        ("rootcause.responsetime.entity { coverage > 0.9 and remote }", true),
        ("rootcause.json = #[{\"Services\":[{\"Name\":\"web\"},{\"Name\":\"api\"}]}]", true),
        ("rootcause.json = #[{\"Services\":[{\"Name\":\"web\"}]}]", false),
        ("fault OR user = \"bo\" AND ok", true),
        ("(fault OR user = \"bo\") AND !ok", false),
        ("group.name != \"Default\"", false),
    ] {
        assert_eq!(matches(text), expected, "{text}");
    }
}

#[test]
fn response_time_causes_belong_to_slow_traces_alone() {
    let expression = parse("rootcause.responsetime.service").unwrap();
    let matcher = Matcher::new(expression);
    assert!(matcher.matches(&shop(), true));
    assert!(!matcher.matches(&shop(), false));
}

#[test]
fn what_can_be_decided_on_columns_is() {
    let prefilter = |text: &str| parse(text).unwrap().prefilter();
    assert_eq!(prefilter("fault"), Prefilter::Fault(true));
    assert_eq!(prefilter("!fault"), Prefilter::Fault(false));
    assert_eq!(prefilter("!service(\"a\")"), Prefilter::Anything);
    assert_eq!(prefilter("!(fault OR error)"), Prefilter::Anything);
    assert_eq!(
        prefilter("service(\"a\") { fault AND responsetime > 1 }"),
        Prefilter::And(vec![
            Prefilter::Visit(VisitTest {
                service: Some("a".to_owned()),
                duration_us: Some((999_999, u64::MAX)),
                fault: true,
                ..VisitTest::default()
            }),
            Prefilter::And(vec![Prefilter::AnyFault, Prefilter::Anything]),
        ])
    );
    assert_eq!(
        prefilter("edge(\"a\", \"b\")"),
        Prefilter::And(vec![Prefilter::Visit(VisitTest {
            service: Some("b".to_owned()),
            from: Some("a".to_owned()),
            ..VisitTest::default()
        }),])
    );
    // The names say it all.
    assert_eq!(prefilter("service(\"a\")"), Prefilter::And(vec![Prefilter::Service("a".to_owned())]));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,60}") {
        let _ = parse(&text);
    }

    #[test]
    fn nor_do_pieces_of_the_language(parts in prop::collection::vec(prop::sample::select(vec![
        "service", "edge", "(", ")", "{", "}", "\"a\"", "id", ":", ",", "name", "=", "!", "!=", "AND", "OR", "fault", "responsetime", ">", "3",
        "annotation.k", "annotation[", "]", "rootcause.fault.entity", "rootcause.json", "#[", "CONTAINS", "é", "'", "\\",
    ]), 0..14)) {
        let text = parts.join(" ");
        if let Err(err) = parse(&text) {
            prop_assert!(err.position <= text.chars().count());
        }
    }
}
