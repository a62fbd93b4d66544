//! Parameters of URLs.

use percent_encoding::percent_decode_str;

use crate::error::ApiError;

/// Parameters of a URL, in the order they came.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(crate) fn of(query: Option<&str>) -> Parameters {
        let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        Parameters(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
        )
    }

    pub(crate) fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        self.0.iter().filter(move |(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let read =
            |text: &str| text.parse().map_err(|_| ApiError::invalid(format!("{name} is {text:?}, which is no whole number")));
        self.get(name).map(read).transpose()
    }

    /// A time such as `1.5s`, in microseconds.
    pub(crate) fn duration(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let read = |text: &str| {
            duration_us(text)
                .ok_or_else(|| ApiError::invalid(format!("{name} is {text:?}, which is no time such as 100ms, 1.5s or 2h")))
        };
        self.get(name).map(read).transpose()
    }
}

/// As Go writes durations, whose units may follow each other.
fn duration_us(text: &str) -> Option<u64> {
    const UNITS: [(&str, f64); 8] =
        [("ns", 1e-3), ("us", 1.0), ("µs", 1.0), ("ms", 1e3), ("s", 1e6), ("m", 6e7), ("h", 3.6e9), ("d", 8.64e10)];
    let mut rest = text.trim();
    let mut total = 0.0;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let unit_end = rest[unit_at..].find(|c: char| c.is_ascii_digit() || c == '.').map_or(rest.len(), |end| unit_at + end);
        let (_, factor) = UNITS.iter().find(|(unit, _)| *unit == &rest[unit_at..unit_end])?;
        total += rest[..unit_at].parse::<f64>().ok()? * factor;
        rest = &rest[unit_end..];
    }
    (!text.trim().is_empty()).then_some(total as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, us) in [
            ("100ms", Some(100_000)),
            ("1.5s", Some(1_500_000)),
            ("1h30m", Some(5_400_000_000)),
            ("7us", Some(7)),
            ("2d", Some(172_800_000_000)),
            ("", None),
            ("5", None),
            ("fast", None),
            ("1.2.3s", None),
        ] {
            assert_eq!(duration_us(text), us, "{text}");
        }
    }

    #[test]
    fn parameters_are_decoded() {
        let parameters = Parameters::of(Some("service=my+shop&tag=a%3Ab&tag=c:d&empty="));
        assert_eq!(parameters.get("service"), Some("my shop"));
        assert_eq!(parameters.all("tag").collect::<Vec<_>>(), ["a:b", "c:d"]);
        assert_eq!(parameters.get("empty"), None);
    }
}
