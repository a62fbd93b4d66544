//! Writing a document: its members, as text. Texts that are JSON already are copied as they are, which is why this is not left to a
//! serializer: it would read them again.

use std::fmt::Display;
use std::io::Write as _;

use super::{Aws, Cause, Exception, Http, HttpRequest, HttpResponse, Json, Members, RecordedCause, Segment};

impl Segment<'_> {
    /// The document, as JSON text.
    pub fn to_json(&self) -> String {
        text_of(|out| self.write_json(out))
    }

    /// Appends it to a text.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let mut object = Object::begin(out);
        object.plain("id", |out| push_id(out, self.id));
        object.text("name", Some(&self.name));
        object.plain("start_time", |out| push_value(out, &self.start_time));
        object.value("end_time", self.end_time.as_ref());
        object.value("in_progress", self.in_progress.as_ref());
        object.each("trace_id", self.trace_id.as_ref(), |id, out| push_id(out, id));
        object.each("parent_id", self.parent_id.as_ref(), |id, out| push_id(out, id));
        object.text("type", self.kind.as_deref());
        object.text("namespace", self.namespace.as_deref());
        object.text("origin", self.origin.as_deref());
        object.text("resource_arn", self.resource_arn.as_deref());
        object.text("user", self.user.as_deref());
        object.value("error", self.error.as_ref());
        object.value("throttle", self.throttle.as_ref());
        object.value("fault", self.fault.as_ref());
        object.value("inferred", self.inferred.as_ref());
        object.value("traced", self.traced.as_ref());
        object.each("http", self.http.as_deref(), Http::write_json);
        object.each("aws", self.aws.as_deref(), Aws::write_json);
        object.json("service", self.service.as_ref());
        object.each("cause", self.cause.as_ref(), Cause::write_json);
        object.json("sql", self.sql.as_ref());
        object.json("annotations", self.annotations.as_ref());
        object.json("metadata", self.metadata.as_ref());
        object.list("links", self.links.as_deref(), |link, out| out.extend_from_slice(link.as_str().as_bytes()));
        object.list("subsegments", self.subsegments.as_deref(), Segment::write_json);
        object.end(&self.rest);
    }
}

impl Http<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        let mut object = Object::begin(out);
        object.each("request", self.request.as_ref(), HttpRequest::write_json);
        object.each("response", self.response.as_ref(), HttpResponse::write_json);
        object.end(&self.rest);
    }
}

impl HttpRequest<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        let mut object = Object::begin(out);
        object.text("method", self.method.as_deref());
        object.text("url", self.url.as_deref());
        object.text("user_agent", self.user_agent.as_deref());
        object.text("client_ip", self.client_ip.as_deref());
        object.value("traced", self.traced.as_ref());
        object.end(&self.rest);
    }
}

impl HttpResponse<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        let mut object = Object::begin(out);
        object.value("status", self.status.as_ref());
        object.value("content_length", self.content_length.as_ref());
        object.end(&self.rest);
    }
}

impl Aws<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        let mut object = Object::begin(out);
        object.text("account_id", self.account_id.as_deref());
        object.text("operation", self.operation.as_deref());
        object.text("region", self.region.as_deref());
        object.text("request_id", self.request_id.as_deref());
        object.text("table_name", self.table_name.as_deref());
        object.text("bucket_name", self.bucket_name.as_deref());
        object.text("queue_url", self.queue_url.as_deref());
        object.text("function_name", self.function_name.as_deref());
        object.text("function_arn", self.function_arn.as_deref());
        object.end(&self.rest);
    }
}

impl Cause<'_> {
    /// The cause, as JSON text. `parse_cause` reads it again.
    pub fn to_json(&self) -> String {
        text_of(|out| self.write_json(out))
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Cause::Reference(id) => push_value(out, id),
            Cause::Recorded(cause) => cause.write_json(out),
        }
    }
}

impl RecordedCause<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        let mut object = Object::begin(out);
        object.list("exceptions", self.exceptions.as_deref(), Exception::write_json);
        object.end(&self.rest);
    }
}

impl Exception<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        let mut object = Object::begin(out);
        object.text("id", self.id.as_deref());
        object.text("message", self.message.as_deref());
        object.text("type", self.kind.as_deref());
        object.value("remote", self.remote.as_ref());
        object.json("stack", self.stack.as_ref());
        object.end(&self.rest);
    }
}

impl Members<'_> {
    /// As the text of an object.
    pub fn to_json(&self) -> String {
        text_of(|out| Object::begin(out).end(self))
    }
}

fn text_of(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::with_capacity(1024);
    write(&mut out);
    String::from_utf8(out).expect("invariant: what was written is text")
}

/// An object that is being written. Members that are none are left out.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_first: bool,
}

impl<'o> Object<'o> {
    fn begin(out: &'o mut Vec<u8>) -> Object<'o> {
        out.push(b'{');
        Object { out, is_first: true }
    }

    fn comma(&mut self) {
        if !self.is_first {
            self.out.push(b',');
        }
        self.is_first = false;
    }

    /// A member whose name needs no escapes.
    fn plain(&mut self, key: &'static str, write: impl FnOnce(&mut Vec<u8>)) {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        write(self.out);
    }

    fn each<T>(&mut self, key: &'static str, value: Option<&T>, write: impl FnOnce(&T, &mut Vec<u8>)) {
        if let Some(value) = value {
            self.plain(key, |out| write(value, out));
        }
    }

    fn text(&mut self, key: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.plain(key, |out| push_value(out, text));
        }
    }

    fn value<T: serde::Serialize>(&mut self, key: &'static str, value: Option<&T>) {
        self.each(key, value, |value, out| push_value(out, value));
    }

    fn json(&mut self, key: &'static str, json: Option<&Json<'_>>) {
        self.each(key, json, |json, out| out.extend_from_slice(json.as_str().as_bytes()));
    }

    fn list<T>(&mut self, key: &'static str, list: Option<&[T]>, write: impl Fn(&T, &mut Vec<u8>)) {
        let Some(list) = list else { return };
        self.plain(key, |out| {
            out.push(b'[');
            for (place, item) in list.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        });
    }

    /// Adds members that have no place of their own.
    fn end(mut self, rest: &Members<'_>) {
        for (key, value) in &rest.0 {
            self.comma();
            push_value(self.out, key.as_ref());
            self.out.push(b':');
            self.out.extend_from_slice(value.as_str().as_bytes());
        }
        self.out.push(b'}');
    }
}

/// Appends a text, a number or a truth value.
fn push_value<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).expect("invariant: such a value is JSON, and memory takes it");
}

/// Appends what needs no escapes as a text.
fn push_id(out: &mut Vec<u8>, id: impl Display) {
    write!(out, "\"{id}\"").expect("invariant: memory takes it");
}
