//! Which service a segment or a call belongs to: X-Ray's rules for names and types of nodes.

use crate::digest::truncated;
use crate::owner::Owner;
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
    /// Its name and type, for people.
    pub fn label(&self) -> String {
        match &self.kind {
            Some(kind) => format!("{} ({kind})", self.name),
            None => self.name.to_string(),
        }
    }

    /// Names and types longer than any real one are cut: they are repeated in everything derived.
    fn new(name: &str, kind: Option<&str>, account_id: Option<&str>) -> ServiceId {
        let text = |text: &str| truncated(text, limit::INDEXED_NAME_CHARS);
        ServiceId { name: text(name), kind: kind.map(text), account_id: account_id.map(text) }
    }
}

/// The node of a segment that a service sent about itself.
pub fn of_segment(segment: &Segment<'_>) -> ServiceId {
    ServiceId::new(&segment.name, segment.origin.as_deref(), account_id(segment))
}

/// The node of a service that sent nothing, known only from a call to it.
pub fn of_call(call: &Segment<'_>) -> ServiceId {
    if call.sql.is_some() {
        return ServiceId::new(&call.name, Some("Database::SQL"), account_id(call));
    }
    if call.namespace.as_deref() != Some("aws") {
        return ServiceId::new(&call.name, Some("remote"), account_id(call));
    }
    let service = canonical_aws_name(&call.name);
    let aws = call.aws.as_deref();
    let (resource, with, without) = match service {
        "DynamoDB" => (aws.and_then(|aws| aws.table_name.as_deref()), "AWS::DynamoDB::Table", "AWS::DynamoDB"),
        "S3" => (aws.and_then(|aws| aws.bucket_name.as_deref()), "AWS::S3::Bucket", "AWS::S3"),
        "SQS" => (aws.and_then(|aws| aws.queue_url.as_deref()), "AWS::SQS::Queue", "AWS::SQS"),
        "Lambda" => (aws.and_then(|aws| aws.function_name.as_deref()), "AWS::Lambda", "AWS::Lambda"),
        _ if service.chars().all(|c| c.is_ascii_alphanumeric()) => {
            let kind = format_compact!("AWS::{service}");
            return ServiceId::new(service, Some(&kind), account_id(call));
        }
        _ => return ServiceId::new(service, Some("AWS::Unknown"), account_id(call)),
    };
    match resource.filter(|name| !name.is_empty()) {
        Some(name) => ServiceId::new(name, Some(with), account_id(call)),
        None => ServiceId::new(service, Some(without), account_id(call)),
    }
}

fn account_id<'s>(segment: &'s Segment<'_>) -> Option<&'s str> {
    let said = segment.aws.as_ref().and_then(|aws| aws.account_id.as_deref());
    said.or_else(|| segment.owner.as_ref().map(Owner::account_id))
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
pub fn canonical_aws_name(name: &str) -> &str {
    AWS_NAMES.iter().find(|known| known.eq_ignore_ascii_case(name)).copied().unwrap_or(name)
}
