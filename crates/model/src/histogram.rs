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

/// More than any duration's place.
pub const PLACES: usize = 1_000 + 900 * 18;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_keeps_three_digits(us in prop_oneof![0..5_000u64, any::<u64>()]) {
            let place = place(us);
            prop_assert!((place as usize) < PLACES);
            prop_assert_eq!(duration_us(place), rounded(us, 1_000));
            prop_assert!(duration_us(place).abs_diff(us) as f64 <= us as f64 * 0.005 + 0.5);
        }
    }
}
