//! RPC v2 CBOR to JSON values and back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use minicbor::data::{Tag, Type};
use minicbor::{Decoder, Encoder};
use serde_json::{Map, Number, Value};

use crate::{is_blob, is_time};

/// Values in each other.
const DEPTH_MAX: usize = 32;
/// A moment, as the tag of a number of seconds.
const EPOCH: u64 = 1;

pub fn decode(bytes: &[u8]) -> Result<Value, String> {
    let mut decoder = Decoder::new(bytes);
    let value = value(&mut decoder, 0)?;
    if decoder.position() != bytes.len() {
        return Err("there is more behind its end".to_owned());
    }
    Ok(value)
}

fn value(decoder: &mut Decoder<'_>, depth: usize) -> Result<Value, String> {
    if depth > DEPTH_MAX {
        return Err(format!("it has more than {DEPTH_MAX} values in each other"));
    }
    let wrong = |err: minicbor::decode::Error| format!("it is no CBOR: {err}");
    // A number that JSON does not have is a text; members that are numbers read it again.
    let number = |number: f64| Number::from_f64(number).map_or_else(|| Value::from(number.to_string()), Value::Number);
    Ok(match decoder.datatype().map_err(wrong)? {
        Type::Bool => Value::Bool(decoder.bool().map_err(wrong)?),
        Type::Null => {
            decoder.null().map_err(wrong)?;
            Value::Null
        }
        Type::Undefined => {
            decoder.undefined().map_err(wrong)?;
            Value::Null
        }
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => decoder.u64().map_err(wrong)?.into(),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => decoder.i64().map_err(wrong)?.into(),
        Type::Int => number(i128::from(decoder.int().map_err(wrong)?) as f64),
        Type::F16 => number(f64::from(decoder.f16().map_err(wrong)?)),
        Type::F32 => number(f64::from(decoder.f32().map_err(wrong)?)),
        Type::F64 => number(decoder.f64().map_err(wrong)?),
        Type::String | Type::StringIndef => {
            let mut text = String::new();
            for piece in decoder.str_iter().map_err(wrong)? {
                text.push_str(piece.map_err(wrong)?);
            }
            text.into()
        }
        Type::Bytes | Type::BytesIndef => return Err("it has bytes where no member has any".to_owned()),
        Type::Tag => {
            decoder.tag().map_err(wrong)?;
            value(decoder, depth + 1)?
        }
        Type::Array | Type::ArrayIndef => {
            let mut items = Vec::new();
            let count = decoder.array().map_err(wrong)?;
            while is_more(decoder, count, items.len() as u64)? {
                items.push(value(decoder, depth + 1)?);
            }
            Value::Array(items)
        }
        Type::Map | Type::MapIndef => {
            let mut members = Map::new();
            let count = decoder.map().map_err(wrong)?;
            let mut read = 0;
            while is_more(decoder, count, read)? {
                let Value::String(name) = value(decoder, depth + 1)? else { return Err("a member's name is no text".to_owned()) };
                members.insert(name, value(decoder, depth + 1)?);
                read += 1;
            }
            Value::Object(members)
        }
        other => return Err(format!("it has {other}, which no member is")),
    })
}

/// Whether another item comes: by the count, or until a mark says that there is none.
fn is_more(decoder: &mut Decoder<'_>, count: Option<u64>, read: u64) -> Result<bool, String> {
    if let Some(count) = count {
        return Ok(read < count);
    }
    if decoder.datatype().map_err(|err| format!("it is no CBOR: {err}"))? != Type::Break {
        return Ok(true);
    }
    decoder.set_position(decoder.position() + 1);
    Ok(false)
}

pub fn encode(value: &Value) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    // Writing into memory does not fail.
    let _ = write(&mut encoder, value, false);
    encoder.into_writer()
}

type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

fn write(encoder: &mut Encoder<Vec<u8>>, value: &Value, is_moment: bool) -> Written {
    match value {
        Value::Null => drop(encoder.null()?),
        Value::Bool(is_so) => drop(encoder.bool(*is_so)?),
        Value::Number(number) if is_moment => {
            encoder.tag(Tag::new(EPOCH))?.f64(number.as_f64().unwrap_or_default())?;
        }
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(whole), _) => drop(encoder.u64(whole)?),
            (_, Some(whole)) => drop(encoder.i64(whole)?),
            _ => drop(encoder.f64(number.as_f64().unwrap_or_default())?),
        },
        Value::String(text) => drop(encoder.str(text)?),
        Value::Array(items) => {
            encoder.array(items.len() as u64)?;
            items.iter().try_for_each(|item| write(encoder, item, is_moment))?;
        }
        Value::Object(members) => {
            encoder.map(members.len() as u64)?;
            for (name, value) in members {
                let bytes = value.as_str().filter(|_| is_blob(name)).and_then(|text| BASE64.decode(text).ok());
                match bytes {
                    Some(bytes) => drop(encoder.str(name)?.bytes(&bytes)?),
                    None => write(encoder.str(name)?, value, is_time(name))?,
                }
            }
        }
    }
    Ok(())
}
