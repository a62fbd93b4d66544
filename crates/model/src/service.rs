//! Which service a segment or a call belongs to: X-Ray's rules for names and types of nodes.

use crate::digest::truncated;
use crate::{Segment, limit};
use compact_str::{CompactString, format_compact};

/// What makes a node of the service graph: a name, a type, an account.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct ServiceId {
    pub name: CompactString,
    /// `AWS::ECS::Container`, `remote`, `Database::SQL`, …; none for a plain segment without an origin.
    pub kind: Option<CompactString>,
    pub account_id: Option<CompactString>,
}

impl ServiceId {
    /// Names and types longer than any real one are cut: they are repeated in everything derived.
    fn new(name: &str, kind: Option<&str>, account_id: Option<&str>) -> ServiceId {
        let text = |text: &str| truncated(text, limit::INDEXED_NAME_CHARS);
        ServiceId { name: text(name), kind: kind.map(text), account_id: account_id.map(text) }
    }
}

/// The node of a segment that a service sent about itself.
pub fn of_segment(segment: &Segment) -> ServiceId {
    ServiceId::new(&segment.name, segment.origin.as_deref(), account_id(segment))
}

/// The node of a service that sent nothing, known only from a call to it.
pub fn of_call(call: &Segment) -> ServiceId {
    let aws = call.aws.as_ref();
    let member = |key| aws.and_then(|aws| aws.str(key)).filter(|text| !text.is_empty()).map(CompactString::from);
    let (name, kind) = if call.sql.is_some() {
        (call.name.clone(), CompactString::const_new("Database::SQL"))
    } else if call.namespace.as_deref() == Some("aws") {
        let service = canonical_aws_name(&call.name);
        match service.as_str() {
            "DynamoDB" => named(member("table_name"), service, "AWS::DynamoDB::Table", "AWS::DynamoDB"),
            "S3" => named(member("bucket_name"), service, "AWS::S3::Bucket", "AWS::S3"),
            "SQS" => named(member("queue_url"), service, "AWS::SQS::Queue", "AWS::SQS"),
            "Lambda" => named(member("function_name"), service, "AWS::Lambda", "AWS::Lambda"),
            _ if service.chars().all(|c| c.is_ascii_alphanumeric()) => {
                let kind = format_compact!("AWS::{service}");
                (service, kind)
            }
            _ => (service, CompactString::const_new("AWS::Unknown")),
        }
    } else {
        (call.name.clone(), CompactString::const_new("remote"))
    };
    ServiceId::new(&name, Some(&kind), account_id(call))
}

fn named(resource: Option<CompactString>, service: CompactString, with: &str, without: &str) -> (CompactString, CompactString) {
    match resource {
        Some(name) => (name, with.into()),
        None => (service, without.into()),
    }
}

fn account_id(segment: &Segment) -> Option<&str> {
    segment.aws.as_ref()?.str("account_id")
}

/// Services whose name SDKs write in more than one way. Python's SDK says `dynamodb`, Node's `DynamoDB`: one service.
const AWS_NAMES: &[&str] = &[
    "APIGateway",
    "AppConfig",
    "AppSync",
    "Athena",
    "Bedrock",
    "CloudFormation",
    "CloudFront",
    "CloudWatch",
    "CognitoIdentity",
    "DynamoDB",
    "EC2",
    "ECR",
    "ECS",
    "EKS",
    "ElastiCache",
    "EventBridge",
    "Events",
    "Firehose",
    "Glue",
    "IAM",
    "Kinesis",
    "KMS",
    "Lambda",
    "Logs",
    "RDS",
    "Redshift",
    "Route53",
    "S3",
    "SageMakerRuntime",
    "SecretsManager",
    "SES",
    "SFN",
    "SNS",
    "SQS",
    "SSM",
    "StepFunctions",
    "STS",
    "XRay",
];

/// The one spelling of an AWS service's name. A name that is not in the list keeps its own.
pub fn canonical_aws_name(name: &str) -> CompactString {
    AWS_NAMES.iter().find(|known| known.eq_ignore_ascii_case(name)).map_or_else(|| name.into(), |known| (*known).into())
}
