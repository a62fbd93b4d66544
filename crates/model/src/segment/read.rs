//! Reading a document's JSON in one pass, without an intermediate tree.

use compact_str::CompactString;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use super::{Cause, DocumentError, Exception, Http, HttpRequest, HttpResponse, Object, RecordedCause, Segment};
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
    pub(super) fn fill(self, segment: &mut Segment) {
        segment.name = self.name.map(CompactString::from).unwrap_or_default();
        segment.kind = self.kind.map(CompactString::from);
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
    pub(super) segment: Box<Segment>,
}

/// Reads a document: `ALL` of it, or what digests ask for.
pub(super) fn draft<const ALL: bool>(document: &[u8]) -> Result<Draft<'_>, DocumentError> {
    read::<_, ALL>(document)
}

/// Reads over a document: refuses exactly what `draft` refuses, and keeps only the head.
pub(super) fn head(document: &[u8]) -> Result<Head<'_>, DocumentError> {
    read::<_, true>(document)
}

fn read<'de, T: FromMap<'de, ALL>, const ALL: bool>(document: &'de [u8]) -> Result<T, DocumentError> {
    let not_json = |err: serde_json::Error| DocumentError::new("JSONFormatError", None, format!("the document is not JSON: {err}"));
    let text = std::str::from_utf8(document)
        .map_err(|err| DocumentError::new("JSONFormatError", None, format!("the document is not UTF-8: {err}")))?;
    let Lenient(read) = serde_json::from_str::<Lenient<T, ALL>>(text).map_err(not_json)?;
    read.ok_or_else(|| DocumentError::new("JSONFormatError", None, "the document is not a JSON object"))
}

/// Something that is read from a JSON object: `ALL` of it, or what digests ask for.
trait FromMap<'de, const ALL: bool>: Sized {
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
            while seq.next_element_seed(Skim::Any)?.is_some() {}
            Ok($other)
        }
    };
    (@ map $other:expr) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_key::<Key<'de>>()?.is_some() {
                map.next_value_seed(Skim::Any)?;
            }
            Ok($other)
        }
    };
}

/// Reads over a value and keeps nothing of it, but refuses what a reader of it would refuse: escapes that are no characters,
/// numbers that are too large, nesting that is too deep. The variants are the places where a reader takes text unread.
#[derive(Clone, Copy)]
enum Skim {
    Segment,
    Segments,
    Cause,
    Exceptions,
    Exception,
    /// Anything that is read in full.
    Any,
    /// JSON that is kept as text.
    Raw,
}

impl Skim {
    fn member(self, key: &str) -> Skim {
        match (self, key) {
            (Skim::Segment, "metadata") | (Skim::Exception, "stack") => Skim::Raw,
            (Skim::Segment, "subsegments") => Skim::Segments,
            (Skim::Segment, "cause") => Skim::Cause,
            (Skim::Cause, "exceptions") => Skim::Exceptions,
            _ => Skim::Any,
        }
    }

    fn element(self) -> Skim {
        match self {
            Skim::Segments => Skim::Segment,
            Skim::Exceptions => Skim::Exception,
            _ => Skim::Any,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Skim {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self {
            Skim::Raw => raw::<&RawValue, _>(deserializer).map(drop),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Skim {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Key<'de>>()? {
            map.next_value_seed(self.member(&key.0))?;
        }
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self.element())?.is_some() {}
        Ok(())
    }
    read_over! {(); bool number str null}
}

/// Nesting of JSON that is kept as text, like that of the rest. Clients fail on more.
const DEPTH_MAX: usize = 128;

/// JSON that is kept as text.
struct Raw<T>(T);

impl<'de, T: Deserialize<'de> + Deref<Target = RawValue>> Deserialize<'de> for Raw<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        raw(deserializer).map(Raw)
    }
}

fn raw<'de, T: Deserialize<'de> + Deref<Target = RawValue>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let value = T::deserialize(deserializer)?;
    if depth(value.get()) > DEPTH_MAX { Err(D::Error::custom("recursion limit exceeded")) } else { Ok(value) }
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

/// A JSON value, read without the special meaning that serde_json's own reader gives to one key.
struct Tree(Value);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;
        impl<'de> Visitor<'de> for AnyValue {
            type Value = Tree;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut object = Map::new();
                while let Some((key, Tree(value))) = map.next_entry::<String, Tree>()? {
                    object.insert(key, value);
                }
                Ok(Tree(Value::Object(object)))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
                let mut list = Vec::new();
                while let Some(Tree(value)) = seq.next_element()? {
                    list.push(value);
                }
                Ok(Tree(Value::Array(list)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
                Ok(Tree(Value::String(text.to_owned())))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
                Ok(Tree(number.into()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
                Ok(Tree(number.into()))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
                Ok(Tree(Number::from_f64(number).map_or(Value::Null, Value::Number)))
            }
            fn visit_bool<E>(self, boolean: bool) -> Result<Tree, E> {
                Ok(Tree(Value::Bool(boolean)))
            }
            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree(Value::Null))
            }
        }
        deserializer.deserialize_any(AnyValue)
    }
}

impl<'de, const ALL: bool> FromMap<'de, ALL> for Head<'de> {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut head = Head::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            if !head.take(&key.0, &mut map)? {
                map.next_value_seed(Skim::Segment.member(&key.0))?;
            }
        }
        Ok(head)
    }
}

/// `T` where the JSON is an object, nothing where it is anything else.
struct Lenient<T, const ALL: bool>(Option<T>);

impl<'de, T: FromMap<'de, ALL>, const ALL: bool> Deserialize<'de> for Lenient<T, ALL> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue<T, const ALL: bool>(PhantomData<T>);
        impl<'de, T: FromMap<'de, ALL>, const ALL: bool> Visitor<'de> for AnyValue<T, ALL> {
            type Value = Lenient<T, ALL>;

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
struct LenientList<T, const ALL: bool>(Option<Vec<T>>);

impl<'de, T: FromMap<'de, ALL>, const ALL: bool> Deserialize<'de> for LenientList<T, ALL> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue<T, const ALL: bool>(PhantomData<T>);
        impl<'de, T: FromMap<'de, ALL>, const ALL: bool> Visitor<'de> for AnyValue<T, ALL> {
            type Value = LenientList<T, ALL>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(Lenient::<T, ALL>(element)) = seq.next_element()? {
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
struct LenientCause<const ALL: bool>(Option<Cause>);

impl<'de, const ALL: bool> Deserialize<'de> for LenientCause<ALL> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue<const ALL: bool>;
        impl<'de, const ALL: bool> Visitor<'de> for AnyValue<ALL> {
            type Value = LenientCause<ALL>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                FromMap::<'de, ALL>::from_map(map).map(|cause: RecordedCause| LenientCause(Some(Cause::Recorded(Box::new(cause)))))
            }
            fn visit_str<E>(self, id: &str) -> Result<Self::Value, E> {
                Ok(LenientCause(Some(Cause::Reference(id.into()))))
            }
            read_over! {LenientCause(None); bool number null seq}
        }
        deserializer.deserialize_any(AnyValue::<ALL>)
    }
}

/// A key that is compared before it is kept: only members the model does not know allocate their name.
struct Key<'a>(Cow<'a, str>);

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

fn string<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<CompactString>, A::Error> {
    Ok(text(map)?.map(CompactString::from))
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

fn object<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Object>, A::Error> {
    Ok(map.next_value::<Lenient<Object, true>>()?.0)
}

fn aws<'de, A: MapAccess<'de>, const ALL: bool>(map: &mut A) -> Result<Option<Object>, A::Error> {
    if ALL { object(map) } else { Ok(map.next_value::<Lenient<IndexedAws, false>>()?.0.map(|IndexedAws(object)| object)) }
}

/// Members of `aws` that digests ask for.
const INDEXED_AWS: &[&str] =
    &["account_id", "table_name", "bucket_name", "queue_url", "function_name", "function_arn", "ec2", "ecs"];

struct IndexedAws(Object);

impl<'de> FromMap<'de, false> for IndexedAws {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut object = Object::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            if INDEXED_AWS.contains(&key.0.as_ref()) {
                keep::<_, true>(&mut object, key, &mut map)?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(IndexedAws(object))
    }
}

fn keep<'de, A: MapAccess<'de>, const ALL: bool>(rest: &mut Object, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
    if ALL {
        let Tree(value) = map.next_value()?;
        rest.0.push((key.0.into(), value));
    } else {
        map.next_value::<IgnoredAny>()?;
    }
    Ok(())
}

impl<'de, const ALL: bool> FromMap<'de, ALL> for Object {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut object = Object(Vec::with_capacity(map.size_hint().unwrap_or(4)));
        while let Some((key, Tree(value))) = map.next_entry::<CompactString, Tree>()? {
            object.0.push((key, value));
        }
        Ok(object)
    }
}

impl<'de, const ALL: bool> FromMap<'de, ALL> for Draft<'de> {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut draft = Draft { head: Head::default(), segment: Box::new(Segment::new(SegmentId(0), "", 0.0)) };
        let segment = &mut draft.segment;
        while let Some(key) = map.next_key::<Key<'de>>()? {
            if draft.head.take(&key.0, &mut map)? {
                continue;
            }
            match key.0.as_ref() {
                "namespace" => segment.namespace = string(&mut map)?,
                "origin" => segment.origin = string(&mut map)?,
                "resource_arn" => segment.resource_arn = string(&mut map)?,
                "user" => segment.user = string(&mut map)?,
                "error" => segment.error = boolean(&mut map)?,
                "throttle" => segment.throttle = boolean(&mut map)?,
                "fault" => segment.fault = boolean(&mut map)?,
                "inferred" => segment.inferred = boolean(&mut map)?,
                "traced" => segment.traced = boolean(&mut map)?,
                "http" => segment.http = map.next_value::<Lenient<Http, ALL>>()?.0.map(Box::new),
                "aws" => segment.aws = aws::<_, ALL>(&mut map)?,
                "service" if ALL => segment.service = object(&mut map)?,
                "cause" => segment.cause = map.next_value::<LenientCause<ALL>>()?.0,
                "sql" => segment.sql = object(&mut map)?,
                "annotations" => segment.annotations = object(&mut map)?,
                "metadata" if ALL => segment.metadata = Some(map.next_value::<Raw<Box<RawValue>>>()?.0),
                "links" => segment.links = map.next_value::<LenientList<Object, ALL>>()?.0,
                "subsegments" => {
                    segment.subsegments = map
                        .next_value::<LenientList<Embedded, ALL>>()?
                        .0
                        .map(|list| list.into_iter().filter_map(|e| e.0).map(|boxed| *boxed).collect());
                }
                _ => keep::<_, ALL>(&mut segment.rest, key, &mut map)?,
            }
        }
        Ok(draft)
    }
}

/// An embedded subsegment; nothing where it lacks what every subsegment needs.
struct Embedded(Option<Box<Segment>>);

impl<'de, const ALL: bool> FromMap<'de, ALL> for Embedded {
    fn from_map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        let Draft { head, mut segment } = FromMap::<'de, ALL>::from_map(map)?;
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

impl<'de, const ALL: bool> FromMap<'de, ALL> for Http {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut http = Http::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match key.0.as_ref() {
                "request" => http.request = map.next_value::<Lenient<HttpRequest, ALL>>()?.0,
                "response" => http.response = map.next_value::<Lenient<HttpResponse, ALL>>()?.0,
                _ => keep::<_, ALL>(&mut http.rest, key, &mut map)?,
            }
        }
        Ok(http)
    }
}

impl<'de, const ALL: bool> FromMap<'de, ALL> for HttpRequest {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut request = HttpRequest::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match key.0.as_ref() {
                "method" => request.method = string(&mut map)?,
                "url" => request.url = string(&mut map)?,
                "user_agent" => request.user_agent = string(&mut map)?,
                "client_ip" => request.client_ip = string(&mut map)?,
                "traced" => request.traced = boolean(&mut map)?,
                _ => keep::<_, ALL>(&mut request.rest, key, &mut map)?,
            }
        }
        Ok(request)
    }
}

impl<'de, const ALL: bool> FromMap<'de, ALL> for HttpResponse {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut response = HttpResponse::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match key.0.as_ref() {
                "status" => response.status = integer(&mut map)?,
                _ => keep::<_, ALL>(&mut response.rest, key, &mut map)?,
            }
        }
        Ok(response)
    }
}

impl<'de, const ALL: bool> FromMap<'de, ALL> for RecordedCause {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut cause = RecordedCause::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match key.0.as_ref() {
                "exceptions" => cause.exceptions = map.next_value::<LenientList<Exception, ALL>>()?.0,
                _ => keep::<_, ALL>(&mut cause.rest, key, &mut map)?,
            }
        }
        Ok(cause)
    }
}

impl<'de, const ALL: bool> FromMap<'de, ALL> for Exception {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut exception = Exception::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match key.0.as_ref() {
                "id" => exception.id = string(&mut map)?,
                "message" => exception.message = string(&mut map)?,
                "type" => exception.kind = string(&mut map)?,
                "remote" => exception.remote = boolean(&mut map)?,
                "stack" if ALL => exception.stack = Some(map.next_value::<Raw<Box<RawValue>>>()?.0),
                _ => keep::<_, ALL>(&mut exception.rest, key, &mut map)?,
            }
        }
        Ok(exception)
    }
}
