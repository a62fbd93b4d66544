//! Durations with three significant digits: each has a place in a short list, and lists add up exactly.

/// Where a duration stands: below a thousand microseconds each has its own place, above there are 900 to each power of ten.
pub fn place(duration_us: u64) -> u32 {
    let mut rest = rounded(duration_us, 1_000);
    let mut power = 0;
    while rest >= 1_000 {
        rest /= 10;
        power += 1;
    }
    if power == 0 { rest as u32 } else { 1_000 + (power - 1) * 900 + (rest as u32 - 100) }
}

/// The duration that stands in a place.
pub fn duration_us(place: u32) -> u64 {
    match place.checked_sub(1_000) {
        None => u64::from(place),
        Some(beyond) => u64::from(beyond % 900 + 100).saturating_mul(10u64.saturating_pow(beyond / 900 + 1)),
    }
}

/// The value with as many significant digits as `below` has zeros.
pub fn rounded(value: u64, below: u64) -> u64 {
    let mut unit = 1;
    while value / unit >= below {
        unit *= 10;
    }
    (value.saturating_add(unit / 2)) / unit * unit
}

/// Writes counts by place, ascending, as bytes: for each the distance to the place before, doubled, in groups of seven bits, lowest
/// first; one more where the count is not 1, and then the count, zigzag, likewise.
pub fn encode(counts: impl IntoIterator<Item = (u32, i64)>, bytes: &mut Vec<u8>) {
    let mut last = 0;
    for (place, count) in counts {
        let is_one = count == 1;
        write(u64::from(place - last) << 1 | u64::from(!is_one), bytes);
        if !is_one {
            write((count << 1 ^ count >> 63) as u64, bytes);
        }
        last = place;
    }
}

fn write(mut value: u64, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// What `encode` wrote. Ends where bytes are not of its making.
pub fn decode(bytes: &[u8]) -> impl Iterator<Item = (u32, i64)> + use<'_> {
    let mut rest = bytes;
    let mut last = 0u32;
    std::iter::from_fn(move || {
        let head = read(&mut rest)?;
        let place = last.checked_add(u32::try_from(head >> 1).ok()?).filter(|&place| (place as usize) < PLACES)?;
        let count = if head & 1 == 0 {
            1
        } else {
            let zigzag = read(&mut rest)?;
            (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)
        };
        last = place;
        Some((place, count))
    })
}

fn read(rest: &mut &[u8]) -> Option<u64> {
    let (&first, mut behind) = rest.split_first()?;
    let mut value = u64::from(first & 0x7f);
    let mut byte = first;
    let mut shift = 7;
    while byte >= 0x80 {
        (byte, behind) = behind.split_first().map(|(&byte, rest)| (byte, rest)).filter(|_| shift < 64)?;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
    }
    *rest = behind;
    Some(value)
}

/// More than any duration's place.
pub const PLACES: usize = 1_000 + 900 * 18;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counts_come_back(counts in proptest::collection::btree_map(0..PLACES as u32, prop_oneof![Just(1), -3..4i64, any::<i64>()], 0..50)) {
            let mut bytes = Vec::new();
            encode(counts.iter().map(|(&place, &count)| (place, count)), &mut bytes);
            prop_assert_eq!(decode(&bytes).collect::<std::collections::BTreeMap<_, _>>(), counts);
        }

        #[test]
        fn other_bytes_end_it(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert!(decode(&bytes).all(|(place, _)| (place as usize) < PLACES));
        }

        #[test]
        fn a_place_keeps_three_digits(us in prop_oneof![0..5_000u64, any::<u64>()]) {
            let place = place(us);
            prop_assert!((place as usize) < PLACES);
            prop_assert_eq!(duration_us(place), rounded(us, 1_000));
            prop_assert!(duration_us(place).abs_diff(us) as f64 <= us as f64 * 0.005 + 0.5);
        }
    }
}
