//! Logs Insights' SQL: queries that name their log groups themselves, asked through the same engine as `/api/sql`.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ::query::log::insights::{Answer, Malformed, Statistics, Stop, Value};
use model::Kind;
use query::log::span::SPANS;
use sql::{LogTable, Scanned};
use store::LogScan;
use tokio::time::timeout;

use super::query::{GROUPS_MAX, ROWS, ROWS_MAX, SETTLE, SOURCE_GROUPS_MAX, SQL, malformed, of_source};
use super::{group_of_identifier, invalid, limit_of, of};
use crate::app::App;
use crate::error::ApiError;

/// How long StartQuery waits for a plan, so that what is wrong with a query is its own answer.
const PLAN_SETTLE: Duration = Duration::from_secs(2);
/// Between two looks whether someone stopped the query.
const LOOK: Duration = Duration::from_millis(200);

/// Starts a query in SQL about `[from, to)`, and says its id.
pub(super) async fn start(app: &App, text: String, (from_us, to_us): (i64, i64), limit: Option<i64>) -> Result<String, ApiError> {
    let sql::LogQuery { tables, has_limit } = app.sql.parse_log_query(&text).map_err(|err| refused(&text, err))?;
    let limit = limit_of(limit, if has_limit { ROWS_MAX } else { ROWS }, ROWS_MAX)?;
    if tables.is_empty() {
        return Err(broken(&text, "the query names no log group: SELECT … FROM `<log group>`".to_owned()));
    }
    let (mut names, mut found) = (Vec::new(), Vec::with_capacity(tables.len()));
    for name in tables {
        let mut groups = Vec::new();
        for group in groups_of(app, &text, &name).await? {
            groups.push(app.logs.scan(&group, None).await.map_err(of)?);
            if !names.contains(&group) {
                names.push(group);
            }
        }
        found.push(LogTable { name, scan: LogScan { groups, from_us, to_us, ..LogScan::default() } });
    }
    let account_id = app.identity.account_id.clone();
    let (sql, query) = (app.sql.clone(), text.clone());
    let mut planning = Box::pin(async move { sql.log_query(query, found, account_id).await });
    let planned = match timeout(PLAN_SETTLE, &mut planning).await {
        Ok(planned) => Some(planned.map_err(|err| refused(&text, err))?),
        Err(_) => None,
    };
    let (id, stop) = app.log_queries.start(SQL, &text, names).map_err(of)?;
    let (queries, job) = (app.log_queries.clone(), id.clone());
    let running = tokio::spawn(async move {
        let answer = async {
            let (answer, scanned) = match planned {
                Some(planned) => planned,
                None => loop {
                    match timeout(LOOK, &mut planning).await {
                        Ok(planned) => break planned?,
                        Err(_) if stop.is_wanted() => return Ok(Answer::default()),
                        Err(_) => {}
                    }
                },
            };
            collect(answer, &scanned, limit, &stop, &|so_far| queries.progress(&job, so_far)).await
        };
        let answer = answer.await.map_err(|err: sql::Error| err.to_string());
        queries.finish(&job, answer);
    });
    // Whoever asks for a little has it at the first look.
    let _ = timeout(SETTLE, running).await;
    Ok(id)
}

async fn collect(
    mut answer: sql::Answer,
    scanned: &Scanned,
    limit: usize,
    stop: &Stop,
    progress: &(dyn Fn(Answer) + Sync),
) -> Result<Answer, sql::Error> {
    let mut so_far = Answer::default();
    while so_far.rows.len() < limit && !stop.is_wanted() {
        match timeout(LOOK, answer.next()).await {
            Ok(None) => break,
            Ok(Some(batch)) => {
                let rows = sql::texts(&batch?)?;
                let of_row = |row: Vec<(String, String)>| row.into_iter().map(|(name, text)| (name, Value::Text(text))).collect();
                so_far.rows.extend(rows.into_iter().map(of_row));
            }
            Err(_) => progress(Answer { rows: Vec::new(), statistics: statistics(scanned, 0) }),
        }
    }
    so_far.rows.truncate(limit);
    so_far.statistics = statistics(scanned, so_far.rows.len());
    Ok(so_far)
}

fn statistics(scanned: &Scanned, rows: usize) -> Statistics {
    let of = |number: &std::sync::atomic::AtomicU64| number.load(Ordering::Relaxed);
    Statistics { matched: rows as u64, scanned: of(&scanned.rows), bytes: of(&scanned.bytes) }
}

/// The log groups of a table: one by its name or ARN, or those that `logGroups(…)` says.
async fn groups_of(app: &App, text: &str, name: &str) -> Result<Vec<String>, ApiError> {
    let (function, _) = name.split_once('(').unwrap_or((name, ""));
    let names = match function.trim() {
        "logGroups" => match identifiers(name) {
            Some(identifiers) => identifiers.iter().map(|name| group_of_identifier(app, name)).collect::<Result<Vec<_>, _>>()?,
            None => {
                let source = ::query::log::insights::parse(&format!("SOURCE {name}")).ok().and_then(|query| query.source);
                let source = source.ok_or_else(|| {
                    let how = "logGroups(logGroupIdentifier: ['<name or ARN>', …]), or with namePrefix and class";
                    broken(text, format!("{name} is not understood: it is {how}"))
                })?;
                of_source(app, &source).await?
            }
        },
        "filterIndex" => {
            return Err(broken(text, "filterIndex is of Logs Insights' own language (CWLI): here, WHERE says the same".to_owned()));
        }
        SPANS => return Err(broken(text, format!("{SPANS} cannot be asked in SQL: its own language (CWLI) can"))),
        _ => vec![group_of_identifier(app, name)?],
    };
    let most = if function == "logGroups" { SOURCE_GROUPS_MAX } else { GROUPS_MAX };
    if names.is_empty() || names.len() > most {
        return Err(invalid(format!("{name} is of 1 to {most} log groups, not of {}", names.len())));
    }
    Ok(names)
}

/// The list of `logGroups(logGroupIdentifier: ['a', 'b'])`.
fn identifiers(name: &str) -> Option<Vec<String>> {
    let inner = name.trim().strip_prefix("logGroups")?.trim_start().strip_prefix('(')?.strip_suffix(')')?.trim();
    let list = inner.strip_prefix("logGroupIdentifiers").or_else(|| inner.strip_prefix("logGroupIdentifier"))?;
    let list = list.trim_start().strip_prefix(':')?.trim().strip_prefix('[')?.strip_suffix(']')?;
    let unquoted = |item: &str| {
        let item = item.trim();
        let of = |quote: char| item.strip_prefix(quote)?.strip_suffix(quote);
        of('\'').or_else(|| of('"')).map(str::to_owned)
    };
    list.split(',').map(unquoted).collect()
}

/// What is wrong with a query is the answer to it; whatever else failed is not its fault.
fn refused(text: &str, err: sql::Error) -> ApiError {
    match err.kind() {
        Kind::Invalid => {
            let message = err.to_string();
            // Without the engine's words for where in itself it noticed.
            let parsed = message.strip_prefix("SQL error: ParserError(\"").and_then(|inner| inner.strip_suffix("\")"));
            let planned = message.strip_prefix("Error during planning: ");
            broken(text, parsed.or(planned).unwrap_or(&message).to_owned())
        }
        _ => err.into(),
    }
}

fn broken(text: &str, message: String) -> ApiError {
    let characters = text.chars().count();
    let place = place(&message).and_then(|(line, column)| {
        let before: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(|line| line.chars().count()).sum();
        Some((before + column.saturating_sub(1)).min(characters))
    });
    // Where it ends too early, the parser names no place.
    let place = place.or(message.contains("found: EOF").then_some(characters));
    let (start, end) = place.map_or((0, characters), |at| (at, (at + 1).min(characters)));
    malformed(Malformed { start, end, message })
}

/// The line and the column where the engine's parser stopped, as it says them.
fn place(message: &str) -> Option<(usize, usize)> {
    let (line, behind) = message.rsplit_once("Line: ")?.1.split_once(", Column: ")?;
    let column = behind.split(|letter: char| !letter.is_ascii_digit()).next()?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_groups_are_read() {
        let of = |name| identifiers(name).map(|all| all.join(" "));
        assert_eq!(of("logGroups(logGroupIdentifier: ['a', \"/b/c\"])").as_deref(), Some("a /b/c"));
        assert_eq!(of("logGroups( logGroupIdentifiers:['a'] )").as_deref(), Some("a"));
        assert_eq!(of("logGroups(namePrefix: ['a'])"), None);
        assert_eq!(of("logGroups(logGroupIdentifier: [a])"), None);
    }

    #[test]
    fn places_of_errors_are_read() {
        assert_eq!(place("Expected: an expression, found: EOF at Line: 2, Column: 18"), Some((2, 18)));
        assert_eq!(place("Invalid function 'f'"), None);
    }
}
