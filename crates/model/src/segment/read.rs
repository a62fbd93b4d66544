//! Reading a document's JSON in one pass, without an intermediate tree.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Cause, DocumentError, Exception, Http, HttpRequest, HttpResponse, Object, RecordedCause, Segment};
use crate::{SegmentId, TraceId};

/// What was read, before anything is required.
pub(super) struct Draft {
    pub(super) id: Option<SegmentId>,
    pub(super) id_text: Option<String>,
    pub(super) trace_id: Option<TraceId>,
    pub(super) trace_id_text: Option<String>,
    pub(super) name: Option<String>,
    pub(super) start_time: Option<f64>,
    pub(super) segment: Segment,
}

pub(super) fn draft(document: &[u8]) -> Result<Draft, DocumentError> {
    let not_json = |err: serde_json::Error| DocumentError::new("JSONFormatError", None, format!("the document is not JSON: {err}"));
    let text = std::str::from_utf8(document)
        .map_err(|err| DocumentError::new("JSONFormatError", None, format!("the document is not UTF-8: {err}")))?;
    let Lenient(draft) = serde_json::from_str::<Lenient<Draft>>(text).map_err(not_json)?;
    draft.ok_or_else(|| DocumentError::new("JSONFormatError", None, "the document is not a JSON object"))
}

/// Something that is read from a JSON object.
trait FromMap: Sized {
    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error>;
}

/// `T` where the JSON is an object, nothing where it is anything else.
struct Lenient<T>(Option<T>);

impl<'de, T: FromMap> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue<T>(PhantomData<T>);
        impl<'de, T: FromMap> Visitor<'de> for AnyValue<T> {
            type Value = Lenient<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::from_map(map).map(|value| Lenient(Some(value)))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Lenient(None))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Lenient(None))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Lenient(None))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Lenient(None))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Lenient(None))
            }
            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Lenient(None))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Lenient(None))
            }
        }
        deserializer.deserialize_any(AnyValue(PhantomData))
    }
}

/// The objects of an array; elements that are no objects are dropped. Nothing where the JSON is not an array.
struct LenientList<T>(Option<Vec<T>>);

impl<'de, T: FromMap> Deserialize<'de> for LenientList<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue<T>(PhantomData<T>);
        impl<'de, T: FromMap> Visitor<'de> for AnyValue<T> {
            type Value = LenientList<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(Lenient(element)) = seq.next_element()? {
                    list.extend(element);
                }
                Ok(LenientList(Some(list)))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(LenientList(None))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(LenientList(None))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(LenientList(None))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(LenientList(None))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(LenientList(None))
            }
            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(LenientList(None))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(LenientList(None))
            }
        }
        deserializer.deserialize_any(AnyValue(PhantomData))
    }
}

/// A cause is an object or the id of an exception elsewhere.
struct LenientCause(Option<Cause>);

impl<'de> Deserialize<'de> for LenientCause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;
        impl<'de> Visitor<'de> for AnyValue {
            type Value = LenientCause;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                RecordedCause::from_map(map).map(|cause| LenientCause(Some(Cause::Recorded(Box::new(cause)))))
            }
            fn visit_str<E>(self, id: &str) -> Result<Self::Value, E> {
                Ok(LenientCause(Some(Cause::Reference(id.to_owned()))))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(LenientCause(None))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(LenientCause(None))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(LenientCause(None))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(LenientCause(None))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(LenientCause(None))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(LenientCause(None))
            }
        }
        deserializer.deserialize_any(AnyValue)
    }
}

/// A key that is compared before it is kept: only members the model does not know allocate their name.
struct Key<'a>(std::borrow::Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(text.into()))
            }
            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(text.to_owned().into()))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

fn string<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<String>, A::Error> {
    Ok(match map.next_value()? {
        Value::String(text) => Some(text),
        _ => None,
    })
}

fn boolean<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<bool>, A::Error> {
    Ok(map.next_value::<Value>()?.as_bool())
}

fn number<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<f64>, A::Error> {
    Ok(match map.next_value()? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
        _ => None,
    })
}

fn integer<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<i64>, A::Error> {
    Ok(match map.next_value()? {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().filter(|n| n.fract() == 0.0).map(|n| n as i64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

fn segment_id<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<SegmentId>, A::Error> {
    Ok(string(map)?.and_then(|text| text.parse().ok()))
}

fn object<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Object>, A::Error> {
    Ok(map.next_value::<Lenient<Object>>()?.0)
}

fn keep<'de, A: MapAccess<'de>>(rest: &mut Object, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
    let value = map.next_value()?;
    rest.0.push((key.0.into_owned(), value));
    Ok(())
}

impl FromMap for Object {
    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut object = Object(Vec::with_capacity(map.size_hint().unwrap_or(4)));
        while let Some((key, value)) = map.next_entry::<String, Value>()? {
            object.0.push((key, value));
        }
        Ok(object)
    }
}

impl FromMap for Draft {
    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut draft = Draft {
            id: None,
            id_text: None,
            trace_id: None,
            trace_id_text: None,
            name: None,
            start_time: None,
            segment: Segment::new(SegmentId(0), String::new(), 0.0),
        };
        let segment = &mut draft.segment;
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match key.0.as_ref() {
                "id" => {
                    draft.id_text = string(&mut map)?;
                    draft.id = draft.id_text.as_ref().and_then(|text| text.parse().ok());
                }
                "trace_id" => {
                    draft.trace_id_text = string(&mut map)?;
                    draft.trace_id = draft.trace_id_text.as_ref().and_then(|text| text.parse().ok());
                }
                "name" => draft.name = string(&mut map)?,
                "start_time" => draft.start_time = number(&mut map)?,
                "end_time" => segment.end_time = number(&mut map)?,
                "in_progress" => segment.in_progress = boolean(&mut map)?,
                "parent_id" => segment.parent_id = segment_id(&mut map)?,
                "type" => segment.kind = string(&mut map)?,
                "namespace" => segment.namespace = string(&mut map)?,
                "origin" => segment.origin = string(&mut map)?,
                "resource_arn" => segment.resource_arn = string(&mut map)?,
                "user" => segment.user = string(&mut map)?,
                "error" => segment.error = boolean(&mut map)?,
                "throttle" => segment.throttle = boolean(&mut map)?,
                "fault" => segment.fault = boolean(&mut map)?,
                "inferred" => segment.inferred = boolean(&mut map)?,
                "traced" => segment.traced = boolean(&mut map)?,
                "http" => segment.http = map.next_value::<Lenient<Http>>()?.0,
                "aws" => segment.aws = object(&mut map)?,
                "service" => segment.service = object(&mut map)?,
                "cause" => segment.cause = map.next_value::<LenientCause>()?.0,
                "sql" => segment.sql = object(&mut map)?,
                "annotations" => segment.annotations = object(&mut map)?,
                "metadata" => segment.metadata = Some(map.next_value::<Box<RawValue>>()?),
                "links" => segment.links = map.next_value::<LenientList<Object>>()?.0,
                "subsegments" => {
                    segment.subsegments =
                        map.next_value::<LenientList<Embedded>>()?.0.map(|list| list.into_iter().filter_map(|e| e.0).collect());
                }
                _ => keep(&mut segment.rest, key, &mut map)?,
            }
        }
        Ok(draft)
    }
}

/// An embedded subsegment; nothing where it lacks what every subsegment needs.
struct Embedded(Option<Segment>);

impl FromMap for Embedded {
    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        let draft = Draft::from_map(map)?;
        let (Some(id), Some(name), Some(start_time)) = (draft.id, draft.name, draft.start_time) else {
            return Ok(Embedded(None));
        };
        let mut segment = draft.segment;
        segment.id = id;
        segment.name = name;
        segment.start_time = start_time;
        segment.trace_id = draft.trace_id;
        Ok(Embedded(Some(segment)))
    }
}

impl FromMap for Http {
    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut http = Http::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match key.0.as_ref() {
                "request" => http.request = map.next_value::<Lenient<HttpRequest>>()?.0,
                "response" => http.response = map.next_value::<Lenient<HttpResponse>>()?.0,
                _ => keep(&mut http.rest, key, &mut map)?,
            }
        }
        Ok(http)
    }
}

impl FromMap for HttpRequest {
    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut request = HttpRequest::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match key.0.as_ref() {
                "method" => request.method = string(&mut map)?,
                "url" => request.url = string(&mut map)?,
                "user_agent" => request.user_agent = string(&mut map)?,
                "client_ip" => request.client_ip = string(&mut map)?,
                "traced" => request.traced = boolean(&mut map)?,
                _ => keep(&mut request.rest, key, &mut map)?,
            }
        }
        Ok(request)
    }
}

impl FromMap for HttpResponse {
    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut response = HttpResponse::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match key.0.as_ref() {
                "status" => response.status = integer(&mut map)?,
                _ => keep(&mut response.rest, key, &mut map)?,
            }
        }
        Ok(response)
    }
}

impl FromMap for RecordedCause {
    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut cause = RecordedCause::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match key.0.as_ref() {
                "exceptions" => cause.exceptions = map.next_value::<LenientList<Exception>>()?.0,
                _ => keep(&mut cause.rest, key, &mut map)?,
            }
        }
        Ok(cause)
    }
}

impl FromMap for Exception {
    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut exception = Exception::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match key.0.as_ref() {
                "id" => exception.id = string(&mut map)?,
                "message" => exception.message = string(&mut map)?,
                "type" => exception.kind = string(&mut map)?,
                "remote" => exception.remote = boolean(&mut map)?,
                "stack" => exception.stack = Some(map.next_value::<Box<RawValue>>()?),
                _ => keep(&mut exception.rest, key, &mut map)?,
            }
        }
        Ok(exception)
    }
}
