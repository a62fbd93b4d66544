//! Reading a document's JSON in one pass, without an intermediate tree and without copying.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Aws, Cause, DocumentError, Exception, Http, HttpRequest, HttpResponse, Json, RecordedCause, Segment};
use crate::SegmentId;

/// The members that decide whether a document is taken, and that every entity has.
#[derive(Default)]
pub(super) struct Head<'de> {
    pub(super) id: Option<Cow<'de, str>>,
    pub(super) trace_id: Option<Cow<'de, str>>,
    pub(super) name: Option<Cow<'de, str>>,
    pub(super) kind: Option<Cow<'de, str>>,
    pub(super) start_time: Option<f64>,
    pub(super) end_time: Option<f64>,
    pub(super) in_progress: Option<bool>,
    pub(super) parent_id: Option<SegmentId>,
}

impl<'de> Head<'de> {
    /// Reads the member's value where it is one of these.
    fn take<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.id = text(map)?,
            "trace_id" => self.trace_id = text(map)?,
            "name" => self.name = text(map)?,
            "type" => self.kind = text(map)?,
            "start_time" => self.start_time = number(map)?,
            "end_time" => self.end_time = number(map)?,
            "in_progress" => self.in_progress = boolean(map)?,
            "parent_id" => self.parent_id = text(map)?.and_then(|text| text.parse().ok()),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Puts what needs no checking into the segment.
    pub(super) fn fill(self, segment: &mut Segment<'de>) {
        segment.name = self.name.unwrap_or_default();
        segment.kind = self.kind;
        segment.start_time = self.start_time.unwrap_or_default();
        segment.end_time = self.end_time;
        segment.in_progress = self.in_progress;
        segment.parent_id = self.parent_id;
    }
}

/// A number of seconds since 1970. Milliseconds or nanoseconds, a frequent mistake, would lie thousands of years ahead.
pub(super) fn is_time(secs: &f64) -> bool {
    (0.0..1e11).contains(secs)
}

/// What was read, before anything is required.
pub(super) struct Draft<'de> {
    pub(super) head: Head<'de>,
    /// Everything but what the head has. On its way through the reader a segment is handed on a dozen times.
    pub(super) segment: Box<Segment<'de>>,
}

pub(super) fn draft(document: &[u8]) -> Result<Draft<'_>, DocumentError> {
    let not_json = |err: serde_json::Error| DocumentError::new("JSONFormatError", None, format!("the document is not JSON: {err}"));
    let text = std::str::from_utf8(document)
        .map_err(|err| DocumentError::new("JSONFormatError", None, format!("the document is not UTF-8: {err}")))?;
    let Lenient(read) = serde_json::from_str::<Lenient<Draft<'_>>>(text).map_err(not_json)?;
    read.ok_or_else(|| DocumentError::new("JSONFormatError", None, "the document is not a JSON object"))
}

/// Something that is read from a JSON object.
trait FromMap<'de>: Sized {
    fn from_map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error>;
}

/// Visitor methods for the kinds of JSON value that a member is not made of: they are read over, and become `$other`.
macro_rules! read_over {
    ($other:expr; $($kind:ident)*) => { $(read_over!(@ $kind $other);)* };
    (@ bool $other:expr) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($other)
        }
    };
    (@ number $other:expr) => {
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($other)
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($other)
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($other)
        }
    };
    (@ str $other:expr) => {
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok($other)
        }
    };
    (@ null $other:expr) => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($other)
        }
    };
    (@ seq $other:expr) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok($other)
        }
    };
    (@ map $other:expr) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok($other)
        }
    };
}

/// Nesting of JSON that is kept as text, like that of the rest. Clients fail on more.
const DEPTH_MAX: usize = 128;

/// JSON that is kept as text.
fn json<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Json<'de>, A::Error> {
    let text = map.next_value::<&'de RawValue>()?.get();
    // Each level takes two brackets.
    if text.len() > 2 * DEPTH_MAX && depth(text) > DEPTH_MAX {
        return Err(A::Error::custom("recursion limit exceeded"));
    }
    Ok(Json::from_well_formed(text))
}

/// How deep arrays and objects stand in each other in a well-formed JSON text.
fn depth(text: &str) -> usize {
    let (mut open, mut deepest) = (0usize, 0);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b']' | b'}' => open = open.saturating_sub(1),
            // To the closing quote.
            b'"' => loop {
                match bytes.next() {
                    Some(b'\\') => drop(bytes.next()),
                    Some(b'"') | None => break,
                    Some(_) => {}
                }
            },
            _ => {}
        }
    }
    deepest
}

/// `T` where the JSON is an object, nothing where it is anything else.
struct Lenient<T>(Option<T>);

impl<'de, T: FromMap<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue<T>(PhantomData<T>);
        impl<'de, T: FromMap<'de>> Visitor<'de> for AnyValue<T> {
            type Value = Lenient<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::from_map(map).map(|value| Lenient(Some(value)))
            }
            read_over! {Lenient(None); bool number str null seq}
        }
        deserializer.deserialize_any(AnyValue(PhantomData))
    }
}

/// The objects of an array; elements that are no objects are dropped. Nothing where the JSON is not an array.
struct LenientList<T>(Option<Vec<T>>);

impl<'de, T: FromMap<'de>> Deserialize<'de> for LenientList<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue<T>(PhantomData<T>);
        impl<'de, T: FromMap<'de>> Visitor<'de> for AnyValue<T> {
            type Value = LenientList<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(Lenient::<T>(element)) = seq.next_element()? {
                    list.extend(element);
                }
                Ok(LenientList(Some(list)))
            }
            read_over! {LenientList(None); bool number str null map}
        }
        deserializer.deserialize_any(AnyValue(PhantomData))
    }
}

/// A cause is an object or the id of an exception elsewhere.
struct LenientCause<'a>(Option<Cause<'a>>);

impl<'de> Deserialize<'de> for LenientCause<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;
        impl<'de> Visitor<'de> for AnyValue {
            type Value = LenientCause<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                RecordedCause::from_map(map).map(|cause| LenientCause(Some(Cause::Recorded(Box::new(cause)))))
            }
            fn visit_borrowed_str<E>(self, id: &'de str) -> Result<Self::Value, E> {
                Ok(LenientCause(Some(Cause::Reference(id.into()))))
            }
            fn visit_str<E>(self, id: &str) -> Result<Self::Value, E> {
                Ok(LenientCause(Some(Cause::Reference(id.to_owned().into()))))
            }
            read_over! {LenientCause(None); bool number null seq}
        }
        deserializer.deserialize_any(AnyValue)
    }
}

/// A cause that was written as JSON.
pub(super) fn cause(text: &str) -> Option<Cause<'_>> {
    serde_json::from_str::<LenientCause<'_>>(text).ok()?.0
}

/// A text that is borrowed where it has no escapes. As a key it is compared before it is kept.
pub(super) struct Key<'a>(pub(super) Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
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

/// A member that is a text, a number or a boolean, whichever came.
enum Scalar<'a> {
    Text(Cow<'a, str>),
    Integer(i64),
    /// A number that is no `i64`.
    Number(f64),
    Boolean(bool),
    Other,
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;
        impl<'de> Visitor<'de> for AnyValue {
            type Value = Scalar<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(text.into()))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(text.to_owned().into()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Scalar::Integer(number))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(i64::try_from(number).map_or(Scalar::Number(number as f64), Scalar::Integer))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(number))
            }
            fn visit_bool<E>(self, boolean: bool) -> Result<Self::Value, E> {
                Ok(Scalar::Boolean(boolean))
            }
            read_over! {Scalar::Other; null seq map}
        }
        deserializer.deserialize_any(AnyValue)
    }
}

fn text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Cow<'de, str>>, A::Error> {
    Ok(match map.next_value()? {
        Scalar::Text(text) => Some(text),
        _ => None,
    })
}

fn boolean<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<bool>, A::Error> {
    Ok(match map.next_value()? {
        Scalar::Boolean(boolean) => Some(boolean),
        _ => None,
    })
}

fn number<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<f64>, A::Error> {
    Ok(match map.next_value()? {
        Scalar::Integer(number) => Some(number as f64),
        Scalar::Number(number) => Some(number),
        Scalar::Text(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
        _ => None,
    })
}

fn integer<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<i64>, A::Error> {
    Ok(match map.next_value()? {
        Scalar::Integer(number) => Some(number),
        Scalar::Number(number) if number.fract() == 0.0 => Some(number as i64),
        Scalar::Text(text) => text.trim().parse().ok(),
        _ => None,
    })
}

/// An object that is kept as text; nothing where the JSON is anything else.
fn object<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Json<'de>>, A::Error> {
    Ok(Some(json(map)?).filter(Json::is_object))
}

/// The objects of an array, as texts.
fn objects<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Vec<Json<'de>>>, A::Error> {
    let elements = json(map)?.elements();
    Ok(elements.map(|elements| elements.into_iter().filter(Json::is_object).collect()))
}

impl<'de> FromMap<'de> for Draft<'de> {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut draft = Draft { head: Head::default(), segment: Box::new(Segment::new(SegmentId(0), "", 0.0)) };
        let segment = &mut draft.segment;
        while let Some(Key(key)) = map.next_key()? {
            if draft.head.take(&key, &mut map)? {
                continue;
            }
            match key.as_ref() {
                "namespace" => segment.namespace = text(&mut map)?,
                "origin" => segment.origin = text(&mut map)?,
                "resource_arn" => segment.resource_arn = text(&mut map)?,
                "user" => segment.user = text(&mut map)?,
                "error" => segment.error = boolean(&mut map)?,
                "throttle" => segment.throttle = boolean(&mut map)?,
                "fault" => segment.fault = boolean(&mut map)?,
                "inferred" => segment.inferred = boolean(&mut map)?,
                "traced" => segment.traced = boolean(&mut map)?,
                "http" => segment.http = map.next_value::<Lenient<Http<'de>>>()?.0.map(Box::new),
                "aws" => segment.aws = map.next_value::<Lenient<Aws<'de>>>()?.0.map(Box::new),
                "service" => segment.service = object(&mut map)?,
                "cause" => segment.cause = map.next_value::<LenientCause<'de>>()?.0,
                "sql" => segment.sql = object(&mut map)?,
                "annotations" => segment.annotations = object(&mut map)?,
                "metadata" => segment.metadata = Some(json(&mut map)?),
                "links" => segment.links = objects(&mut map)?,
                "subsegments" => {
                    segment.subsegments = map
                        .next_value::<LenientList<Embedded<'de>>>()?
                        .0
                        .map(|list| list.into_iter().filter_map(|e| e.0).map(|boxed| *boxed).collect());
                }
                _ => segment.rest.push(key, json(&mut map)?),
            }
        }
        Ok(draft)
    }
}

/// An embedded subsegment; nothing where it lacks what every subsegment needs.
struct Embedded<'a>(Option<Box<Segment<'a>>>);

impl<'de> FromMap<'de> for Embedded<'de> {
    fn from_map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        let Draft { head, mut segment } = Draft::from_map(map)?;
        let id = head.id.as_ref().and_then(|text| text.parse().ok());
        let start_time = head.start_time.filter(is_time);
        let (Some(id), Some(_), Some(_)) = (id, &head.name, start_time) else {
            return Ok(Embedded(None));
        };
        segment.id = id;
        segment.trace_id = head.trace_id.as_ref().and_then(|text| text.parse().ok());
        head.fill(&mut segment);
        segment.end_time = segment.end_time.filter(is_time);
        Ok(Embedded(Some(segment)))
    }
}

impl<'de> FromMap<'de> for Http<'de> {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut http = Http::default();
        while let Some(Key(key)) = map.next_key()? {
            match key.as_ref() {
                "request" => http.request = map.next_value::<Lenient<HttpRequest<'de>>>()?.0,
                "response" => http.response = map.next_value::<Lenient<HttpResponse<'de>>>()?.0,
                _ => http.rest.push(key, json(&mut map)?),
            }
        }
        Ok(http)
    }
}

impl<'de> FromMap<'de> for HttpRequest<'de> {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut request = HttpRequest::default();
        while let Some(Key(key)) = map.next_key()? {
            match key.as_ref() {
                "method" => request.method = text(&mut map)?,
                "url" => request.url = text(&mut map)?,
                "user_agent" => request.user_agent = text(&mut map)?,
                "client_ip" => request.client_ip = text(&mut map)?,
                "traced" => request.traced = boolean(&mut map)?,
                _ => request.rest.push(key, json(&mut map)?),
            }
        }
        Ok(request)
    }
}

impl<'de> FromMap<'de> for HttpResponse<'de> {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut response = HttpResponse::default();
        while let Some(Key(key)) = map.next_key()? {
            match key.as_ref() {
                "status" => response.status = integer(&mut map)?,
                "content_length" => {
                    let length = json(&mut map)?;
                    response.content_length = length.as_str().parse().ok();
                    if response.content_length.is_none() {
                        response.rest.push(key, length);
                    }
                }
                _ => response.rest.push(key, json(&mut map)?),
            }
        }
        Ok(response)
    }
}

impl<'de> FromMap<'de> for Aws<'de> {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut aws = Aws::default();
        while let Some(Key(key)) = map.next_key()? {
            let place = match key.as_ref() {
                "account_id" => &mut aws.account_id,
                "operation" => &mut aws.operation,
                "region" => &mut aws.region,
                "request_id" => &mut aws.request_id,
                "table_name" => &mut aws.table_name,
                "bucket_name" => &mut aws.bucket_name,
                "queue_url" => &mut aws.queue_url,
                "function_name" => &mut aws.function_name,
                "function_arn" => &mut aws.function_arn,
                _ => {
                    aws.rest.push(key, json(&mut map)?);
                    continue;
                }
            };
            let value = json(&mut map)?;
            match value.text() {
                Some(text) => *place = Some(text),
                None => aws.rest.push(key, value),
            }
        }
        Ok(aws)
    }
}

impl<'de> FromMap<'de> for RecordedCause<'de> {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut cause = RecordedCause::default();
        while let Some(Key(key)) = map.next_key()? {
            match key.as_ref() {
                "exceptions" => cause.exceptions = map.next_value::<LenientList<Exception<'de>>>()?.0,
                _ => cause.rest.push(key, json(&mut map)?),
            }
        }
        Ok(cause)
    }
}

impl<'de> FromMap<'de> for Exception<'de> {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut exception = Exception::default();
        while let Some(Key(key)) = map.next_key()? {
            match key.as_ref() {
                "id" => exception.id = text(&mut map)?,
                "message" => exception.message = text(&mut map)?,
                "type" => exception.kind = text(&mut map)?,
                "remote" => exception.remote = boolean(&mut map)?,
                "stack" => exception.stack = Some(json(&mut map)?),
                _ => exception.rest.push(key, json(&mut map)?),
            }
        }
        Ok(exception)
    }
}
