//! How many faults are to be expected of a service, from what it did before.
//!
//! Of `n` requests of a period, the number of faults is taken to be beta-binomial: a rate that is known from earlier requests, as well as they tell
//! it, and that wobbles by itself as much as it did so far. Earlier periods count less the longer ago they are, but only those with requests count:
//! a quiet night does not make a service's usual rate unknown.

use libm::lgamma;
use model::insight::Impact;
use serde::{Deserialize, Serialize};

/// After this many periods with requests, what was seen before them counts half.
const HALF_LIFE: f64 = 120.0;
/// What is believed of a service of which nothing is known: one request in a hundred fails, as if a hundred had been seen.
const PRIOR_FAULTS: f64 = 1.0;
const PRIOR_REQUESTS: f64 = 100.0;
/// Rates wobble at least this much: the correlation of the requests of one period.
const CORRELATION_MIN: f64 = 1e-4;
const CORRELATION_MAX: f64 = 0.2;
/// One period says at most this much about the wobbling.
const SURPRISE_MAX: f64 = 25.0;

/// What is known of a service's faults.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Baseline {
    requests: f64,
    faults: f64,
    /// By how much periods differed from what was expected, beyond chance, and how much full correlation would have made of it.
    excess: f64,
    spread: f64,
}

/// The numbers of faults that are within expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Band {
    pub low: u64,
    pub high: u64,
}

impl Baseline {
    /// Learns of a period.
    pub fn observe(&mut self, period: Impact) {
        let (total, faults) = (period.total as f64, period.faults.min(period.total) as f64);
        if period.total == 0 {
            return;
        }
        let decay = 0.5f64.powf(1.0 / HALF_LIFE);
        let rate = self.rate();
        let surprise = (faults - total * rate).powi(2) / (total * rate * (1.0 - rate));
        self.excess = self.excess * decay + surprise.min(SURPRISE_MAX) - 1.0;
        self.spread = self.spread * decay + (total - 1.0);
        self.requests = self.requests * decay + total;
        self.faults = self.faults * decay + faults;
    }

    /// Forgets what was, and takes these periods for the usual.
    pub fn adopt(&mut self, periods: impl Iterator<Item = Impact>) {
        *self = Baseline::default();
        let periods: Vec<Impact> = periods.collect();
        // The rate at once; the wobbling by and by.
        self.requests = periods.iter().map(|period| period.total as f64).sum::<f64>() * HALF_LIFE;
        self.faults = periods.iter().map(|period| period.faults as f64).sum::<f64>() * HALF_LIFE;
    }

    /// The expected share of requests that fail.
    pub fn rate(&self) -> f64 {
        (self.faults + PRIOR_FAULTS) / (self.requests + PRIOR_REQUESTS)
    }

    /// The band that the faults of `total` requests leave with a probability of at most `chance` on either side.
    pub fn band(&self, total: u64, chance: f64) -> Band {
        let rate = self.rate();
        let wobble = if self.spread > 0.0 { self.excess / self.spread } else { 0.0 };
        let correlation = wobble.clamp(CORRELATION_MIN, CORRELATION_MAX);
        let precision = 1.0 / (correlation + 1.0 / (self.requests + PRIOR_REQUESTS));
        let (a, b) = (rate * precision, (1.0 - rate) * precision);
        let n = total as f64;
        let beta = |a: f64, b: f64| lgamma(a) + lgamma(b) - lgamma(a + b);
        // Of k faults, beginning with none; in logarithms, as the first of many requests' is too small for a number.
        let mut log_p = beta(a, b + n) - beta(a, b);
        let (mut below, mut low) = (0.0, None);
        for k in 0..total {
            below += log_p.exp();
            if low.is_none() && below > chance {
                low = Some(k);
            }
            if below >= 1.0 - chance {
                return Band { low: low.unwrap_or(k), high: k };
            }
            let k = k as f64;
            log_p += ((n - k) / (k + 1.0) * (a + k) / (b + n - k - 1.0)).ln();
        }
        Band { low: low.unwrap_or(total), high: total }
    }
}

#[cfg(test)]
mod tests;
