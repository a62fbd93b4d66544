//! Answers a query: events go through its commands one after the other, and whatever collects them gives on what it made of them at
//! the end. Where their order does not matter, several threads read.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use store::{LogRows, LogScan, Reader};

use super::aggregate::Sum;
use super::parse::ROWS_MAX;
use super::plan::{self, Columns, Plan};
use super::row::{Context, Event, Row};
use super::shape::{Shapes, Window};
use super::value::Value;
use super::{Aggregate, AggregateKind, Command, Expr, Extract, LogQuery, Named};
use crate::log::{Candidates, Visit, span, walk};
use crate::{Error, Query, Result};

/// Rows that a command may collect, and values that percentiles may be of.
const COLLECTED_MAX: usize = 1_000_000;
const PERCENTILE_VALUES_MAX: usize = 20_000_000;
/// Rows between two looks at whether someone wants it to stop.
const LOOK_EVERY: u64 = 4_096;
/// How often it is told how far a query is, and rows that are told before its end.
const TELL_EVERY: Duration = Duration::from_millis(500);
const TOLD_ROWS_MAX: usize = 1_000;
const THREADS_MAX: usize = 8;

/// A question.
pub struct Ask<'q> {
    pub query: &'q LogQuery,
    /// Its groups and times.
    pub scan: &'q LogScan,
    /// Whether it is of spans, too: of the group that has them.
    pub with_spans: bool,
    /// At most so many rows, where the query does not say itself how many.
    pub limit: usize,
    /// Of groups that are the server's own.
    pub account_id: &'q str,
    pub lookups: &'q Lookups,
    pub stop: &'q Stop,
    /// Is told now and then what was found so far.
    pub progress: &'q (dyn Fn(Answer) + Sync),
}

/// The tables that `lookup` looks up in: rows of columns with their values.
#[derive(Debug, Clone, Default)]
pub struct Lookups(pub HashMap<String, Vec<BTreeMap<String, String>>>);

/// Tells a query to stop; what it found so far is its answer.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Each with its fields, in order; what has no value is left out.
    pub rows: Vec<Vec<(String, Value)>>,
    pub statistics: Statistics,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Statistics {
    pub matched: u64,
    pub scanned: u64,
    pub bytes: u64,
}

/// What rows are grouped by, as texts; the same as values, and what is known of each aggregate.
type Groups = HashMap<Vec<Option<String>>, (Vec<Value>, Vec<Sum>)>;

/// A command at work.
enum Stage<'q> {
    Fields(Vec<(Rc<str>, &'q Expr)>),
    Filter(&'q Expr),
    Parse { of: &'q Expr, how: &'q Extract, names: Vec<Rc<str>> },
    Dedup { by: &'q [Expr], seen: HashSet<Vec<Option<String>>> },
    Limit { left: usize },
    Sort { keys: &'q [(Expr, bool)], rows: Vec<(Vec<Value>, Row)>, most: Option<usize> },
    Stats { aggregates: &'q [Aggregate], by: &'q [Named], made: &'q [Named], groups: Groups },
    Pattern { of: &'q Expr, shapes: Box<Shapes> },
    Unnest { of: &'q Expr, name: Rc<str> },
    Lookup { keys: Vec<&'q Expr>, rows: HashMap<Vec<String>, &'q BTreeMap<String, String>>, output: Vec<(&'q str, Rc<str>)> },
    Nothing,
}

/// What a thread collected.
enum Collected {
    Groups(Groups),
    Shapes(Box<Shapes>),
}

struct Run<'q> {
    stages: Vec<Stage<'q>>,
    context: Context,
    limit: usize,
    rows: Vec<Row>,
    collected: usize,
    matched: u64,
    error: Option<String>,
}

impl Query {
    /// Answers a query about the events of a scan.
    pub fn log_insights(&self, ask: &Ask<'_>) -> Result<Answer> {
        let plan = plan::of(&ask.query.commands);
        let mut scan = ask.scan.clone();
        (scan.with_streams, scan.with_messages) = (plan.with_streams, plan.with_messages);
        scan.needles = plan.needles.clone();
        let reader = self.log_reader();
        let spans = self.reader();
        let asked = Asked { ask, plan: &plan, reader: &reader, spans: &spans, now_us: self.clock.now_us(), began: Instant::now() };
        let mut statistics = Statistics::default();
        // What a comparison is with comes first.
        let mut before = None;
        if let Some((place, shift)) = plan.diff {
            let (from_us, to_us) = shift.before(scan.from_us, scan.to_us);
            let earlier = LogScan { from_us, to_us, ..scan.clone() };
            let (mut run, of_earlier) = asked.collect(&earlier, place, &mut statistics)?;
            run.fail()?;
            statistics.matched = 0;
            if let Collected::Shapes(shapes) = of_earlier {
                before = Some(shapes);
            }
        }
        let mut run = match plan.unordered {
            Some(place) => {
                let (mut run, collected) = asked.collect(&scan, place, &mut statistics)?;
                run.stages[place] = match (collected, &ask.query.commands[place]) {
                    (Collected::Groups(groups), Command::Stats { aggregates, by, made }) => {
                        Stage::Stats { aggregates, by, made, groups }
                    }
                    (Collected::Shapes(mut shapes), Command::Pattern { of, .. }) => {
                        shapes.before = before;
                        Stage::Pattern { of, shapes }
                    }
                    _ => Stage::Nothing,
                };
                run
            }
            None => {
                let mut run = asked.run(&scan);
                let mut visitor =
                    InOrder { asked: &asked, run: &mut run, statistics: &mut statistics, told: Instant::now(), pushed: 0 };
                walk(&reader, &scan, asked.more(&scan)?, plan.order, None, &mut visitor)?;
                statistics.matched = run.matched;
                run
            }
        };
        run.finish();
        run.fail()?;
        let rows = run.rows.iter().map(|row| told(row, &plan.columns, &run.context)).collect();
        Ok(Answer { rows, statistics })
    }
}

/// A question, with what is the same for all who work on it.
struct Asked<'q> {
    ask: &'q Ask<'q>,
    plan: &'q Plan,
    reader: &'q Reader,
    /// Reads traces.
    spans: &'q Reader,
    now_us: i64,
    began: Instant,
}

impl<'q> Asked<'q> {
    /// What there is besides the scan's own.
    fn more(&self, scan: &LogScan) -> Result<Vec<LogRows>> {
        match self.ask.with_spans {
            true => span::rows(self.spans, scan.from_us, scan.to_us),
            false => Ok(Vec::new()),
        }
    }

    fn run(&self, scan: &LogScan) -> Run<'q> {
        let context = Context { account_id: self.ask.account_id.to_owned(), now_us: self.now_us };
        let window = Window { from_us: scan.from_us, to_us: scan.to_us.min(self.now_us) };
        let stages = stages(&self.ask.query.commands, self.plan.skipped, window, self.ask.lookups);
        let limit = self.ask.limit.min(ROWS_MAX);
        Run { stages, context, limit, rows: Vec::new(), collected: 0, matched: 0, error: None }
    }

    /// Reads all events in no order, on several threads, up to the command that collects them. Returns what it collected, and a run for
    /// the rest.
    fn collect(&self, scan: &LogScan, place: usize, statistics: &mut Statistics) -> Result<(Run<'q>, Collected)> {
        let chunks = self.reader.log_chunks(scan)?;
        let more = self.more(scan)?;
        let (next, scanned, bytes) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let failed = AtomicBool::new(false);
        let work = || -> Result<(Collected, u64, Option<String>)> {
            let mut run = self.run(scan);
            let candidates = Candidates::new(&scan.needles);
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if self.ask.stop.is_wanted() || failed.load(Ordering::Relaxed) {
                    break;
                }
                let rows = match (chunks.get(at), more.get(at.saturating_sub(chunks.len()))) {
                    (Some(chunk), _) => Rc::new(self.reader.log_rows(scan, chunk)?),
                    (None, Some(rows)) => Rc::new(rows.clone()),
                    (None, None) => break,
                };
                scanned.fetch_add(rows.len() as u64, Ordering::Relaxed);
                bytes.fetch_add(rows.message_bytes(), Ordering::Relaxed);
                if !run.count_times(place, &rows) {
                    candidates.each(&rows, |row| match run.push_event(&rows, row) {
                        true => ControlFlow::Continue(()),
                        false => ControlFlow::Break(()),
                    });
                }
                if run.error.is_some() {
                    failed.store(true, Ordering::Relaxed);
                    break;
                }
            }
            let collected = match std::mem::replace(&mut run.stages[place], Stage::Nothing) {
                Stage::Stats { groups, .. } => Collected::Groups(groups),
                Stage::Pattern { shapes, .. } => Collected::Shapes(shapes),
                _ => Collected::Groups(Groups::new()),
            };
            Ok((collected, run.matched, run.error))
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(THREADS_MAX).min(chunks.len() + more.len()).max(1);
        let parts: Vec<_> = thread::scope(|scope| {
            let working: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            // Whoever waits says how far it is.
            let mut told = self.began;
            while !working.iter().all(|thread| thread.is_finished()) {
                if told.elapsed() >= TELL_EVERY {
                    let (scanned, bytes) = (scanned.load(Ordering::Relaxed), bytes.load(Ordering::Relaxed));
                    let so_far = Statistics { matched: 0, scanned: statistics.scanned + scanned, bytes: statistics.bytes + bytes };
                    (self.ask.progress)(Answer { rows: Vec::new(), statistics: so_far });
                    told = Instant::now();
                }
                if working.iter().any(|thread| !thread.is_finished()) {
                    thread::park_timeout(Duration::from_millis(2));
                }
            }
            let done =
                |thread: thread::ScopedJoinHandle<'_, _>| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            working.into_iter().map(done).collect()
        });
        let mut run = self.run(scan);
        let mut all: Option<Collected> = None;
        for part in parts {
            let (collected, matched, error) = part?;
            statistics.matched += matched;
            run.error = run.error.or(error);
            match (&mut all, collected) {
                (Some(Collected::Groups(known)), Collected::Groups(more)) => {
                    if let Command::Stats { aggregates, .. } = &self.ask.query.commands[place] {
                        merge(known, more, aggregates);
                    }
                }
                (Some(Collected::Shapes(known)), Collected::Shapes(more)) => known.merge(*more),
                (_, collected) => all = Some(collected),
            }
        }
        statistics.scanned += scanned.into_inner();
        statistics.bytes += bytes.into_inner();
        Ok((run, all.unwrap_or_else(|| Collected::Groups(Groups::new()))))
    }
}

fn merge(known: &mut Groups, more: Groups, aggregates: &[Aggregate]) {
    for (key, (values, sums)) in more {
        match known.get_mut(&key) {
            Some((_, of_key)) => {
                let each = of_key.iter_mut().zip(sums).zip(aggregates);
                each.for_each(|((sum, more), aggregate)| sum.merge(more, aggregate.kind));
            }
            None => {
                known.insert(key, (values, sums));
            }
        }
    }
}

/// Events in their order, one after the other.
struct InOrder<'a, 'q> {
    asked: &'a Asked<'q>,
    run: &'a mut Run<'q>,
    statistics: &'a mut Statistics,
    told: Instant,
    pushed: u64,
}

impl Visit for InOrder<'_, '_> {
    fn opened(&mut self, rows: &LogRows) -> ControlFlow<()> {
        self.statistics.scanned += rows.len() as u64;
        self.statistics.bytes += rows.message_bytes();
        if self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            // Rows that are found already stay so, unless something collects them.
            let found = self.run.rows.iter().take(TOLD_ROWS_MAX);
            let rows = found.map(|row| told(row, &self.asked.plan.columns, &self.run.context)).collect();
            let statistics = Statistics { matched: self.run.matched, ..*self.statistics };
            (self.asked.ask.progress)(Answer { rows, statistics });
        }
        if self.asked.ask.stop.is_wanted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn row(&mut self, rows: &Rc<LogRows>, row: usize) -> ControlFlow<()> {
        self.pushed += 1;
        if self.pushed.is_multiple_of(LOOK_EVERY) && self.asked.ask.stop.is_wanted() {
            return ControlFlow::Break(());
        }
        match self.run.push_event(rows, row) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

fn told(row: &Row, columns: &Columns, context: &Context) -> Vec<(String, Value)> {
    let mut told: Vec<(String, Value)> = columns
        .names
        .iter()
        .map(|name| (name.to_string(), row.field(name, context)))
        .filter(|(_, value)| !value.is_nothing())
        .collect();
    if let Some(event) = row.event.as_ref().filter(|_| columns.with_pointer) {
        told.push(("@ptr".to_owned(), Value::Text(event.pointer())));
    }
    told
}

fn stages<'q>(commands: &'q [Command], skipped: Option<usize>, window: Window, lookups: &'q Lookups) -> Vec<Stage<'q>> {
    let mut all = Vec::with_capacity(commands.len());
    for (place, command) in commands.iter().enumerate() {
        all.push(match command {
            _ if skipped == Some(place) => Stage::Nothing,
            Command::Fields(list) | Command::Display(list) => {
                // What is only named needs no work.
                let made = list.iter().filter(|named| !matches!(&named.expr, Expr::Field(name) if *name == named.name));
                Stage::Fields(made.map(|named| (named.name.as_str().into(), &named.expr)).collect())
            }
            Command::Filter(expr) => Stage::Filter(expr),
            Command::Parse { of, how } => {
                let (Extract::Glob(_, names) | Extract::Regex(_, names)) = how;
                Stage::Parse { of, how, names: names.iter().map(|name| name.as_str().into()).collect() }
            }
            Command::Dedup(by) => Stage::Dedup { by, seen: HashSet::new() },
            Command::Limit(count) => Stage::Limit { left: *count },
            Command::Sort(keys) => {
                let most = commands[place + 1..].iter().find_map(|next| match next {
                    Command::Limit(count) => Some(Some(*count)),
                    Command::Display(_) | Command::Unmask => None,
                    _ => Some(None),
                });
                Stage::Sort { keys, rows: Vec::new(), most: most.flatten() }
            }
            Command::Stats { aggregates, by, made } => Stage::Stats { aggregates, by, made, groups: HashMap::new() },
            Command::Pattern { of, with_anomalies, .. } => {
                Stage::Pattern { of, shapes: Box::new(Shapes::new(with_anomalies.then_some(window))) }
            }
            Command::Unnest { of, name } => Stage::Unnest { of, name: name.as_str().into() },
            Command::Lookup { table, keys, output, .. } => {
                let mut rows = HashMap::new();
                for row in lookups.0.get(table).map(Vec::as_slice).unwrap_or_default() {
                    let key = keys.iter().map(|(column, _)| row.get(column).cloned().unwrap_or_default()).collect();
                    // The first of several counts.
                    rows.entry(key).or_insert(row);
                }
                let output = output.iter().map(|(column, name)| (column.as_str(), Rc::from(name.as_str()))).collect();
                Stage::Lookup { keys: keys.iter().map(|(_, field)| field).collect(), rows, output }
            }
            Command::Unmask => Stage::Nothing,
        });
    }
    all
}

impl Run<'_> {
    fn fail(&mut self) -> Result<()> {
        self.error.take().map_or(Ok(()), |error| Err(Error::Invalid(error)))
    }

    fn push_event(&mut self, rows: &Rc<LogRows>, row: usize) -> bool {
        let event = Rc::new(Event { rows: rows.clone(), row, json: OnceCell::new() });
        self.push(0, Row { event: Some(event), fields: Vec::new() }, true)
    }

    /// Counts events by their times alone, where that is all that is asked for: what each says is not looked at.
    fn count_times(&mut self, place: usize, rows: &LogRows) -> bool {
        if self.stages[..place]
            .iter()
            .any(|stage| !matches!(stage, Stage::Nothing) && !matches!(stage, Stage::Fields(made) if made.is_empty()))
        {
            return false;
        }
        let Stage::Stats { aggregates, by, groups, .. } = &mut self.stages[place] else { return false };
        if aggregates.iter().any(|aggregate| aggregate.kind != AggregateKind::Count || aggregate.of.is_some()) {
            return false;
        }
        let step = match by {
            [] => None,
            [Named { expr: Expr::Bin(step), .. }] => Some(*step),
            _ => return false,
        };
        let mut add = |moment: Option<i64>, count: u64| {
            let value = moment.map(Value::Moment);
            let key: Vec<Option<String>> = value.iter().map(Value::text).collect();
            let (_, sums) =
                groups.entry(key).or_insert_with(|| (value.into_iter().collect(), vec![Sum::default(); aggregates.len()]));
            sums.iter_mut().for_each(|sum| sum.count(count));
        };
        match step {
            None => add(None, rows.len() as u64),
            Some(step) => {
                // Neighbours are mostly of the same step.
                let mut times = rows.times.values().iter().copied().peekable();
                while let Some(time_us) = times.next() {
                    let (from, to) = (step.floor(time_us), step.end(time_us));
                    let mut count = 1;
                    while times.next_if(|time_us| (from..to).contains(time_us)).is_some() {
                        count += 1;
                    }
                    add(Some(from), count);
                }
            }
        }
        self.matched += rows.len() as u64;
        if groups.len() > COLLECTED_MAX {
            self.error = Some(format!("there are more than {COLLECTED_MAX} groups"));
        }
        true
    }

    /// Takes a row through the stages from there on. Returns whether more are wanted.
    fn push(&mut self, from: usize, mut row: Row, is_event: bool) -> bool {
        let context = &self.context;
        for place in from..self.stages.len() {
            match &mut self.stages[place] {
                Stage::Nothing => {}
                Stage::Fields(list) => {
                    for (name, expr) in list.iter() {
                        let value = row.value(expr, context);
                        row.set(name, value);
                    }
                }
                Stage::Filter(expr) => {
                    if !row.value(expr, context).is_true() {
                        return true;
                    }
                }
                Stage::Parse { of, how, names } => {
                    if let Some(text) = row.value(of, context).text() {
                        for (name, value) in names.iter().zip(extracted(how, &text)) {
                            row.set(name, value.map_or(Value::Nothing, Value::Text));
                        }
                    }
                }
                Stage::Lookup { keys, rows, output } => {
                    let key: Option<Vec<String>> = keys.iter().map(|expr| row.value(expr, context).text()).collect();
                    if let Some(found) = key.and_then(|key| rows.get(&key)) {
                        for (column, name) in output.iter() {
                            row.set(name, found.get(*column).map_or(Value::Nothing, |text| Value::Text(text.clone())));
                        }
                    }
                }
                Stage::Dedup { by, seen } => {
                    let key: Vec<Option<String>> = by.iter().map(|expr| row.value(expr, context).text()).collect();
                    // What lacks a value is like nothing else.
                    if key.iter().all(Option::is_some) && !seen.insert(key) {
                        return true;
                    }
                }
                Stage::Limit { left } => {
                    if *left == 0 {
                        return false;
                    }
                    *left -= 1;
                    if *left == 0 {
                        // This one is the last.
                        self.matched += u64::from(is_event);
                        self.push(place + 1, row, false);
                        return false;
                    }
                }
                Stage::Sort { keys, rows, most } => {
                    self.matched += u64::from(is_event);
                    let by = keys.iter().map(|(expr, _)| row.value(expr, context)).collect();
                    rows.push((by, row));
                    match most {
                        Some(most) if rows.len() >= 2 * *most + 1_000 => {
                            sort(rows, keys);
                            rows.truncate(*most);
                        }
                        None => {
                            self.collected += 1;
                            if self.collected > COLLECTED_MAX {
                                self.error = Some(format!(
                                    "more than {COLLECTED_MAX} rows would have to be sorted: filter them, or limit how many are wanted"
                                ));
                                return false;
                            }
                        }
                        Some(_) => {}
                    }
                    return true;
                }
                Stage::Stats { aggregates, by, groups, .. } => {
                    self.matched += u64::from(is_event);
                    let values: Vec<Value> = by.iter().map(|named| row.value(&named.expr, context)).collect();
                    let key: Vec<Option<String>> = values.iter().map(Value::text).collect();
                    if groups.len() >= COLLECTED_MAX && !groups.contains_key(&key) {
                        self.error = Some(format!("there are more than {COLLECTED_MAX} groups"));
                        return false;
                    }
                    let (_, sums) = groups.entry(key).or_insert_with(|| (values, vec![Sum::default(); aggregates.len()]));
                    for (sum, aggregate) in sums.iter_mut().zip(aggregates.iter()) {
                        self.collected += sum.add(aggregate, &row, context);
                    }
                    if self.collected > PERCENTILE_VALUES_MAX {
                        self.error = Some("there are too many values for percentiles and distinct counts: filter them".to_owned());
                        return false;
                    }
                    return true;
                }
                Stage::Pattern { of, shapes } => {
                    self.matched += u64::from(is_event);
                    if let Some(text) = row.value(of, context).text() {
                        let time_us = match row.field("@timestamp", context) {
                            Value::Moment(time_us) => Some(time_us),
                            _ => None,
                        };
                        shapes.add(&text, time_us);
                    }
                    return true;
                }
                Stage::Unnest { of, name } => {
                    let (value, name) = (row.value(of, context), name.clone());
                    let items: Vec<Value> = match value {
                        Value::Json(Json::Array(items)) => items.iter().map(Value::of_json).collect(),
                        Value::Text(text) => match serde_json::from_str(&text) {
                            Ok(Json::Array(items)) => items.iter().map(Value::of_json).collect(),
                            _ => vec![Value::Text(text)],
                        },
                        Value::Nothing => Vec::new(),
                        // What is no list is one of one.
                        other => vec![other],
                    };
                    self.matched += u64::from(is_event);
                    let mut wants_more = true;
                    for item in items {
                        let mut each = row.clone();
                        each.set(&name, item);
                        wants_more = self.push(place + 1, each, false);
                        if !wants_more {
                            break;
                        }
                    }
                    return wants_more;
                }
            }
        }
        self.matched += u64::from(is_event);
        self.rows.push(row);
        self.rows.len() < self.limit
    }

    /// Whatever collects rows gives on what it has, one stage after the other.
    fn finish(&mut self) {
        for place in 0..self.stages.len() {
            let rows: Vec<Row> = match &mut self.stages[place] {
                Stage::Sort { keys, rows, most } => {
                    sort(rows, keys);
                    let most = most.unwrap_or(usize::MAX);
                    std::mem::take(rows).into_iter().take(most).map(|(_, row)| row).collect()
                }
                Stage::Stats { aggregates, by, made, groups } => {
                    let context = &self.context;
                    let mut groups: Vec<(Vec<Value>, Vec<Sum>)> = std::mem::take(groups).into_values().collect();
                    if groups.is_empty() && by.is_empty() {
                        // Of nothing there is a count, too.
                        groups.push((Vec::new(), vec![Sum::default(); aggregates.len()]));
                    }
                    groups.sort_by(|(left, _), (right, _)| {
                        let orders = left.iter().zip(right).map(|(left, right)| match (left, right) {
                            // The newest first, as events are.
                            (Value::Moment(left), Value::Moment(right)) => right.cmp(left),
                            (left, right) => left.sorted(right),
                        });
                        orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
                    });
                    let row = |(values, sums): (Vec<Value>, Vec<Sum>)| {
                        let keys = by.iter().zip(values).map(|(named, value)| (named.name.as_str().into(), value));
                        let of = aggregates
                            .iter()
                            .zip(sums)
                            .map(|(aggregate, sum)| (aggregate.name.as_str().into(), sum.value(aggregate)));
                        let mut row = Row { event: None, fields: keys.chain(of).collect() };
                        for named in made.iter() {
                            let value = row.value(&named.expr, context);
                            row.set(&Rc::from(named.name.as_str()), value);
                        }
                        row
                    };
                    groups.into_iter().map(row).collect()
                }
                Stage::Pattern { shapes, .. } => {
                    let fields = |fields: Vec<(&'static str, Value)>| {
                        fields.into_iter().map(|(name, value)| (Rc::from(name), value)).collect()
                    };
                    let found = std::mem::take(&mut **shapes).rows();
                    found.into_iter().map(|found| Row { event: None, fields: fields(found) }).collect()
                }
                _ => continue,
            };
            for row in rows {
                if !self.push(place + 1, row, false) {
                    break;
                }
            }
        }
        self.rows.truncate(self.limit);
    }
}

fn sort(rows: &mut [(Vec<Value>, Row)], keys: &[(Expr, bool)]) {
    rows.sort_by(|(left, _), (right, _)| {
        let orders = left.iter().zip(right).zip(keys).map(|((left, right), (_, is_descending))| {
            let order = left.sorted(right);
            if *is_descending { order.reverse() } else { order }
        });
        orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
}

/// What a text has at the places that are asked for.
fn extracted(how: &Extract, text: &str) -> Vec<Option<String>> {
    match how {
        Extract::Regex(regex, names) => {
            let captures = regex.captures(text);
            let value = |name: &String| Some(captures.as_ref()?.name(name)?.as_str().to_owned());
            names.iter().map(value).collect()
        }
        Extract::Glob(parts, names) => {
            let none = vec![None; names.len()];
            let Some(begin) = text.find(parts[0].as_str()) else { return none };
            let mut rest = &text[begin + parts[0].len()..];
            let mut found = Vec::with_capacity(names.len());
            for (place, part) in parts[1..].iter().enumerate() {
                // The last one goes to the end.
                let end = if part.is_empty() && place + 2 == parts.len() { Some(rest.len()) } else { rest.find(part.as_str()) };
                let Some(end) = end else { return none };
                found.push(Some(rest[..end].to_owned()));
                rest = &rest[(end + part.len()).min(rest.len())..];
            }
            found
        }
    }
}
