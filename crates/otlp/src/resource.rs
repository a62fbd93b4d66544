//! What a resource says: who reports, on what it runs.

use std::borrow::Cow;

use model::segment::{Aws, Json, Members};
use serde_json::{Map, Value, json};

use crate::attribute::{find, find_text, text, texts};
use crate::extra::{Attributes, ExtraResource};
use crate::proto::common::v1::KeyValue;
use crate::proto::resource::v1::Resource;

/// What members of `metadata.default` that are the resource's begin with.
pub(crate) const METADATA_PREFIX: &str = "otel.resource.";

/// A resource, read once for all of its spans.
pub(crate) struct Reporter<'a> {
    attributes: &'a [KeyValue],
    pub(crate) service_name: Option<&'a str>,
    pub(crate) host_name: Option<&'a str>,
    pub(crate) language: Option<&'a str>,
    pub(crate) origin: Option<&'static str>,
    /// The members `aws` and `service` of its segments.
    pub(crate) aws: Aws<'static>,
    pub(crate) service: Option<Json<'static>>,
    /// Attributes as members of its segments' metadata.
    pub(crate) metadata: Map<String, Value>,
    /// The same as text, without the braces.
    pub(crate) metadata_members: String,
    /// Everything, and what the metadata leaves out, as JSON; none where there is nothing to say.
    pub(crate) extra: Option<String>,
    pub(crate) extra_beside_metadata: Option<String>,
}

impl<'a> Reporter<'a> {
    pub(crate) fn of(resource: Option<&'a Resource>, schema_url: &str) -> Reporter<'a> {
        let attributes = resource.map(|resource| resource.attributes.as_slice()).unwrap_or_default();
        let mut extra = ExtraResource {
            attributes: Attributes::of(attributes),
            dropped: resource.map_or(0, |resource| resource.dropped_attributes_count),
            schema_url: schema_url.to_owned(),
            entities: resource.map_or_else(Vec::new, |resource| {
                let entity = |entity: &crate::proto::common::v1::EntityRef| {
                    (entity.r#type.clone(), entity.schema_url.clone(), entity.id_keys.clone(), entity.description_keys.clone())
                };
                resource.entity_refs.iter().map(entity).collect()
            }),
        };
        let all = json_of(&extra);
        let metadata = std::mem::take(&mut extra.attributes.plain);
        let metadata: Map<_, _> = metadata.into_iter().map(|(key, value)| (format!("{METADATA_PREFIX}{key}"), value)).collect();
        let object = serde_json::to_string(&metadata).unwrap_or_default();
        let reporter = Reporter {
            attributes,
            service_name: find_text(attributes, "service.name"),
            host_name: find_text(attributes, "host.name"),
            language: find_text(attributes, "telemetry.sdk.language"),
            origin: None,
            aws: Aws::default(),
            service: None,
            metadata_members: object[1..object.len() - 1].to_owned(),
            metadata,
            extra: all,
            extra_beside_metadata: json_of(&extra),
        };
        Reporter { origin: reporter.find_origin(), aws: reporter.aws(), service: reporter.service(), ..reporter }
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        find_text(self.attributes, key)
    }

    fn platform(&self) -> Option<&'a str> {
        self.get("cloud.platform").filter(|_| self.get("cloud.provider") == Some("aws"))
    }

    fn find_origin(&self) -> Option<&'static str> {
        Some(match self.platform()? {
            "aws_app_runner" => "AWS::AppRunner::Service",
            "aws_eks" => "AWS::EKS::Container",
            "aws_elastic_beanstalk" => "AWS::ElasticBeanstalk::Environment",
            "aws_ecs" => match self.get("aws.ecs.launchtype").map(str::to_ascii_lowercase).as_deref() {
                Some("ec2") => "AWS::ECS::EC2",
                Some("fargate") => "AWS::ECS::Fargate",
                _ => "AWS::ECS::Container",
            },
            "aws_ec2" => "AWS::EC2::Instance",
            _ => return None,
        })
    }

    fn aws(&self) -> Aws<'static> {
        let mut rest = Vec::new();
        let mut block = |name: &'static str, members: &[(&str, &str)]| {
            let mut object = Map::new();
            for (member, attribute) in members {
                if let Some(value) = self.get(attribute) {
                    object.insert((*member).to_owned(), value.into());
                }
            }
            if !object.is_empty() {
                rest.push((Cow::from(name), well_formed(&Value::Object(object))));
            }
        };
        match self.platform() {
            Some("aws_ec2") => block(
                "ec2",
                &[
                    ("instance_id", "host.id"),
                    ("availability_zone", "cloud.availability_zone"),
                    ("instance_size", "host.type"),
                    ("ami_id", "host.image.id"),
                ],
            ),
            Some("aws_eks") => block(
                "eks",
                &[
                    ("cluster_name", "k8s.cluster.name"),
                    ("pod", "k8s.pod.name"),
                    ("pod_uid", "k8s.pod.uid"),
                    ("container_id", "container.id"),
                ],
            ),
            Some("aws_elastic_beanstalk") => block(
                "elastic_beanstalk",
                &[
                    ("environment_name", "service.namespace"),
                    ("deployment_id", "service.instance.id"),
                    ("version_label", "service.version"),
                ],
            ),
            _ => {}
        }
        if self.platform() == Some("aws_ecs") || self.get("aws.ecs.task.arn").is_some() {
            let name = if self.get("container.name").is_some() { "container.name" } else { "aws.ecs.container.name" };
            block(
                "ecs",
                &[
                    ("container", name),
                    ("container_id", "container.id"),
                    ("container_arn", "aws.ecs.container.arn"),
                    ("cluster_arn", "aws.ecs.cluster.arn"),
                    ("task_arn", "aws.ecs.task.arn"),
                    ("task_family", "aws.ecs.task.family"),
                    ("availability_zone", "cloud.availability_zone"),
                    ("launch_type", "aws.ecs.launchtype"),
                ],
            );
        }
        let groups = self.log_groups();
        if !groups.is_empty() {
            rest.push((Cow::from("cloudwatch_logs"), well_formed(&Value::Array(groups))));
        }
        let mut sdk = Map::new();
        sdk.insert("sdk".to_owned(), format!("opentelemetry for {}", self.language.unwrap_or("unknown")).into());
        if let Some(version) = self.get("telemetry.sdk.version") {
            sdk.insert("sdk_version".to_owned(), version.into());
        }
        let automatic = self.get("telemetry.auto.version").or_else(|| self.get("telemetry.distro.version")).is_some();
        sdk.insert("auto_instrumentation".to_owned(), automatic.into());
        rest.push((Cow::from("xray"), well_formed(&Value::Object(sdk))));
        Aws { account_id: self.get("cloud.account.id").map(|id| id.to_owned().into()), rest: Members(rest), ..Aws::default() }
    }

    /// Names and ARNs of log groups come as arrays or joined by `&`.
    fn log_groups(&self) -> Vec<Value> {
        let list = |key: &str| -> Vec<&str> {
            texts(find(self.attributes, key)).into_iter().flat_map(|text| text.split('&')).filter(|text| !text.is_empty()).collect()
        };
        let arns = list("aws.log.group.arns");
        if !arns.is_empty() {
            let name = |arn: &str| arn.split(":log-group:").nth(1).map(|name| name.trim_end_matches(":*").to_owned());
            return arns.into_iter().map(|arn| json!({ "arn": arn, "log_group": name(arn) })).collect();
        }
        list("aws.log.group.names").into_iter().map(|name| json!({ "log_group": name })).collect()
    }

    fn service(&self) -> Option<Json<'static>> {
        let mut service = Map::new();
        let image = find(self.attributes, "container.image.tag").or_else(|| find(self.attributes, "container.image.tags"));
        let version = self.get("service.version").or_else(|| text(image)).or_else(|| texts(image).first().copied());
        for (member, value) in [
            ("version", version),
            ("runtime", self.get("process.runtime.name")),
            ("runtime_version", self.get("process.runtime.version")),
        ] {
            if let Some(value) = value {
                service.insert(member.to_owned(), value.into());
            }
        }
        (!service.is_empty()).then(|| well_formed(&Value::Object(service)))
    }
}

pub(crate) fn well_formed(value: &Value) -> Json<'static> {
    Json::from_well_formed(value.to_string())
}

fn json_of(extra: &ExtraResource) -> Option<String> {
    (*extra != ExtraResource::default()).then(|| serde_json::to_string(extra).unwrap_or_default())
}
