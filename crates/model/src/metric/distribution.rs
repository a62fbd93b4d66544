//! How often which values came. Exact as long as there are few different ones; beyond that values are rounded to three significant
//! digits, and where even that leaves many, to two. Distributions of other times and things can be added.

use std::borrow::Cow;

/// Different values that are kept as they are.
const EXACT_MAX: usize = 1_024;
/// Values that wait to be put in order.
const LOOSE_MAX: usize = 8_192;

/// Values with their counts.
#[derive(Debug, Clone, Default)]
pub struct Distribution {
    /// In any order, and a value may stand several times.
    pairs: Vec<(f64, f64)>,
    is_ordered: bool,
}

impl PartialEq for Distribution {
    fn eq(&self, other: &Distribution) -> bool {
        self.ordered() == other.ordered()
    }
}

impl FromIterator<(f64, f64)> for Distribution {
    fn from_iter<I: IntoIterator<Item = (f64, f64)>>(pairs: I) -> Distribution {
        let mut distribution = Distribution::default();
        pairs.into_iter().for_each(|(value, count)| distribution.push(value, count));
        distribution
    }
}

impl Distribution {
    pub fn push(&mut self, value: f64, count: f64) {
        if count <= 0.0 {
            return;
        }
        self.pairs.push((value, count));
        self.is_ordered = false;
        if self.pairs.len() > LOOSE_MAX {
            self.pairs = ordered(std::mem::take(&mut self.pairs));
            self.is_ordered = true;
        }
    }

    pub fn merge(&mut self, other: &Distribution) {
        other.pairs.iter().for_each(|&(value, count)| self.push(value, count));
    }

    /// Different values in order, with their counts.
    pub fn ordered(&self) -> Cow<'_, [(f64, f64)]> {
        if self.is_ordered { Cow::Borrowed(&self.pairs) } else { Cow::Owned(ordered(self.pairs.clone())) }
    }

    /// With at most about so many different values: they are rounded to three significant digits where there are more, and to two where
    /// that is not enough.
    pub fn compacted(&self, values_max: usize) -> Distribution {
        Distribution { pairs: fewer(self.ordered().into_owned(), values_max), is_ordered: true }
    }

    /// As bytes. First how values are written and how counts are (four bits each). Values that are decimals of a few digits are whole
    /// numbers of the smallest digit, each as the difference to the one before; others are eight bytes. Whole counts are
    /// variable-length numbers, others eight bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let pairs = self.ordered();
        let is_whole = pairs.iter().all(|(_, count)| count.fract() == 0.0 && *count < WHOLE_MAX);
        let digits = (0..PLAIN).find(|digits| pairs.iter().all(|(value, _)| as_whole(*value, *digits).is_some()));
        let mut bytes = Vec::with_capacity(1 + pairs.len() * 4);
        bytes.push(digits.unwrap_or(PLAIN) << 4 | u8::from(!is_whole));
        let mut before = 0;
        for &(value, count) in pairs.iter() {
            match digits.and_then(|digits| as_whole(value, digits)) {
                Some(whole) => {
                    push_varint(&mut bytes, zigzag(whole - before));
                    before = whole;
                }
                None => bytes.extend_from_slice(&value.to_le_bytes()),
            }
            if is_whole { push_varint(&mut bytes, count as u64) } else { bytes.extend_from_slice(&count.to_le_bytes()) }
        }
        bytes
    }

    /// Reads what `to_bytes` wrote. None for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Distribution> {
        let (form, mut rest) = bytes.split_first()?;
        let (digits, is_whole) = (form >> 4, form & 0xf == 0);
        if digits > PLAIN || form & 0xe != 0 {
            return None;
        }
        let mut pairs = Vec::with_capacity(rest.len() / 2);
        let mut before = 0i64;
        while !rest.is_empty() {
            let value = if digits == PLAIN {
                take_real(&mut rest)?
            } else {
                before = before.checked_add(unzigzag(take_varint(&mut rest)?))?;
                before as f64 / POWERS[usize::from(digits)]
            };
            let count = if is_whole { take_varint(&mut rest)? as f64 } else { take_real(&mut rest)? };
            if !(value.is_finite() && count.is_finite()) {
                return None;
            }
            pairs.push((value, count));
        }
        let is_ordered = pairs.is_sorted_by(|a, b| a.0 < b.0);
        Some(Distribution { pairs, is_ordered })
    }
}

/// Values that are not decimals of fewer digits behind the point than this are written plainly.
const PLAIN: u8 = 10;
const POWERS: [f64; PLAIN as usize] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// Below this, whole numbers and their differences are exact.
const WHOLE_MAX: f64 = 4e15;

/// The value in units of the last of so many digits behind the point, where that is exactly it.
fn as_whole(value: f64, digits: u8) -> Option<i64> {
    let power = POWERS[usize::from(digits)];
    let whole = (value * power).round();
    let is_same = whole.abs() < WHOLE_MAX && (whole / power).to_bits() == value.to_bits();
    is_same.then_some(whole as i64)
}

/// Different values in order, as few of them as are kept.
fn ordered(pairs: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    fewer(summed(pairs), EXACT_MAX)
}

fn fewer(mut pairs: Vec<(f64, f64)>, values_max: usize) -> Vec<(f64, f64)> {
    for digits in [3, 2] {
        if pairs.len() <= values_max {
            break;
        }
        pairs = summed(pairs.into_iter().map(|(value, count)| (rounded(value, digits), count)).collect());
    }
    pairs
}

fn summed(mut pairs: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    pairs.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        if is_same {
            kept.1 += next.1;
        }
        is_same
    });
    pairs
}

/// To so many significant decimal digits.
fn rounded(value: f64, digits: i32) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10f64.powi(digits - 1 - value.abs().log10().floor() as i32);
    if scale.is_finite() && scale > 0.0 { (value * scale).round() / scale } else { value }
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

fn take_real(bytes: &mut &[u8]) -> Option<f64> {
    let (real, rest) = bytes.split_first_chunk::<8>()?;
    *bytes = rest;
    Some(f64::from_le_bytes(*real))
}

fn push_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(pairs: &[(f64, f64)]) -> Distribution {
        let mut distribution = Distribution::default();
        pairs.iter().for_each(|&(value, count)| distribution.push(value, count));
        distribution
    }

    /// Any value, a decimal, or a whole number.
    fn a_value() -> impl Strategy<Value = f64> {
        prop_oneof![-1e300..1e300f64, (-99_999..99_999i32).prop_map(|n| f64::from(n) / 100.0), (-9..9i8).prop_map(f64::from)]
    }

    #[test]
    fn decimals_are_short() {
        assert!(of(&[(12.25, 1.0), (12.5, 3.0), (13.01, 1.0), (14.0, 2.0)]).to_bytes().len() <= 11);
    }

    #[test]
    fn many_values_are_rounded_and_none_is_lost() {
        let mut distribution = Distribution::default();
        (0..100_000).for_each(|n| distribution.push(f64::from(n) * 1.000_1, 1.0));
        let pairs = distribution.ordered();
        assert!(pairs.len() <= EXACT_MAX, "{}", pairs.len());
        assert_eq!(pairs.iter().map(|(_, count)| count).sum::<f64>(), 100_000.0);
        let median = pairs
            .iter()
            .scan(0.0, |sum, &(value, count)| {
                *sum += count;
                Some((value, *sum))
            })
            .find(|(_, sum)| *sum >= 50_000.0);
        assert!((median.unwrap().0 - 50_005.0).abs() / 50_005.0 < 0.02);
    }

    proptest! {
        #[test]
        fn bytes_give_the_same_again(pairs in prop::collection::vec((a_value(), prop_oneof![(1u32..5_000).prop_map(f64::from), 0.01..3.0f64]), 0..200)) {
            let sent = of(&pairs);
            prop_assert_eq!(Distribution::from_bytes(&sent.to_bytes()), Some(sent));
        }

        #[test]
        fn merging_is_adding(a in prop::collection::vec((-9i8..9, 1u8..4), 0..40), b in prop::collection::vec((-9i8..9, 1u8..4), 0..40)) {
            let pairs = |list: &[(i8, u8)]| list.iter().map(|&(value, count)| (f64::from(value), f64::from(count))).collect::<Vec<_>>();
            let (a, b) = (pairs(&a), pairs(&b));
            let mut merged = of(&a);
            merged.merge(&of(&b));
            prop_assert_eq!(merged, of(&[a, b].concat()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Distribution::from_bytes(&bytes).map(|read| read.ordered().len());
        }
    }
}
