use super::*;

fn impact(total: u64, faults: u64) -> Impact {
    Impact { total, faults }
}

fn learned(periods: usize, total: u64, faults: u64) -> Baseline {
    let mut baseline = Baseline::default();
    (0..periods).for_each(|_| baseline.observe(impact(total, faults)));
    baseline
}

#[test]
fn the_band_is_that_of_the_binomial_where_much_is_known_and_nothing_wobbles() {
    // 2 % of 1,000: mean 20, standard deviation 4.4. Four of them up and down, a little more for the wobbling and the skew.
    let band = learned(500, 1_000, 20).band(1_000, 1e-5);
    assert!((37..=46).contains(&band.high), "{band:?}");
    assert!((3..=6).contains(&band.low), "{band:?}");
}

#[test]
fn what_wobbles_has_a_wider_band() {
    let steady = learned(300, 1_000, 20).band(1_000, 1e-5);
    let mut baseline = Baseline::default();
    (0..300).for_each(|n| baseline.observe(impact(1_000, if n % 2 == 0 { 2 } else { 38 })));
    let wobbling = baseline.band(1_000, 1e-5);
    assert!(wobbling.high > steady.high + 30, "{steady:?} {wobbling:?}");
}

#[test]
fn few_requests_that_all_fail_are_too_many_and_single_faults_are_not() {
    let flawless = learned(300, 100, 0);
    assert!(flawless.band(5, 1e-6).high < 5);
    assert!(flawless.band(100, 1e-5).high >= 1);
    assert!(flawless.band(100, 1e-5).high < 10);
    assert_eq!(flawless.band(0, 1e-5), Band { low: 0, high: 0 });
}

#[test]
fn quiet_periods_change_nothing() {
    let mut baseline = learned(200, 50, 10);
    let before = baseline.clone();
    (0..1_000).for_each(|_| baseline.observe(impact(0, 0)));
    assert_eq!(baseline, before);
}

#[test]
fn it_follows_a_lasting_change() {
    let mut baseline = learned(300, 100, 0);
    (0..600).for_each(|_| baseline.observe(impact(100, 30)));
    assert!((0.28..0.31).contains(&baseline.rate()), "{}", baseline.rate());
    let mut adopting = learned(300, 100, 0);
    adopting.adopt((0..5).map(|_| impact(100, 30)));
    assert!((0.28..0.31).contains(&adopting.rate()), "{}", adopting.rate());
}

#[test]
fn the_extremes_are_numbers() {
    for (total, faults) in [(1, 0), (1, 1), (1_000_000, 0), (1_000_000, 1_000_000), (u64::MAX >> 20, 7)] {
        let baseline = learned(50, total, faults);
        let rate = baseline.rate();
        assert!(rate > 0.0 && rate < 1.0, "{total} {faults}: {rate}");
        for n in [0, 1, 2, 10, 10_000] {
            let band = baseline.band(n, 1e-5);
            assert!(band.low <= band.high && band.high <= n, "{total} {faults} {n}: {band:?}");
        }
    }
    // Only rounding errors lie between a certain fault and the band.
    assert_eq!(learned(200, 1_000, 1_000).band(1_000, 1e-5).high, 1_000);
}
