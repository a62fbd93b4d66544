//! Functions of values.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::value::{Value, number_text};

macro_rules! functions {
    ($($name:ident = $text:literal ($least:literal, $most:literal),)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Function { $($name),* }

        impl Function {
            /// By its name in any case, with how many arguments it takes at least and at most.
            pub(crate) fn of_name(name: &str) -> Option<(Function, usize, usize)> {
                $(if name.eq_ignore_ascii_case($text) { return Some((Function::$name, $least, $most)); })*
                None
            }
        }
    };
}

functions! {
    Abs = "abs" (1, 1),
    Ceil = "ceil" (1, 1),
    Floor = "floor" (1, 1),
    Greatest = "greatest" (1, 100),
    Least = "least" (1, 100),
    Log = "log" (1, 1),
    Sqrt = "sqrt" (1, 1),
    DateFloor = "datefloor" (2, 2),
    DateCeil = "dateceil" (2, 2),
    FromMillis = "fromMillis" (1, 1),
    ToMillis = "toMillis" (1, 1),
    Now = "now" (0, 0),
    IsPresent = "ispresent" (1, 1),
    Coalesce = "coalesce" (1, 100),
    If = "if" (3, 3),
    JsonParse = "jsonParse" (1, 1),
    JsonStringify = "jsonStringify" (1, 1),
    IsValidIp = "isValidIp" (1, 1),
    IsValidIpv4 = "isValidIpv4" (1, 1),
    IsValidIpv6 = "isValidIpv6" (1, 1),
    IsIpInSubnet = "isIpInSubnet" (2, 2),
    IsIpv4InSubnet = "isIpv4InSubnet" (2, 2),
    IsIpv6InSubnet = "isIpv6InSubnet" (2, 2),
    IsEmpty = "isempty" (1, 1),
    IsBlank = "isblank" (1, 1),
    Concat = "concat" (1, 100),
    LTrim = "ltrim" (1, 2),
    RTrim = "rtrim" (1, 2),
    Trim = "trim" (1, 2),
    StrLen = "strlen" (1, 1),
    ToUpper = "toupper" (1, 1),
    ToLower = "tolower" (1, 1),
    Substr = "substr" (2, 3),
    Replace = "replace" (3, 3),
    StrContains = "strcontains" (2, 2),
}

pub(crate) fn call(function: Function, values: &[Value], now_us: i64) -> Value {
    use Function::*;
    let number = |place: usize| values.get(place).and_then(Value::number);
    let text = |place: usize| values.get(place).and_then(Value::text);
    let of_number =
        |change: fn(f64) -> f64| number(0).map(change).filter(|number| number.is_finite()).map_or(Value::Nothing, Value::Number);
    let of_text = |change: &dyn Fn(String) -> String| text(0).map_or(Value::Nothing, |text| Value::Text(change(text)));
    let address = |place: usize| text(place).and_then(|text| text.trim().parse::<IpAddr>().ok());
    match function {
        Abs => of_number(f64::abs),
        Ceil => of_number(f64::ceil),
        Floor => of_number(f64::floor),
        Log => of_number(f64::ln),
        Sqrt => of_number(f64::sqrt),
        Greatest | Least => {
            let numbers = values.iter().filter_map(Value::number);
            let found = if function == Greatest { numbers.reduce(f64::max) } else { numbers.reduce(f64::min) };
            found.map_or(Value::Nothing, Value::Number)
        }
        // These have a length of time, and are computed where that is known.
        DateFloor | DateCeil => Value::Nothing,
        FromMillis => number(0).map_or(Value::Nothing, |millis| Value::Moment((millis * 1_000.0) as i64)),
        ToMillis => match values.first() {
            Some(Value::Moment(time_us)) => Value::Number((time_us / 1_000) as f64),
            _ => number(0).map_or(Value::Nothing, Value::Number),
        },
        Now => Value::Number((now_us / 1_000_000) as f64),
        IsPresent => Value::Truth(values.first().is_some_and(|value| !value.is_nothing())),
        Coalesce => values.iter().find(|value| !value.is_nothing()).cloned().unwrap_or(Value::Nothing),
        If => values[if values[0].is_true() { 1 } else { 2 }].clone(),
        JsonParse => text(0).and_then(|text| serde_json::from_str(&text).ok()).map_or(Value::Nothing, |json| Value::of_json(&json)),
        JsonStringify => match values.first() {
            Some(Value::Nothing) | None => Value::Nothing,
            Some(Value::Text(text)) => Value::Text(serde_json::Value::from(text.as_str()).to_string()),
            Some(Value::Number(number)) => Value::Text(number_text(*number)),
            Some(Value::Truth(truth)) => Value::Text(truth.to_string()),
            Some(other) => of_option(other.text().map(Value::Text)),
        },
        IsValidIp => Value::Truth(address(0).is_some()),
        IsValidIpv4 => Value::Truth(address(0).is_some_and(|address| address.is_ipv4())),
        IsValidIpv6 => Value::Truth(address(0).is_some_and(|address| address.is_ipv6())),
        IsIpInSubnet => Value::Truth(is_in_subnet(address(0), text(1).as_deref())),
        IsIpv4InSubnet => Value::Truth(is_in_subnet(address(0).filter(IpAddr::is_ipv4), text(1).as_deref())),
        IsIpv6InSubnet => Value::Truth(is_in_subnet(address(0).filter(IpAddr::is_ipv6), text(1).as_deref())),
        IsEmpty => Value::Truth(text(0).is_none_or(|text| text.is_empty())),
        IsBlank => Value::Truth(text(0).is_none_or(|text| text.trim().is_empty())),
        Concat => Value::Text(values.iter().filter_map(Value::text).collect()),
        LTrim | RTrim | Trim => {
            let letters = text(1);
            let is_cut = |letter: char| letters.as_ref().map_or(letter.is_whitespace(), |letters| letters.contains(letter));
            of_text(&|text| {
                let text = if function == RTrim { &*text } else { text.trim_start_matches(is_cut) };
                let text = if function == LTrim { text } else { text.trim_end_matches(is_cut) };
                text.to_owned()
            })
        }
        StrLen => text(0).map_or(Value::Nothing, |text| Value::Number(text.chars().count() as f64)),
        ToUpper => of_text(&|text| text.to_uppercase()),
        ToLower => of_text(&|text| text.to_lowercase()),
        Substr => {
            let from = number(1).map_or(0, |from| from.max(0.0) as usize);
            let count = match values.get(2) {
                Some(_) => number(2).map_or(0, |count| count.max(0.0) as usize),
                None => usize::MAX,
            };
            of_text(&|text| text.chars().skip(from).take(count).collect())
        }
        Replace => match (text(1), text(2)) {
            (Some(from), Some(to)) => of_text(&|text| text.replace(&from, &to)),
            _ => of_text(&|text| text),
        },
        StrContains => match (text(0), text(1)) {
            (Some(text), Some(part)) => Value::Number(f64::from(u8::from(text.contains(&part)))),
            _ => Value::Number(0.0),
        },
    }
}

fn of_option(value: Option<Value>) -> Value {
    value.unwrap_or(Value::Nothing)
}

/// `10.0.0.0/8`.
fn is_in_subnet(address: Option<IpAddr>, subnet: Option<&str>) -> bool {
    let Some((network, bits)) = subnet.and_then(|subnet| subnet.trim().split_once('/')) else { return false };
    let (Some(address), Ok(network), Ok(bits)) = (address, network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) if bits <= 32 => {
            let mask = |address: Ipv4Addr| u32::from(address).checked_shr(32 - bits).unwrap_or(0);
            mask(address) == mask(network)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) if bits <= 128 => {
            let mask = |address: Ipv6Addr| u128::from(address).checked_shr(128 - bits).unwrap_or(0);
            mask(address) == mask(network)
        }
        _ => false,
    }
}
