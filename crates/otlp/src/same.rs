//! Attributes whose values a document's members have already, as they are.

use std::borrow::Cow;

use model::Segment;

use crate::attribute;
use crate::proto::common::v1::any_value::Value;
use crate::proto::common::v1::{AnyValue, KeyValue};

/// What a member says.
enum Said<'a> {
    Text(Cow<'a, str>),
    Number(i64),
}

/// Whether the attribute can be told from the document again, given its key.
pub(crate) fn is_same(document: &Segment<'_>, pair: &KeyValue) -> bool {
    let value = pair.value.as_ref().and_then(|value| value.value.as_ref());
    match (value, said(document, &pair.key)) {
        (Some(Value::StringValue(text)), Some(Said::Text(said))) => *text == said,
        (Some(Value::IntValue(number)), Some(Said::Number(said))) => *number == said,
        _ => false,
    }
}

/// The attribute of this key, where `is_same` said so of it.
pub(crate) fn pair(document: &Segment<'_>, key: &str) -> Option<KeyValue> {
    let value = match said(document, key)? {
        Said::Text(text) => Value::StringValue(text.into_owned()),
        Said::Number(number) => Value::IntValue(number),
    };
    Some(attribute::pair(key, AnyValue { value: Some(value) }))
}

/// What the document's members say of an attribute. This is on disk: what a key stands for must not change.
fn said<'a>(document: &'a Segment<'_>, key: &str) -> Option<Said<'a>> {
    let response = || document.http.as_ref()?.response.as_ref();
    let url = || Url::of(document.request()?.url.as_deref()?);
    let aws = || document.aws.as_deref();
    let text = match key {
        "http.status_code" | "http.response.status_code" => return Some(Said::Number(response()?.status?)),
        "http.response_content_length" | "http.response.body.size" => return Some(Said::Number(response()?.content_length?)),
        "server.port" | "net.host.port" | "net.peer.port" => return Some(Said::Number(url()?.port?.parse().ok()?)),
        "http.method" | "http.request.method" => document.request()?.method.as_deref()?,
        "http.url" | "url.full" => document.request()?.url.as_deref()?,
        "http.user_agent" | "user_agent.original" => document.request()?.user_agent.as_deref()?,
        "http.client_ip" | "client.address" | "network.peer.address" | "net.peer.ip" | "net.sock.peer.addr" => {
            document.request()?.client_ip.as_deref()?
        }
        "http.scheme" | "url.scheme" => url()?.scheme,
        "http.host" => url()?.authority,
        "http.target" => url()?.target,
        "url.path" => url()?.path,
        "url.query" => url()?.query?,
        "server.address" | "http.server_name" | "net.host.name" => url()?.host,
        "peer.service" | "service.peer.name" | "net.peer.name" | "rpc.service" | "aws.service" | "aws.local.service"
        | "aws.remote.service" => &document.name,
        "enduser.id" => document.user.as_deref()?,
        "rpc.system" if document.namespace.as_deref() == Some("aws") => "aws-api",
        "rpc.method" | "aws.operation" => aws()?.operation.as_deref()?,
        "aws.region" | "cloud.region" => aws()?.region.as_deref()?,
        "aws.request_id" | "aws.requestId" => aws()?.request_id.as_deref()?,
        "aws.table_name" => aws()?.table_name.as_deref()?,
        "aws.s3.bucket" => aws()?.bucket_name.as_deref()?,
        "aws.queue_url" => aws()?.queue_url.as_deref()?,
        "db.system" | "db.system.name" => return of_sql(document, "database_type"),
        "db.user" => return of_sql(document, "user"),
        "db.statement" | "db.query.text" => return of_sql(document, "sanitized_query"),
        "db.connection_string" => return of_sql(document, "connection_string"),
        _ => return None,
    };
    Some(Said::Text(text.into()))
}

fn of_sql<'a>(document: &'a Segment<'_>, member: &str) -> Option<Said<'a>> {
    Some(Said::Text(document.sql.as_ref()?.members().text(member)?.into_owned().into()))
}

/// The parts of a URL.
struct Url<'a> {
    scheme: &'a str,
    /// Host and port.
    authority: &'a str,
    host: &'a str,
    port: Option<&'a str>,
    /// Path and query.
    target: &'a str,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Url<'a> {
    fn of(url: &'a str) -> Option<Url<'a>> {
        let (scheme, rest) = url.split_once("://")?;
        let (authority, target) = rest.split_at(rest.find('/')?);
        let (host, port) = authority.rsplit_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        Some(Url { scheme, authority, host, port, target, path, query })
    }
}
