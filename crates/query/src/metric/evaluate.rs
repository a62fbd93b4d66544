//! The results of queries: statistics read from the store, and expressions over them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Timelike};
use model::anomaly_detector::{AnomalyDetector, Detected, Training};
use model::metric::MetricId;
use model::time::SECOND_US;

use super::math::{self, Expression, Function, Operator};
use super::series::{Plan, Points};
use super::{
    Message, MetricAnswer, MetricQuery, MetricQuestion, MetricResult, PERIODS_MAX, SERIES_MAX, What, band, insights, label, search,
};
use crate::{Error, Query, Result};

/// Values per period, with what they are of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub(crate) label: String,
    pub(crate) points: Points,
    /// Seconds.
    pub(crate) period: i64,
    /// Where it is a statistic of a metric.
    pub(crate) of: Option<Of>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Of {
    pub(crate) id: Arc<MetricId>,
    pub(crate) statistic: String,
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Scalar(f64),
    Series(Series),
    Array(Vec<Series>),
    Text(String),
    Word(String),
}

/// The number of which nothing is known: that of no values, for instance. What is computed with it is left out of time series.
const NOTHING: f64 = f64::NAN;

/// What is known while queries are answered.
struct Evaluation<'q> {
    query: &'q Query,
    question: &'q MetricQuestion,
    now_us: i64,
    expressions: HashMap<&'q str, Expression>,
    results: HashMap<&'q str, Value>,
    /// Queries that are being answered, for those that name themselves.
    under_way: Vec<&'q str>,
    messages: BTreeMap<&'q str, Vec<Message>>,
    general: Vec<Message>,
    /// Whether this is of the time before, for another evaluation to learn from.
    is_training: bool,
}

pub(super) fn answer(query: &Query, question: &MetricQuestion, wanted: Range<usize>) -> Result<MetricAnswer> {
    let mut evaluation = Evaluation::new(query, question);
    // An expression may need any of them.
    let has_expressions = question.queries.iter().any(|one| matches!(one.what, What::Expression(_)));
    evaluation.read(if has_expressions { 0..question.queries.len() } else { wanted.clone() })?;
    let mut answer = MetricAnswer::default();
    for one in question.queries.get(wanted).unwrap_or_default().iter().filter(|one| one.is_returned) {
        let (value, is_direct) = (evaluation.value(&one.id)?, matches!(one.what, What::Stat(_)));
        let series = match value {
            Value::Series(series) => vec![series],
            Value::Array(series) => series,
            Value::Scalar(_) | Value::Text(_) | Value::Word(_) => {
                return Err(Error::Invalid(format!(
                    "The expression of {} gives a single number; what is returned must be a time series, as TIME_SERIES makes one of a number",
                    one.id
                )));
            }
        };
        for (place, series) in series.into_iter().enumerate() {
            let messages = evaluation.messages.get(one.id.as_str()).filter(|_| place == 0).cloned().unwrap_or_default();
            answer.results.push(evaluation.result(one, series, is_direct, messages));
        }
    }
    answer.messages = evaluation.general;
    Ok(answer)
}

impl<'q> Evaluation<'q> {
    fn new(query: &'q Query, question: &'q MetricQuestion) -> Evaluation<'q> {
        Evaluation {
            query,
            question,
            now_us: query.clock.now_us(),
            expressions: HashMap::new(),
            results: HashMap::new(),
            under_way: Vec::new(),
            messages: BTreeMap::new(),
            general: Vec::new(),
            is_training: false,
        }
    }

    /// Reads the statistics of queries at once, and expressions as they are written.
    fn read(&mut self, wanted: Range<usize>) -> Result<()> {
        let mut plans = Vec::new();
        // Of which statistic each plan is.
        let mut planned = Vec::new();
        let mut stats: Vec<(&'q str, Series)> = Vec::new();
        for (place, one) in self.question.queries.iter().enumerate() {
            match &one.what {
                What::Stat(stat) => {
                    self.check_range(stat.period)?;
                    let id = Arc::new(stat.id.clone());
                    if wanted.contains(&place) {
                        planned.push(stats.len());
                        plans.push(Plan {
                            ids: vec![id.clone()],
                            statistic: stat.statistic,
                            period: stat.period,
                            unit: stat.unit.clone(),
                        });
                    }
                    let of = Of { id, statistic: stat.statistic.to_string() };
                    stats.push((&one.id, Series { label: String::new(), points: Vec::new(), period: stat.period, of: Some(of) }));
                }
                What::Expression(text) if insights::is_query(text) => {}
                What::Expression(text) => {
                    let expression = math::parse(text).map_err(|err| of_query(&one.id, err))?;
                    self.expressions.insert(&one.id, expression);
                }
            }
        }
        let points = self.query.metric_series(&plans, self.question.phase, (self.start_us(), self.question.end_us))?;
        for (place, points) in planned.into_iter().zip(points) {
            stats[place].1.points = points;
        }
        let (ids, mut series): (Vec<&'q str>, Vec<Series>) = stats.into_iter().unzip();
        label::distinguish(&mut series);
        self.results.extend(ids.into_iter().zip(series.into_iter().map(Value::Series)));
        Ok(())
    }

    fn start_us(&self) -> i64 {
        super::rounded_start(self.question.start_us, 1, self.now_us)
    }

    fn check_range(&self, period: i64) -> Result<()> {
        let periods = (self.question.end_us - self.question.start_us) / (period.max(1) * SECOND_US);
        if periods > PERIODS_MAX {
            return Err(Error::Invalid(format!(
                "The range has {periods} periods of {period} seconds; at most {PERIODS_MAX} can be computed: ask for a shorter range or a longer period"
            )));
        }
        Ok(())
    }

    fn query_of(&self, id: &str) -> Option<&'q MetricQuery> {
        self.question.queries.iter().find(|one| one.id == id)
    }

    /// The result of a query, computed on first use.
    fn value(&mut self, id: &str) -> Result<Value> {
        if let Some(known) = self.results.get(id) {
            return Ok(known.clone());
        }
        let one = self.query_of(id).ok_or_else(|| Error::Invalid(format!("There is no query with the id {id}")))?;
        if self.under_way.contains(&one.id.as_str()) {
            return Err(Error::Invalid(format!("The expression of {id} depends on itself")));
        }
        self.under_way.push(&one.id);
        let value = match &one.what {
            What::Expression(text) if insights::is_query(text) => self.insights(one, text),
            _ => match self.expressions.get(id).cloned() {
                Some(expression) => self.evaluate(one, &expression),
                None => Err(Error::Invalid(format!("There is no query with the id {id}"))),
            },
        };
        self.under_way.pop();
        let mut value = value.map_err(|err| of_query(id, err))?;
        // A time series that is computed is called by its query, unless it is what another query is.
        if let Value::Series(series) = &mut value
            && series.of.is_none()
            && series.label.is_empty()
        {
            series.label = one.id.clone();
        }
        self.results.insert(&one.id, value.clone());
        Ok(value)
    }

    fn result(&self, one: &MetricQuery, series: Series, is_direct: bool, messages: Vec<Message>) -> MetricResult {
        let MetricQuestion { newest_first, time_zone, asking, .. } = self.question;
        let label = match &one.label {
            Some(template) => label::fill(template, &series, *time_zone, asking, self.now_us),
            None if series.label.is_empty() && !is_direct => one.id.clone(),
            None => series.label.clone(),
        };
        let finite = series.points.into_iter().filter(|(_, value)| value.is_finite());
        let (mut times, mut values): (Vec<i64>, Vec<f64>) = finite.unzip();
        if *newest_first {
            times.reverse();
            values.reverse();
        }
        MetricResult { id: one.id.clone(), label, times, values, messages }
    }

    /// The period of what an expression makes itself.
    fn period(&self, one: &MetricQuery) -> i64 {
        one.period.unwrap_or_else(|| {
            let of_stats = self.question.queries.iter().filter_map(|one| match &one.what {
                What::Stat(stat) => Some(stat.period),
                What::Expression(_) => one.period,
            });
            of_stats.min().unwrap_or(60)
        })
    }

    fn tell(&mut self, one: &'q MetricQuery, code: &'static str, value: String) {
        let messages = self.messages.entry(&one.id).or_default();
        if !messages.iter().any(|message| message.code == code) {
            messages.push(Message { code, value });
        }
    }

    fn evaluate(&mut self, one: &'q MetricQuery, expression: &Expression) -> Result<Value> {
        Ok(match expression {
            Expression::Number(number) => Value::Scalar(*number),
            Expression::Text(text) => Value::Text(text.clone()),
            Expression::Word(word) => Value::Word(word.clone()),
            Expression::Id(id) => self.value(id)?,
            Expression::List(items) => {
                let mut all = Vec::new();
                for item in items {
                    match self.evaluate(one, item)? {
                        Value::Series(series) => all.push(series),
                        Value::Array(series) => all.extend(series),
                        _ => return Err(invalid("a list has time series only")),
                    }
                }
                Value::Array(all)
            }
            Expression::Negated(inner) => {
                let inner = self.evaluate(one, inner)?;
                per_value(inner, "-", |value| Some(-value))?
            }
            Expression::Binary(operator, left, right) => {
                let (left, right) = (self.evaluate(one, left)?, self.evaluate(one, right)?);
                let value = binary(*operator, left, right)?;
                if *operator == Operator::Divide && has_lost(&value) {
                    self.tell(
                        one,
                        "ArithmeticError",
                        "One or more data points have been dropped due to non-numeric values (NaN, -Infinite, +Infinite)"
                            .to_owned(),
                    );
                }
                finite(value)
            }
            Expression::Call(function, arguments) => self.call(one, *function, arguments)?,
        })
    }

    fn call(&mut self, one: &'q MetricQuery, function: Function, arguments: &[Expression]) -> Result<Value> {
        use Function::*;
        // These look at how arguments are written.
        match function {
            Search => return self.search(one, arguments),
            Metrics => return self.metrics(one, arguments),
            If => return self.choose(one, arguments),
            AnomalyDetectionBand => return self.band(one, arguments),
            InsightRuleMetric | DbPerfInsights | ServiceQuota | Lambda => {
                return Err(invalid(format!("the function {function} is not supported by this server")));
            }
            _ => {}
        }
        let values = arguments.iter().map(|argument| self.evaluate(one, argument)).collect::<Result<Vec<_>>>()?;
        let mut values = values.into_iter();
        let first = values.next().ok_or_else(|| invalid(format!("{function} needs an argument")))?;
        let rest: Vec<Value> = values.collect();
        let most = match function {
            Sort => 3,
            Slice => 2,
            Fill => 1,
            _ => 0,
        };
        if rest.len() > most {
            return Err(invalid(format!("{function} has too many arguments")));
        }
        let calendar = |part: fn(DateTime<chrono::Utc>) -> u32| {
            move |(time, _): (i64, f64)| DateTime::from_timestamp(time, 0).map(|moment| f64::from(part(moment)))
        };
        match function {
            Abs => per_value(first, "ABS", |value| Some(value.abs())),
            Ceil => per_value(first, "CEIL", |value| Some(value.ceil())),
            Floor => per_value(first, "FLOOR", |value| Some(value.floor())),
            Log => per_value(first, "LOG", |value| Some(value.ln())).map(finite),
            Log10 => per_value(first, "LOG10", |value| Some(value.log10())).map(finite),
            Avg | Min | Max | Sum | Stddev | DatapointCount => reduce(function, first),
            MetricCount => match first {
                Value::Array(series) => Ok(Value::Scalar(series.len() as f64)),
                Value::Series(_) => Ok(Value::Scalar(1.0)),
                _ => Err(needs_series(function)),
            },
            First | Last => match first {
                Value::Series(series) => {
                    let point = if function == First { series.points.first() } else { series.points.last() };
                    Ok(Value::Scalar(point.map_or(NOTHING, |(_, value)| *value)))
                }
                Value::Array(series) => {
                    let one = if function == First { series.into_iter().next() } else { series.into_iter().next_back() };
                    Ok(one.map_or(Value::Array(Vec::new()), Value::Series))
                }
                _ => Err(needs_series(function)),
            },
            Period => match first {
                Value::Series(series) => Ok(Value::Scalar(series.period as f64)),
                _ => Err(needs_series(function)),
            },
            Diff => per_series(first, function, |points, _| differences(points, |before, now| now.1 - before.1)),
            DiffTime => per_series(first, function, |points, _| differences(points, |before, now| (now.0 - before.0) as f64)),
            Rate => per_series(first, function, |points, _| {
                differences(points, |before, now| (now.1 - before.1) / (now.0 - before.0) as f64)
            }),
            RunningSum => per_series(first, function, |points, _| {
                let sums = points.iter().scan(0.0, |sum, &(time, value)| {
                    *sum += value;
                    Some((time, *sum))
                });
                sums.collect()
            }),
            Minute => per_point(first, function, calendar(|moment| moment.minute())),
            Hour => per_point(first, function, calendar(|moment| moment.hour())),
            Day => per_point(first, function, calendar(|moment| moment.weekday().number_from_monday())),
            Date => per_point(first, function, calendar(|moment| moment.day())),
            Month => per_point(first, function, calendar(|moment| moment.month())),
            Year => per_point(first, function, calendar(|moment| moment.year() as u32)),
            Epoch => per_point(first, function, |(time, _)| Some(time as f64)),
            TimeSeries => match first {
                Value::Scalar(number) => {
                    let period = self.period(one);
                    let points = self.grid(period)?.map(|time| (time, number)).collect();
                    Ok(Value::Series(Series { label: String::new(), points, period, of: None }))
                }
                series @ (Value::Series(_) | Value::Array(_)) => Ok(series),
                _ => Err(invalid("TIME_SERIES needs a number")),
            },
            Fill => self.fill(first, rest.into_iter().next()),
            Sort => sort(first, &rest),
            Slice => slice(first, &rest),
            RemoveEmpty => match first {
                Value::Array(mut series) => {
                    series.retain(|series| !series.points.is_empty());
                    Ok(Value::Array(series))
                }
                Value::Series(series) => Ok(Value::Array(if series.points.is_empty() { Vec::new() } else { vec![series] })),
                _ => Err(needs_series(function)),
            },
            Search | Metrics | If | InsightRuleMetric | DbPerfInsights | ServiceQuota | Lambda | AnomalyDetectionBand => {
                Err(invalid(format!("{function} cannot be used here")))
            }
        }
    }

    /// When periods of the range begin, in seconds.
    fn grid(&self, period: i64) -> Result<impl Iterator<Item = i64> + use<>> {
        self.check_range(period)?;
        let start = self.start_us() / SECOND_US;
        let start = start - (start - self.question.phase).rem_euclid(period);
        let end = self.question.end_us.min(self.now_us.max(self.question.start_us));
        let end = (end + SECOND_US - 1) / SECOND_US;
        Ok((0..).map(move |n| start + n * period).take_while(move |time| *time < end))
    }

    /// `ANOMALY_DETECTION_BAND(metric, 2)`: the upper and the lower end of what is expected.
    fn band(&mut self, one: &'q MetricQuery, arguments: &[Expression]) -> Result<Value> {
        if self.is_training {
            return Err(invalid("ANOMALY_DETECTION_BAND cannot be of what another one gives"));
        }
        let (metric, width) = match arguments {
            [metric] => (metric, 2.0),
            [metric, width] => match self.evaluate(one, width)? {
                Value::Scalar(width) if width > 0.0 => (metric, width),
                _ => return Err(invalid("the second argument of ANOMALY_DETECTION_BAND is a number above 0")),
            },
            _ => {
                return Err(invalid(
                    "ANOMALY_DETECTION_BAND has a time series and, if wanted, how many standard deviations wide it is",
                ));
            }
        };
        let Value::Series(series) = self.evaluate(one, metric)? else {
            return Err(invalid("Unsupported operand type(s) for ANOMALY_DETECTION_BAND: it is of one time series"));
        };
        let period = series.period;
        let history = (band::TRAINING_DAYS * 86_400).min(band::TRAINING_PERIODS_MAX * period);
        let mut needed = BTreeSet::new();
        self.needs(metric, &mut needed);
        let queries = self.question.queries.iter().filter(|one| needed.contains(one.id.as_str())).cloned().collect();
        let question = MetricQuestion { queries, start_us: self.start_us() - history * SECOND_US, ..self.question.clone() };
        let mut earlier = Evaluation { is_training: true, ..Evaluation::new(self.query, &question) };
        earlier.read(0..question.queries.len())?;
        // What stands in the argument is computed as if it were a query by itself.
        let whole = MetricQuery {
            id: one.id.clone(),
            what: What::Expression(String::new()),
            label: None,
            is_returned: true,
            period: one.period,
        };
        let Value::Series(before) = earlier.evaluate(&whole, metric)? else {
            return Err(needs_series(Function::AnomalyDetectionBand));
        };
        let training = self.training(metric, &series);
        let expected = band::expected(&before.points, self.grid(period)?, period, &training);
        let is_positive = before.points.iter().all(|(_, value)| *value >= 0.0);
        let name = if series.label.is_empty() { one.id.clone() } else { series.label.clone() };
        let end = |name: String, of: &dyn Fn(&band::Expected) -> f64| Series {
            label: name,
            points: expected.iter().map(|(time, expected)| (*time, of(expected))).collect(),
            period,
            of: None,
        };
        let upper = end(format!("{name} (expected, high)"), &|expected| expected.center + width * expected.spread);
        // Nothing is below what cannot be: a count is not negative.
        let lower = |expected: &band::Expected| {
            let lower = expected.center - width * expected.spread;
            if is_positive { lower.max(0.0) } else { lower }
        };
        Ok(Value::Array(vec![upper, end(format!("{name} (expected, low)"), &lower)]))
    }

    /// How what is usual is learned: as someone said of the same metric or expression.
    fn training(&self, metric: &Expression, series: &Series) -> Training {
        let text = match metric {
            Expression::Id(id) => self.query_of(id).and_then(|one| match &one.what {
                What::Expression(text) => Some(text.as_str()),
                What::Stat(_) => None,
            }),
            _ => None,
        };
        let is_meant = |detector: &&AnomalyDetector| match (&detector.of, &series.of) {
            (of, Some(known)) => of.is_of(&known.id, &known.statistic),
            (Detected::Math { expression, .. }, None) => text.is_some_and(|text| text.trim() == expression.trim()),
            _ => false,
        };
        self.question.detectors.iter().find(is_meant).map(|detector| detector.training.clone()).unwrap_or_default()
    }

    /// The queries that an expression is computed of.
    fn needs(&self, expression: &Expression, needed: &mut BTreeSet<&'q str>) {
        let name = |id: &str, needed: &mut BTreeSet<&'q str>| {
            let Some(one) = self.query_of(id) else { return };
            if needed.insert(&one.id)
                && let Some(inner) = self.expressions.get(one.id.as_str())
            {
                self.needs(inner, needed);
            }
        };
        match expression {
            Expression::Id(id) => name(id, needed),
            Expression::List(items) => items.iter().for_each(|item| self.needs(item, needed)),
            Expression::Negated(inner) => self.needs(inner, needed),
            Expression::Binary(_, left, right) => [left, right].into_iter().for_each(|side| self.needs(side, needed)),
            Expression::Call(Function::Metrics, _) => {
                let stats = self.question.queries.iter().filter(|one| matches!(one.what, What::Stat(_)));
                needed.extend(stats.map(|one| one.id.as_str()));
            }
            Expression::Call(_, arguments) => arguments.iter().for_each(|argument| self.needs(argument, needed)),
            Expression::Number(_) | Expression::Text(_) | Expression::Word(_) => {}
        }
    }

    fn fill(&self, value: Value, with: Option<Value>) -> Result<Value> {
        let with = with.ok_or_else(|| invalid("FILL needs what to fill with: a number, REPEAT, LINEAR or a time series"))?;
        let fill = |series: Series| -> Result<Series> {
            let known: HashMap<i64, f64> = series.points.iter().copied().collect();
            let others: HashMap<i64, f64> = match &with {
                Value::Series(other) => other.points.iter().copied().collect(),
                _ => HashMap::new(),
            };
            let mut points = Points::new();
            for time in self.grid(series.period)? {
                let missing = || match &with {
                    Value::Scalar(number) => Some(*number),
                    Value::Series(_) => others.get(&time).copied(),
                    Value::Word(word) if word == "REPEAT" => points.last().map(|&(_, value)| value),
                    Value::Word(word) if word == "LINEAR" => between(&series.points, time),
                    _ => None,
                };
                points.extend(known.get(&time).copied().or_else(missing).map(|value| (time, value)));
            }
            Ok(Series { points, ..series })
        };
        match &with {
            Value::Scalar(_) | Value::Series(_) => {}
            Value::Word(word) if word == "REPEAT" || word == "LINEAR" => {}
            _ => return Err(invalid("FILL fills with a number, REPEAT, LINEAR or a time series")),
        }
        match value {
            Value::Series(series) => fill(series).map(Value::Series),
            Value::Array(series) => series.into_iter().map(fill).collect::<Result<Vec<_>>>().map(Value::Array),
            _ => Err(needs_series(Function::Fill)),
        }
    }

    /// `IF(condition, then, else)`.
    fn choose(&mut self, one: &'q MetricQuery, arguments: &[Expression]) -> Result<Value> {
        let (condition, then, otherwise) = match arguments {
            [condition, then] => (condition, then, None),
            [condition, then, otherwise] => (condition, then, Some(otherwise)),
            _ => return Err(invalid("IF has a condition, what is so where it holds and, if wanted, what is so where it does not")),
        };
        let condition = self.evaluate(one, condition)?;
        let then = self.evaluate(one, then)?;
        let otherwise = otherwise.map(|otherwise| self.evaluate(one, otherwise)).transpose()?;
        let condition = match condition {
            Value::Scalar(number) => {
                let chosen = if number != 0.0 && !number.is_nan() { Some(then) } else { otherwise };
                return Ok(chosen.unwrap_or(Value::Array(Vec::new())));
            }
            Value::Series(series) => series,
            _ => return Err(invalid("the condition of IF must be a number or a time series")),
        };
        let lookup = |value: &Value| -> Result<(Option<f64>, HashMap<i64, f64>)> {
            match value {
                Value::Scalar(number) => Ok((Some(*number), HashMap::new())),
                Value::Series(series) => Ok((None, series.points.iter().copied().collect())),
                _ => Err(invalid("IF chooses between numbers and time series")),
            }
        };
        let then = lookup(&then)?;
        let otherwise = otherwise.as_ref().map(lookup).transpose()?;
        let value_at = |time: i64, holds: bool| -> Option<f64> {
            if holds {
                // A value that is missing counts as 0, as in all arithmetic.
                return Some(then.0.or_else(|| then.1.get(&time).copied()).unwrap_or(0.0));
            }
            let (number, values) = otherwise.as_ref()?;
            number.or_else(|| values.get(&time).copied())
        };
        let points = condition.points.iter().filter_map(|&(time, value)| Some((time, value_at(time, value != 0.0)?))).collect();
        Ok(Value::Series(Series { label: String::new(), points, period: condition.period, of: None }))
    }

    /// `METRICS()`: the metrics of this request, or those whose ids have a text.
    fn metrics(&mut self, one: &'q MetricQuery, arguments: &[Expression]) -> Result<Value> {
        let _ = one;
        let wanted = match arguments {
            [] => "",
            [Expression::Text(text)] => text,
            _ => return Err(invalid("METRICS has no argument, or a text that the ids of the metrics have")),
        };
        let queries = &self.question.queries;
        let ids = queries.iter().filter(|one| matches!(one.what, What::Stat(_)) && one.id.contains(wanted));
        let all = ids.filter_map(|one| match self.results.get(one.id.as_str()) {
            Some(Value::Series(series)) => Some(series.clone()),
            _ => None,
        });
        Ok(Value::Array(all.collect()))
    }

    /// `SEARCH('{Namespace,Dimension} words', 'Average', 300)`.
    fn search(&mut self, one: &'q MetricQuery, arguments: &[Expression]) -> Result<Value> {
        let (text, statistic, period) = match arguments {
            [Expression::Text(text), Expression::Text(statistic)] => (text, statistic, self.period(one)),
            [Expression::Text(text), Expression::Text(statistic), Expression::Number(period)] => (text, statistic, *period as i64),
            _ => {
                return Err(invalid(
                    "SEARCH has a search text, a statistic and, if wanted, a period, as in SEARCH('{AWS/ECS,ClusterName} CPU', 'Average', 300)",
                ));
            }
        };
        super::check_period(period)?;
        self.check_range(period)?;
        let statistic =
            statistic.parse().map_err(|err: model::metric::statistic::UnknownStatistic| Error::Invalid(err.to_string()))?;
        let search = search::parse(text)?;
        let known = self.query.metrics(&Default::default())?;
        let asking = &self.question.asking;
        let mut found: Vec<Arc<MetricId>> =
            known.into_iter().map(|known| known.id).filter(|id| search.admits(id, asking.account_id(id.owner.as_ref()))).collect();
        self.bound(&mut found);
        let plans: Vec<Plan> = found.iter().map(|id| Plan { ids: vec![id.clone()], statistic, period, unit: None }).collect();
        let points = self.query.metric_series(&plans, self.question.phase, (self.start_us(), self.question.end_us))?;
        let series = found.into_iter().zip(points).map(|(id, points)| Series {
            label: String::new(),
            points,
            period,
            of: Some(Of { id, statistic: statistic.to_string() }),
        });
        let mut series: Vec<Series> = series.filter(|series| !series.points.is_empty()).collect();
        label::distinguish(&mut series);
        Ok(Value::Array(series))
    }

    /// No more than an expression may find.
    fn bound(&mut self, found: &mut Vec<Arc<MetricId>>) {
        if found.len() > SERIES_MAX {
            let value =
                format!("The search found {} metrics, of which the first {SERIES_MAX} are shown; narrow it down", found.len());
            found.truncate(SERIES_MAX);
            self.general.push(Message { code: "MaxMetricsExceeded", value });
        }
    }

    /// A query of Metrics Insights.
    fn insights(&mut self, one: &'q MetricQuery, text: &str) -> Result<Value> {
        let select = insights::parse(text)?;
        let period = self.period(one);
        self.check_range(period)?;
        let known = self.query.metrics(&Default::default())?;
        let asking = &self.question.asking;
        let mut groups: BTreeMap<Vec<String>, Vec<Arc<MetricId>>> = BTreeMap::new();
        let mut matched = 0;
        for known in known {
            let account_id = asking.account_id(known.id.owner.as_ref());
            if !select.admits(&known.id, account_id) {
                continue;
            }
            matched += 1;
            if matched <= insights::METRICS_MAX {
                groups.entry(select.group(&known.id, account_id)).or_default().push(known.id);
            }
        }
        if matched > insights::METRICS_MAX {
            let value = format!("The query matches {matched} metrics, of which {} were read", insights::METRICS_MAX);
            self.tell(one, "PartialData", value);
        }
        let plans: Vec<Plan> =
            groups.values().map(|ids| Plan { ids: ids.clone(), statistic: select.statistic, period, unit: None }).collect();
        let points = self.query.metric_series(&plans, self.question.phase, (self.start_us(), self.question.end_us))?;
        let series = groups.into_keys().zip(points).map(|(group, points)| {
            let label = if group.is_empty() { select.name.clone() } else { group.join(" ") };
            Series { label, points, period, of: None }
        });
        let mut series: Vec<Series> = series.filter(|series| !series.points.is_empty()).collect();
        if let Some((statistic, ascending)) = select.order {
            sort_series(&mut series, statistic, ascending);
        }
        series.truncate(select.limit.min(SERIES_MAX));
        Ok(match select.is_grouped() {
            true => Value::Array(series),
            false => series.into_iter().next().map_or(
                Value::Series(Series { label: select.name.clone(), points: Points::new(), period, of: None }),
                Value::Series,
            ),
        })
    }
}

fn invalid(what: impl Into<String>) -> Error {
    Error::Invalid(what.into())
}

fn needs_series(function: Function) -> Error {
    invalid(format!("{function} needs a time series"))
}

fn of_query(id: &str, err: Error) -> Error {
    match err {
        Error::Invalid(what) if !what.starts_with("Error in expression '") => {
            Error::Invalid(format!("Error in expression '{id}': {what}"))
        }
        err => err,
    }
}

/// Each number by itself.
fn per_value(value: Value, name: &str, change: impl Fn(f64) -> Option<f64>) -> Result<Value> {
    let of = |series: Series| Series {
        points: series.points.iter().filter_map(|&(time, value)| Some((time, change(value)?))).collect(),
        of: None,
        ..series
    };
    match value {
        Value::Scalar(number) => Ok(Value::Scalar(change(number).unwrap_or(NOTHING))),
        Value::Series(series) => Ok(Value::Series(Series { label: String::new(), ..of(series) })),
        Value::Array(series) => Ok(Value::Array(series.into_iter().map(of).collect())),
        Value::Text(_) | Value::Word(_) => Err(invalid(format!("{name} needs numbers"))),
    }
}

fn per_series(value: Value, function: Function, change: impl Fn(&Points, i64) -> Points) -> Result<Value> {
    let of = |series: Series| Series { points: change(&series.points, series.period), of: None, ..series };
    match value {
        Value::Series(series) => Ok(Value::Series(Series { label: String::new(), ..of(series) })),
        Value::Array(series) => Ok(Value::Array(series.into_iter().map(of).collect())),
        _ => Err(needs_series(function)),
    }
}

fn per_point(value: Value, function: Function, change: impl Fn((i64, f64)) -> Option<f64>) -> Result<Value> {
    per_series(value, function, |points, _| {
        points.iter().filter_map(|&(time, value)| Some((time, change((time, value))?))).collect()
    })
}

/// Each value with the one before it.
fn differences(points: &Points, of: impl Fn((i64, f64), (i64, f64)) -> f64) -> Points {
    points.windows(2).map(|pair| (pair[1].0, of(pair[0], pair[1]))).collect()
}

/// The value on the line between the neighbours.
fn between(points: &Points, time: i64) -> Option<f64> {
    let after = points.partition_point(|(known, _)| *known < time);
    let ((from, a), (to, b)) = (*points.get(after.checked_sub(1)?)?, *points.get(after)?);
    Some(a + (b - a) * (time - from) as f64 / (to - from) as f64)
}

fn apply(operator: Operator, left: f64, right: f64) -> f64 {
    let truth = |is_so: bool| if is_so { 1.0 } else { 0.0 };
    match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Power => left.powf(right),
        Operator::Equal => truth(left == right),
        Operator::NotEqual => truth(left != right),
        Operator::Less => truth(left < right),
        Operator::LessOrEqual => truth(left <= right),
        Operator::Greater => truth(left > right),
        Operator::GreaterOrEqual => truth(left >= right),
        Operator::And => truth(left != 0.0 && right != 0.0),
        Operator::Or => truth(left != 0.0 || right != 0.0),
    }
}

/// Values that are no numbers are left in, for `finite` to take out.
fn binary(operator: Operator, left: Value, right: Value) -> Result<Value> {
    let with_scalar = |series: Series, change: &dyn Fn(f64) -> f64| Series {
        points: series.points.iter().map(|&(time, value)| (time, change(value))).collect(),
        of: None,
        ..series
    };
    let unnamed = |series: Series| Value::Series(Series { label: String::new(), ..series });
    Ok(match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => Value::Scalar(apply(operator, left, right)),
        (Value::Series(left), Value::Scalar(right)) => unnamed(with_scalar(left, &|left| apply(operator, left, right))),
        (Value::Scalar(left), Value::Series(right)) => unnamed(with_scalar(right, &|right| apply(operator, left, right))),
        (Value::Series(left), Value::Series(right)) => unnamed(joined(operator, &left, &right)),
        (Value::Array(left), Value::Scalar(right)) => {
            Value::Array(left.into_iter().map(|series| with_scalar(series, &|left| apply(operator, left, right))).collect())
        }
        (Value::Scalar(left), Value::Array(right)) => {
            Value::Array(right.into_iter().map(|series| with_scalar(series, &|right| apply(operator, left, right))).collect())
        }
        (Value::Array(left), Value::Series(right)) => {
            Value::Array(left.iter().map(|left| Series { label: left.label.clone(), ..joined(operator, left, &right) }).collect())
        }
        (Value::Series(left), Value::Array(right)) => Value::Array(
            right.iter().map(|right| Series { label: right.label.clone(), ..joined(operator, &left, right) }).collect(),
        ),
        (Value::Array(_), Value::Array(_)) => {
            return Err(invalid("two arrays of time series cannot be combined; reduce one of them, as SUM does"));
        }
        _ => return Err(invalid("texts cannot be computed with")),
    })
}

/// At every time that either has a value: what is missing counts as 0.
fn joined(operator: Operator, left: &Series, right: &Series) -> Series {
    let times: BTreeSet<i64> = left.points.iter().chain(&right.points).map(|(time, _)| *time).collect();
    let (lefts, rights): (HashMap<i64, f64>, HashMap<i64, f64>) =
        (left.points.iter().copied().collect(), right.points.iter().copied().collect());
    let at = |values: &HashMap<i64, f64>, time| values.get(&time).copied().unwrap_or(0.0);
    let points = times.into_iter().map(|time| (time, apply(operator, at(&lefts, time), at(&rights, time)))).collect();
    Series { label: left.label.clone(), points, period: left.period.max(right.period), of: None }
}

fn has_lost(value: &Value) -> bool {
    let lost = |series: &Series| series.points.iter().any(|(_, value)| !value.is_finite());
    match value {
        Value::Series(series) => lost(series),
        Value::Array(series) => series.iter().any(lost),
        _ => false,
    }
}

/// Without values that are no numbers.
fn finite(value: Value) -> Value {
    let of = |mut series: Series| {
        series.points.retain(|(_, value)| value.is_finite());
        series
    };
    match value {
        Value::Series(series) => Value::Series(of(series)),
        Value::Array(series) => Value::Array(series.into_iter().map(of).collect()),
        value => value,
    }
}

/// What a function says of some values.
fn summary(function: Function, values: &[f64]) -> Option<f64> {
    let (count, sum) = (values.len() as f64, values.iter().sum::<f64>());
    Some(match function {
        Function::DatapointCount => count,
        Function::Sum => sum,
        _ if values.is_empty() => return None,
        Function::Avg => sum / count,
        Function::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
        Function::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        _ => (values.iter().map(|value| (value - sum / count).powi(2)).sum::<f64>() / count).sqrt(),
    })
}

/// Of a time series one number, of several one time series.
fn reduce(function: Function, value: Value) -> Result<Value> {
    match value {
        Value::Series(series) => {
            let values: Vec<f64> = series.points.iter().map(|(_, value)| *value).collect();
            Ok(Value::Scalar(summary(function, &values).unwrap_or(NOTHING)))
        }
        Value::Array(series) => {
            let mut at: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
            series.iter().flat_map(|series| &series.points).for_each(|&(time, value)| at.entry(time).or_default().push(value));
            let points = at.into_iter().filter_map(|(time, values)| Some((time, summary(function, &values)?))).collect();
            let period = series.iter().map(|series| series.period).max().unwrap_or(60);
            Ok(Value::Series(Series { label: String::new(), points, period, of: None }))
        }
        _ => Err(needs_series(function)),
    }
}

fn sort_series(series: &mut [Series], by: Function, ascending: bool) {
    let key = |series: &Series| summary(by, &series.points.iter().map(|(_, value)| *value).collect::<Vec<_>>());
    // Those without values last.
    series.sort_by(|a, b| match (key(a), key(b)) {
        (Some(a), Some(b)) => {
            if ascending {
                a.total_cmp(&b)
            } else {
                b.total_cmp(&a)
            }
        }
        (a, b) => b.is_some().cmp(&a.is_some()),
    });
}

fn function_of(word: &str) -> Option<Function> {
    Some(match word {
        "AVG" => Function::Avg,
        "MIN" => Function::Min,
        "MAX" => Function::Max,
        "SUM" => Function::Sum,
        _ => return None,
    })
}

/// `SORT(array, AVG, DESC, 10)`.
fn sort(value: Value, rest: &[Value]) -> Result<Value> {
    let wanted = || {
        invalid(
            "SORT has an array of time series, one of AVG, MIN, MAX and SUM, one of ASC and DESC and, if wanted, how many are left",
        )
    };
    let Value::Array(mut series) = value else { return Err(wanted()) };
    let (Some(Value::Word(by)), Some(Value::Word(order))) = (rest.first(), rest.get(1)) else { return Err(wanted()) };
    let by = function_of(by).ok_or_else(wanted)?;
    let ascending = match order.as_str() {
        "ASC" => true,
        "DESC" => false,
        _ => return Err(wanted()),
    };
    sort_series(&mut series, by, ascending);
    match rest.get(2) {
        None => {}
        Some(Value::Scalar(count)) if *count >= 1.0 => series.truncate(*count as usize),
        Some(_) => return Err(wanted()),
    }
    Ok(Value::Array(series))
}

/// `SLICE(array, 0, 10)`.
fn slice(value: Value, rest: &[Value]) -> Result<Value> {
    let wanted = || invalid("SLICE has an array of time series and where to begin, from 0, and, if wanted, where to end");
    let Value::Array(series) = value else { return Err(wanted()) };
    let number = |value: &Value| match value {
        Value::Scalar(number) if *number >= 0.0 => Some(*number as usize),
        _ => None,
    };
    let start = rest.first().and_then(number).ok_or_else(wanted)?;
    let Some(end) = rest.get(1) else {
        // One number alone: that series.
        return Ok(series.into_iter().nth(start).map_or(Value::Array(Vec::new()), Value::Series));
    };
    let end = number(end).ok_or_else(wanted)?;
    Ok(Value::Array(series.into_iter().take(end).skip(start).collect()))
}
