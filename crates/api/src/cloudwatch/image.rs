//! Pictures of widgets, as dashboards have them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chart::{Chart, Line, Mark};
use model::metric::{Dimensions, MetricId};
use model::time::SECOND_US;
use query::metric::{Asking, MetricQuery, MetricQuestion, MetricStat, TimeZone, What};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{missing, validation};
use crate::app::App;
use crate::error::ApiError;

/// Pixels of a side (AWS), where nobody says and at most.
const WIDTH: u32 = 600;
const HEIGHT: u32 = 400;
const SIDE_MAX: u32 = 2_000;
/// How far back, where nobody says (AWS).
const HOURS: i64 = 3;
const METRICS_MAX: usize = 500;
const PERIOD: i64 = 300;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetMetricWidgetImage {
    metric_widget: Option<String>,
    output_format: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetMetricWidgetImageOutput {
    metric_widget_image: String,
}

pub(super) async fn get_metric_widget_image(
    app: &App,
    input: GetMetricWidgetImage,
) -> Result<GetMetricWidgetImageOutput, ApiError> {
    let text = input.metric_widget.ok_or_else(|| missing("MetricWidget"))?;
    if !matches!(input.output_format.as_deref(), None | Some("png")) {
        return Err(validation("OutputFormat: png is what there is here"));
    }
    let value: Value = serde_json::from_str(&text).map_err(|err| validation(format!("MetricWidget is no JSON: {err}")))?;
    let widget = Widget::read(&value, app.clock.now_us() / SECOND_US).map_err(|why| validation(format!("MetricWidget: {why}")))?;
    let Widget { queries, mut chart } = widget;
    let question = MetricQuestion {
        queries,
        start_us: chart.from * SECOND_US,
        end_us: chart.to * SECOND_US,
        phase: 0,
        newest_first: false,
        time_zone: TimeZone::default(),
        asking: Asking { server_account_id: app.links.own_account_id().to_owned(), region: app.identity.region.clone() },
        detectors: app.anomaly_detectors.list().await?.into(),
    };
    let (ids, colors): (Vec<String>, Vec<Option<[u8; 3]>>) = chart.lines.drain(..).map(|line| (line.name, line.color)).unzip();
    let answer = app
        .ask(move |query| query.metric_data(&question))
        .await
        .map_err(|err| err.instead("InvalidRequestException", "ValidationException"))?;
    chart.lines = answer
        .results
        .into_iter()
        .map(|result| {
            let color = ids.iter().position(|id| *id == result.id).and_then(|place| colors[place]);
            Line { name: result.label, color, times: result.times, values: result.values }
        })
        .collect();
    let drawn = tokio::task::spawn_blocking(move || chart::png(&chart)).await.map_err(|err| ApiError::internal(err.to_string()))?;
    Ok(GetMetricWidgetImageOutput { metric_widget_image: BASE64.encode(drawn.map_err(ApiError::internal)?) })
}

/// A widget: what to ask, and how to draw it. Of lines, the names are the ids of queries as long as there is no answer.
struct Widget {
    queries: Vec<MetricQuery>,
    chart: Chart,
}

impl Widget {
    fn read(value: &Value, now: i64) -> Result<Widget, String> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let side = |name: &str, otherwise: u32| match value.get(name) {
            None => Ok(otherwise),
            Some(given) => match given.as_u64() {
                Some(pixels) if (1..=u64::from(SIDE_MAX)).contains(&pixels) => Ok(pixels as u32),
                _ => Err(format!("{name} is a whole number from 1 to {SIDE_MAX}")),
            },
        };
        if !matches!(text("view"), None | Some("timeSeries")) {
            return Err("view: timeSeries is what can be drawn".to_owned());
        }
        let from = text("start").map_or(Ok(now - HOURS * 3_600), |text| moment(text, now))?;
        let to = text("end").map_or(Ok(now), |text| moment(text, now))?;
        if from >= to {
            return Err("start has to be before end".to_owned());
        }
        let period = match value.get("period") {
            None => PERIOD,
            Some(period) => period.as_i64().filter(|period| *period > 0).ok_or("period is a number of seconds")?,
        };
        let stat = text("stat").unwrap_or("Average");
        let rows = value.get("metrics").and_then(Value::as_array).ok_or("metrics is a list")?;
        if rows.is_empty() || rows.len() > METRICS_MAX {
            return Err(format!("metrics has from 1 to {METRICS_MAX} items"));
        }
        let mut queries: Vec<MetricQuery> = Vec::with_capacity(rows.len());
        let mut lines = Vec::with_capacity(rows.len());
        let mut above: Vec<String> = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            let row = row.as_array().ok_or_else(|| format!("metrics[{place}] is a list"))?;
            let options = row.last().filter(|last| last.is_object());
            let option = |name: &str| options.and_then(|options| options.get(name));
            let id = option("id").and_then(Value::as_str).map_or_else(|| format!("q{}", place + 1), str::to_owned);
            if queries.iter().any(|known| known.id == id) {
                return Err(format!("metrics[{place}]: the id {id} stands twice"));
            }
            let own_period = option("period").and_then(Value::as_i64).unwrap_or(period);
            let what = match option("expression").and_then(Value::as_str) {
                Some(expression) => What::Expression(expression.to_owned()),
                None => {
                    let words = words(row, &above).ok_or_else(|| {
                        format!("metrics[{place}] is a namespace, a name, and names of dimensions with their values")
                    })?;
                    let dimensions = words[2..].chunks_exact(2).map(|pair| (pair[0].as_str(), pair[1].as_str()));
                    let metric = MetricId {
                        namespace: words[0].as_str().into(),
                        name: words[1].as_str().into(),
                        dimensions: Dimensions::new(dimensions),
                        owner: None,
                    };
                    above.clone_from(&words);
                    let statistic = option("stat").and_then(Value::as_str).unwrap_or(stat);
                    let statistic = statistic.parse().map_err(|err| format!("metrics[{place}]: {err}"))?;
                    What::Stat(MetricStat { id: metric, statistic, period: own_period, unit: None })
                }
            };
            let is_returned = option("visible").and_then(Value::as_bool).unwrap_or(true);
            let color = option("color").and_then(Value::as_str).and_then(color);
            lines.push(Line { name: id.clone(), color, times: Vec::new(), values: Vec::new() });
            let label = option("label").and_then(Value::as_str).map(str::to_owned);
            queries.push(MetricQuery { id, what, label, is_returned, period: Some(own_period) });
        }
        let axis = |name: &str| value.get("yAxis")?.get("left")?.get(name)?.as_f64();
        let marks = value.get("annotations").and_then(|annotations| annotations.get("horizontal")).and_then(Value::as_array);
        let mark = |mark: &Value| {
            Some(Mark {
                value: mark.get("value")?.as_f64()?,
                label: mark.get("label").and_then(Value::as_str).unwrap_or_default().to_owned(),
                color: mark.get("color").and_then(Value::as_str).and_then(color),
            })
        };
        let legend = value.get("legend").and_then(|legend| legend.get("position")).and_then(Value::as_str);
        let chart = Chart {
            width: side("width", WIDTH)?,
            height: side("height", HEIGHT)?,
            title: text("title").unwrap_or_default().to_owned(),
            lines,
            from,
            to,
            period: queries.iter().filter_map(|query| query.period).max().unwrap_or(period),
            is_stacked: value.get("stacked").and_then(Value::as_bool).unwrap_or(false),
            minimum: axis("min"),
            maximum: axis("max"),
            marks: marks.into_iter().flatten().filter_map(mark).collect(),
            has_legend: legend != Some("hidden"),
        };
        Ok(Widget { queries, chart })
    }
}

/// The words of a row: `.` is what stands in the same place above, `...` all of that up to here.
fn words(row: &[Value], above: &[String]) -> Option<Vec<String>> {
    let given: Vec<&str> = row.iter().filter_map(Value::as_str).collect();
    let mut words: Vec<String> = Vec::with_capacity(given.len());
    for (place, word) in given.iter().enumerate() {
        match *word {
            "..." => {
                let left = given.len() - place - 1;
                let until = above.len().checked_sub(left)?;
                words.extend(above.get(words.len()..until)?.iter().cloned());
            }
            "." => words.push(above.get(words.len())?.clone()),
            word => words.push(word.to_owned()),
        }
    }
    (words.len() >= 2 && words.len().is_multiple_of(2)).then_some(words)
}

/// `-PT3H`, `P1D` before now, or a time as ISO 8601 writes it; in seconds since 1970.
fn moment(text: &str, now: i64) -> Result<i64, String> {
    let wrong = || format!("{text:?} is neither a time such as 2026-01-31T12:00:00Z nor how long ago, such as -PT3H");
    if let Ok(time) = chrono::DateTime::parse_from_rfc3339(text) {
        return Ok(time.timestamp());
    }
    let rest = text.strip_prefix('-').unwrap_or(text).strip_prefix('P').ok_or_else(wrong)?;
    let (days, clock) = rest.split_once('T').unwrap_or((rest, ""));
    let mut secs = 0i64;
    for (part, units) in [(days, &[('W', 604_800), ('D', 86_400)][..]), (clock, &[('H', 3_600), ('M', 60), ('S', 1)][..])] {
        let mut number = String::new();
        for letter in part.chars() {
            if letter.is_ascii_digit() {
                number.push(letter);
                continue;
            }
            let (_, size) = units.iter().find(|(unit, _)| *unit == letter).ok_or_else(wrong)?;
            let count: i64 = number.parse().map_err(|_| wrong())?;
            secs = secs.saturating_add(count.saturating_mul(*size));
            number.clear();
        }
        if !number.is_empty() {
            return Err(wrong());
        }
    }
    Ok(now.saturating_sub(secs).max(0))
}

/// `#1f77b4`.
fn color(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    Some([part(0)?, part(2)?, part(4)?])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn widgets_are_read_as_dashboards_have_them() {
        let widget = json!({"metrics": [["A", "x", "d", "1", {"id": "m1", "color": "#ff0000"}], [".", ".", ".", "2"], ["...", "3"], ["A", "y"],
            [{"expression": "m1 * 2", "label": "twice"}]], "start": "-PT1H", "end": "P0D", "stat": "p99", "period": 60, "stacked": true,
            "yAxis": {"left": {"max": 5}}, "annotations": {"horizontal": [{"value": 3, "label": "limit"}]}});
        let Widget { queries, chart } = Widget::read(&widget, 10_000).unwrap();
        let dimensions: Vec<_> = queries
            .iter()
            .map(|query| match &query.what {
                What::Stat(stat) => stat.id.dimensions.to_json(),
                What::Expression(expression) => expression.clone(),
            })
            .collect();
        assert_eq!(dimensions, [r#"{"d":"1"}"#, r#"{"d":"2"}"#, r#"{"d":"3"}"#, "{}", "m1 * 2"]);
        assert_eq!((chart.from, chart.to, chart.period, chart.is_stacked, chart.maximum), (6_400, 10_000, 60, true, Some(5.0)));
        assert_eq!((chart.lines[0].color, chart.marks[0].label.as_str()), (Some([255, 0, 0]), "limit"));
        for (wrong, said) in [
            (json!({}), "metrics is a list"),
            (json!({"metrics": []}), "metrics has from 1"),
            (json!({"metrics": [["A"]]}), "metrics[0] is a namespace"),
            (json!({"metrics": [["...", "x"]]}), "metrics[0] is a namespace"),
            (json!({"metrics": [["A", "x"]], "width": 2_001}), "width is a whole number"),
            (json!({"metrics": [["A", "x"]], "start": "soon"}), "\"soon\" is neither"),
            (json!({"metrics": [["A", "x"]], "start": "-PT1H", "end": "-PT2H"}), "start has to be"),
            (json!({"metrics": [["A", "x"]], "view": "pie"}), "view: timeSeries"),
            (json!({"metrics": [["A", "x", {"stat": "mean"}]]}), "metrics[0]: "),
        ] {
            let found = Widget::read(&wrong, 10_000).err().unwrap_or_default();
            assert!(found.starts_with(said), "{wrong}: {found}");
        }
    }

    #[test]
    fn moments() {
        for (text, expected) in
            [("-PT3H", 89_200), ("P1D", 13_600), ("-P1DT1M30S", 13_510), ("1970-01-01T00:00:10Z", 10), ("-PT0S", 100_000)]
        {
            assert_eq!(moment(text, 100_000).unwrap(), expected, "{text}");
        }
        for text in ["", "P", "PT", "-PT3", "3H", "PTxH", "P1H"] {
            assert!(moment(text, 0).is_err() || matches!(text, "P" | "PT"), "{text}");
        }
    }
}
