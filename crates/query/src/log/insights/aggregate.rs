//! What `stats` computes of rows.

use std::collections::HashSet;

use super::row::{Context, Row};
use super::value::Value;
use super::{Aggregate, AggregateKind};

/// What is known of an aggregate so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Sum {
    count: u64,
    sum: f64,
    squares: f64,
    minimum: Option<f64>,
    maximum: Option<f64>,
    values: Vec<f64>,
    distinct: HashSet<String>,
    /// The value that is wanted, with what it is chosen by.
    chosen: Option<(Value, Value)>,
}

impl Sum {
    /// Returns how many values it keeps more.
    pub(super) fn add(&mut self, aggregate: &Aggregate, row: &Row, context: &Context) -> usize {
        let Some(of) = &aggregate.of else {
            self.count += 1;
            return 0;
        };
        let value = row.value(of, context);
        if value.is_nothing() {
            return 0;
        }
        match aggregate.kind {
            AggregateKind::Count => {
                self.count += 1;
                0
            }
            AggregateKind::CountDistinct => {
                let before = self.distinct.len();
                self.distinct.extend(value.text());
                self.distinct.len() - before
            }
            AggregateKind::Earliest | AggregateKind::Latest => {
                let time = row.field("@timestamp", context);
                self.choose(value, time, aggregate.kind == AggregateKind::Latest);
                0
            }
            AggregateKind::SortsFirst | AggregateKind::SortsLast => {
                let by = value.clone();
                self.choose(value, by, aggregate.kind == AggregateKind::SortsLast);
                0
            }
            AggregateKind::Minimum | AggregateKind::Maximum if matches!(value, Value::Moment(_)) || value.is_long() => {
                let by = value.clone();
                self.choose(value, by, aggregate.kind == AggregateKind::Maximum);
                0
            }
            kind => {
                let Some(number) = value.number() else { return 0 };
                self.count += 1;
                self.sum += number;
                self.squares += number * number;
                self.minimum = Some(self.minimum.map_or(number, |known| known.min(number)));
                self.maximum = Some(self.maximum.map_or(number, |known| known.max(number)));
                if matches!(kind, AggregateKind::Percentile(_)) {
                    self.values.push(number);
                    return 1;
                }
                0
            }
        }
    }

    /// So many events more.
    pub(super) fn count(&mut self, more: u64) {
        self.count += more;
    }

    /// The same of other rows, which came later in no order that means anything.
    pub(super) fn merge(&mut self, more: Sum, kind: AggregateKind) {
        let of = |a: Option<f64>, b: Option<f64>, choose: fn(f64, f64) -> f64| match (a, b) {
            (Some(a), Some(b)) => Some(choose(a, b)),
            (a, b) => a.or(b),
        };
        self.count += more.count;
        self.sum += more.sum;
        self.squares += more.squares;
        self.minimum = of(self.minimum, more.minimum, f64::min);
        self.maximum = of(self.maximum, more.maximum, f64::max);
        self.values.extend(more.values);
        self.distinct.extend(more.distinct);
        if let Some((value, by)) = more.chosen {
            self.choose(value, by, matches!(kind, AggregateKind::Latest | AggregateKind::SortsLast | AggregateKind::Maximum));
        }
    }

    fn choose(&mut self, value: Value, by: Value, is_last: bool) {
        let is_better = self.chosen.as_ref().is_none_or(|(_, known)| {
            let order = by.sorted(known);
            if is_last { order.is_gt() } else { order.is_lt() }
        });
        if is_better {
            self.chosen = Some((value, by));
        }
    }

    pub(super) fn value(mut self, aggregate: &Aggregate) -> Value {
        let of = |number: Option<f64>| number.map_or(Value::Nothing, Value::Number);
        let count = self.count as f64;
        match aggregate.kind {
            AggregateKind::Count => Value::Number(count),
            AggregateKind::CountDistinct => Value::Number(self.distinct.len() as f64),
            AggregateKind::Sum => of((self.count > 0).then_some(self.sum)),
            AggregateKind::Average => of((self.count > 0).then(|| self.sum / count)),
            AggregateKind::Minimum | AggregateKind::Maximum if self.chosen.is_some() => {
                // Of moments and long numbers, and of others beside them.
                let is_last = aggregate.kind == AggregateKind::Maximum;
                if let Some(number) = if is_last { self.maximum } else { self.minimum } {
                    self.choose(Value::Number(number), Value::Number(number), is_last);
                }
                self.chosen.map_or(Value::Nothing, |(value, _)| value)
            }
            AggregateKind::Minimum => of(self.minimum),
            AggregateKind::Maximum => of(self.maximum),
            AggregateKind::Deviation => {
                // Of all values, not of a sample of them.
                of((self.count > 0).then(|| (self.squares / count - (self.sum / count).powi(2)).max(0.0).sqrt()))
            }
            AggregateKind::Percentile(percent) => {
                self.values.sort_by(f64::total_cmp);
                let rank = (percent / 100.0 * (self.values.len().saturating_sub(1)) as f64).max(0.0);
                let (low, high) = (rank.floor() as usize, rank.ceil() as usize);
                of(self.values.get(low).zip(self.values.get(high)).map(|(a, b)| a + (b - a) * rank.fract()))
            }
            AggregateKind::Earliest | AggregateKind::Latest | AggregateKind::SortsFirst | AggregateKind::SortsLast => {
                self.chosen.map_or(Value::Nothing, |(value, _)| value)
            }
        }
    }
}
