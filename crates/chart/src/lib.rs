//! Charts of time series as PNG pictures, where no browser draws them. Pure: what is given is drawn.

mod text;

use chrono::DateTime;
use tiny_skia::{Color, FillRule, Paint, PathBuilder, Pixmap, Rect, Stroke, StrokeDash, Transform};

use text::Text;

/// A picture that is to be.
#[derive(Debug, Clone)]
pub struct Chart {
    pub width: u32,
    pub height: u32,
    pub title: String,
    pub lines: Vec<Line>,
    /// Seconds since 1970.
    pub from: i64,
    pub to: i64,
    /// A gap is longer than this, in seconds.
    pub period: i64,
    pub is_stacked: bool,
    /// Bounds of the axis, where they are not to follow from the values.
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    /// Values that are marked by a line of their own.
    pub marks: Vec<Mark>,
    pub has_legend: bool,
}

#[derive(Debug, Clone)]
pub struct Line {
    pub name: String,
    /// Red, green, blue; one of a palette without.
    pub color: Option<[u8; 3]>,
    /// In order.
    pub times: Vec<i64>,
    pub values: Vec<f64>,
}

#[derive(Debug, Clone)]
pub struct Mark {
    pub label: String,
    pub value: f64,
    pub color: Option<[u8; 3]>,
}

/// Told apart by people who see colours otherwise, too.
const PALETTE: [[u8; 3]; 10] = [
    [0x1f, 0x77, 0xb4],
    [0xff, 0x7f, 0x0e],
    [0x2c, 0xa0, 0x2c],
    [0xd6, 0x27, 0x28],
    [0x94, 0x67, 0xbd],
    [0x8c, 0x56, 0x4b],
    [0xe3, 0x77, 0xc2],
    [0x7f, 0x7f, 0x7f],
    [0xbc, 0xbd, 0x22],
    [0x17, 0xbe, 0xcf],
];
const INK: [u8; 3] = [0x0f, 0x14, 0x1a];
const QUIET: [u8; 3] = [0x54, 0x5b, 0x64];
const GRID: [u8; 3] = [0xd5, 0xdb, 0xe3];
const MARK: [u8; 3] = [0xd9, 0x15, 0x15];
const TITLE_PIXELS: f32 = 16.0;
const TEXT_PIXELS: f32 = 12.0;
const LEGEND_ROW: f32 = 17.0;
const LEGEND_LINES_MAX: usize = 30;

/// The picture.
pub fn png(chart: &Chart) -> Result<Vec<u8>, String> {
    let mut pixmap = Pixmap::new(chart.width, chart.height).ok_or("a picture has a width and a height")?;
    pixmap.fill(Color::WHITE);
    let mut canvas = Canvas { pixmap, text: Text::new()? };
    canvas.draw(chart);
    canvas.pixmap.encode_png().map_err(|err| err.to_string())
}

struct Canvas {
    pixmap: Pixmap,
    text: Text,
}

struct Area {
    left: f32,
    right: f32,
    top: f32,
    bottom: f32,
}

fn paint(color: [u8; 3], alpha: u8) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(color[0], color[1], color[2], alpha);
    paint.anti_alias = true;
    paint
}

impl Canvas {
    fn draw(&mut self, chart: &Chart) {
        let stacked = if chart.is_stacked { stack(&chart.lines) } else { Vec::new() };
        let tops = |line: usize| -> &[f64] { stacked.get(line).map_or(&chart.lines[line].values, |(_, tops)| tops) };
        let values =
            (0..chart.lines.len()).flat_map(|line| tops(line).iter().copied()).chain(chart.marks.iter().map(|mark| mark.value));
        let (mut low, mut high) = values
            .filter(|value| value.is_finite())
            .fold((0.0_f64, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        low = chart.minimum.unwrap_or(low);
        high = chart.maximum.unwrap_or(high * 1.05);
        if high <= low {
            high = low + 1.0;
        }
        let ticks = ticks(low, high, 5);
        let labels: Vec<String> = ticks.iter().map(|tick| short(*tick)).collect();
        let widest = labels.iter().map(|label| self.text.width(label, TEXT_PIXELS)).fold(0.0, f32::max);
        let (width, height) = (chart.width as f32, chart.height as f32);
        let legend = if chart.has_legend { self.legend_rows(chart, width) } else { Vec::new() };
        let title_height = if chart.title.is_empty() { 10.0 } else { TITLE_PIXELS + 20.0 };
        let area = Area {
            left: widest + 22.0,
            right: width - 16.0,
            top: title_height,
            bottom: (height - 26.0 - legend.len() as f32 * LEGEND_ROW).max(title_height + 10.0),
        };
        let span = (chart.to - chart.from).max(1) as f64;
        let x = |time: i64| area.left + ((time - chart.from) as f64 / span) as f32 * (area.right - area.left);
        let y = |value: f64| area.bottom - ((value - low) / (high - low)) as f32 * (area.bottom - area.top);

        if !chart.title.is_empty() {
            let left = ((width - self.text.width(&chart.title, TITLE_PIXELS)) / 2.0).max(8.0);
            self.text.draw(&mut self.pixmap, &chart.title, left, TITLE_PIXELS + 6.0, TITLE_PIXELS, INK);
        }
        for (tick, label) in ticks.iter().zip(&labels) {
            let at = y(*tick).floor() + 0.5;
            self.stroke(&[(area.left, at), (area.right, at)], GRID, 1.0, None);
            let left = area.left - 8.0 - self.text.width(label, TEXT_PIXELS);
            self.text.draw(&mut self.pixmap, label, left, y(*tick) + 4.0, TEXT_PIXELS, QUIET);
        }
        let mut free_from = 0.0;
        for (time, label) in times(chart.from, chart.to, ((area.right - area.left) / 90.0) as i64) {
            let half = self.text.width(&label, TEXT_PIXELS) / 2.0;
            if x(time) - half >= free_from && x(time) + half <= width {
                self.text.draw(&mut self.pixmap, &label, x(time) - half, area.bottom + 18.0, TEXT_PIXELS, QUIET);
                free_from = x(time) + half + 8.0;
            }
        }
        for (place, line) in chart.lines.iter().enumerate() {
            let color = line.color.unwrap_or(PALETTE[place % PALETTE.len()]);
            for run in runs(&line.times, chart.period) {
                let points: Vec<(f32, f32)> = run
                    .clone()
                    .map(|at| (x(line.times[at]), y(tops(place)[at]).clamp(area.top - 2.0, area.bottom + 2.0)))
                    .collect();
                if let Some((bases, _)) = stacked.get(place) {
                    let below = run.rev().map(|at| (x(line.times[at]), y(bases[at]).clamp(area.top - 2.0, area.bottom + 2.0)));
                    self.fill(&points.iter().copied().chain(below).collect::<Vec<_>>(), color, 110);
                }
                match points[..] {
                    [(x, y)] => {
                        self.fill(&[(x - 2.0, y - 2.0), (x + 2.0, y - 2.0), (x + 2.0, y + 2.0), (x - 2.0, y + 2.0)], color, 255)
                    }
                    _ => self.stroke(&points, color, 1.75, None),
                }
            }
        }
        for mark in &chart.marks {
            let color = mark.color.unwrap_or(MARK);
            // On whole pixels, so that it is sharp.
            let at = y(mark.value).round();
            if (area.top..=area.bottom).contains(&at) {
                self.stroke(&[(area.left, at), (area.right, at)], color, 2.0, Some([6.0, 4.0]));
                let left = area.right - self.text.width(&mark.label, TEXT_PIXELS) - 4.0;
                self.text.draw(&mut self.pixmap, &mark.label, left, at - 4.0, TEXT_PIXELS, color);
            }
        }
        self.stroke(&[(area.left, area.bottom), (area.right, area.bottom)], QUIET, 1.0, None);
        for (row, items) in legend.iter().enumerate() {
            let at = area.bottom + 26.0 + (row as f32 + 0.5) * LEGEND_ROW;
            for (place, left) in items {
                let color = chart.lines[*place].color.unwrap_or(PALETTE[place % PALETTE.len()]);
                self.fill(&[(*left, at - 4.0), (left + 12.0, at - 4.0), (left + 12.0, at + 4.0), (*left, at + 4.0)], color, 255);
                self.text.draw(&mut self.pixmap, &chart.lines[*place].name, left + 18.0, at + 4.0, TEXT_PIXELS, INK);
            }
        }
    }

    /// Which lines stand in which row, and where; at most a third of the picture.
    fn legend_rows(&self, chart: &Chart, width: f32) -> Vec<Vec<(usize, f32)>> {
        let most = ((chart.height as f32 / 3.0) / LEGEND_ROW) as usize;
        let mut rows: Vec<Vec<(usize, f32)>> = vec![Vec::new()];
        let mut left = 16.0;
        for (place, line) in chart.lines.iter().enumerate().take(LEGEND_LINES_MAX) {
            let needed = 34.0 + self.text.width(&line.name, TEXT_PIXELS);
            if left + needed > width && left > 16.0 {
                if rows.len() >= most.max(1) {
                    break;
                }
                rows.push(Vec::new());
                left = 16.0;
            }
            if let Some(row) = rows.last_mut() {
                row.push((place, left));
            }
            left += needed;
        }
        rows.retain(|row| !row.is_empty());
        rows
    }

    fn stroke(&mut self, points: &[(f32, f32)], color: [u8; 3], width: f32, dash: Option<[f32; 2]>) {
        let mut path = PathBuilder::new();
        for (place, (x, y)) in points.iter().enumerate() {
            if place == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
        }
        let Some(path) = path.finish() else { return };
        let dash = dash.and_then(|dash| StrokeDash::new(dash.to_vec(), 0.0));
        let stroke = Stroke { width, dash, line_join: tiny_skia::LineJoin::Round, ..Stroke::default() };
        self.pixmap.stroke_path(&path, &paint(color, 255), &stroke, Transform::identity(), None);
    }

    fn fill(&mut self, points: &[(f32, f32)], color: [u8; 3], alpha: u8) {
        if let [(left, top), _, (right, bottom), _] = points
            && let Some(rect) = Rect::from_ltrb(*left, *top, *right, *bottom)
        {
            self.pixmap.fill_rect(rect, &paint(color, alpha), Transform::identity(), None);
            return;
        }
        let mut path = PathBuilder::new();
        for (place, (x, y)) in points.iter().enumerate() {
            if place == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
        }
        path.close();
        let Some(path) = path.finish() else { return };
        self.pixmap.fill_path(&path, &paint(color, alpha), FillRule::Winding, Transform::identity(), None);
    }
}

/// Of each line, where its area begins and ends: each on top of those before it.
fn stack(lines: &[Line]) -> Vec<(Vec<f64>, Vec<f64>)> {
    let mut sums: std::collections::BTreeMap<i64, f64> = std::collections::BTreeMap::new();
    lines
        .iter()
        .map(|line| {
            line.times
                .iter()
                .zip(&line.values)
                .map(|(time, value)| {
                    let sum = sums.entry(*time).or_default();
                    let base = *sum;
                    *sum += value;
                    (base, *sum)
                })
                .unzip()
        })
        .collect()
}

/// Parts of a line without a missing period.
fn runs(times: &[i64], period: i64) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    for at in 1..=times.len() {
        if at == times.len() || times[at] - times[at - 1] > period + period / 2 {
            found.push(from..at);
            from = at;
        }
    }
    found
}

/// About so many round numbers.
fn ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let raw = (high - low) / count as f64;
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= raw).unwrap_or(raw);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last.min(first + 50)).map(|number| number as f64 * step).collect()
}

/// With thousands as letters.
fn short(value: f64) -> String {
    let (divisor, letter) = match value.abs() {
        size if size >= 1e12 => (1e12, "T"),
        size if size >= 1e9 => (1e9, "G"),
        size if size >= 1e6 => (1e6, "M"),
        size if size >= 1e3 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let text = format!("{:.3}", value / divisor);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let text = if text.is_empty() || text == "-0" { "0" } else { text };
    format!("{text}{letter}")
}

/// About so many moments, each with what it is called, in UTC.
fn times(from: i64, to: i64, count: i64) -> Vec<(i64, String)> {
    const STEPS: [i64; 16] = [1, 5, 15, 60, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800];
    let wanted = (to - from) / count.max(2);
    let step = STEPS.into_iter().find(|step| *step >= wanted).unwrap_or(2_592_000);
    let form = match step {
        step if step >= 86_400 => "%m/%d",
        step if step < 60 => "%H:%M:%S",
        _ if to - from > 86_400 => "%m/%d %H:%M",
        _ => "%H:%M",
    };
    let first = from.div_euclid(step) + i64::from(from.rem_euclid(step) != 0);
    (first..=to.div_euclid(step))
        .filter_map(|number| {
            let time = number * step;
            Some((time, DateTime::from_timestamp(time, 0)?.format(form).to_string()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(lines: Vec<Line>) -> Chart {
        Chart {
            width: 600,
            height: 400,
            title: "CPU".to_owned(),
            lines,
            from: 0,
            to: 3_600,
            period: 60,
            is_stacked: false,
            minimum: None,
            maximum: None,
            marks: Vec::new(),
            has_legend: true,
        }
    }

    fn line(name: &str, value: impl Fn(i64) -> f64) -> Line {
        let times: Vec<i64> = (0..60).map(|minute| minute * 60).collect();
        Line { name: name.to_owned(), color: None, values: times.iter().map(|time| value(*time)).collect(), times }
    }

    /// How many pixels have this colour.
    fn pixels(png: &[u8], color: [u8; 3]) -> usize {
        let pixmap = Pixmap::decode_png(png).unwrap();
        pixmap.pixels().iter().filter(|pixel| [pixel.red(), pixel.green(), pixel.blue()] == color).count()
    }

    #[test]
    fn lines_are_drawn_in_their_colours() {
        let picture = png(&chart(vec![line("first", |time| time as f64), line("second", |_| 1_000.0)])).unwrap();
        let decoded = Pixmap::decode_png(&picture).unwrap();
        assert_eq!((decoded.width(), decoded.height()), (600, 400));
        assert!(pixels(&picture, PALETTE[0]) > 50 && pixels(&picture, PALETTE[1]) > 300);
        assert_eq!(pixels(&picture, PALETTE[2]), 0);
        let stacked = Chart { is_stacked: true, ..chart(vec![line("first", |_| 1.0), line("second", |_| 2.0)]) };
        assert_ne!(png(&stacked).unwrap(), png(&Chart { is_stacked: false, ..stacked.clone() }).unwrap());
        let marked = Chart {
            marks: vec![Mark { label: "limit".to_owned(), value: 900.0, color: None }],
            ..chart(vec![line("a", |_| 1_000.0)])
        };
        assert!(pixels(&png(&marked).unwrap(), MARK) > 100);
    }

    #[test]
    fn whatever_is_given_is_drawn() {
        png(&chart(Vec::new())).unwrap();
        png(&chart(vec![line("none", |_| f64::NAN), line("much", |_| 1e300), line("less", |_| -1e300)])).unwrap();
        let odd = Line { name: "見通し \u{1f600}".repeat(100), color: Some([1, 2, 3]), times: vec![5], values: vec![3.0] };
        png(&Chart { width: 1, height: 1, ..chart(vec![odd.clone()]) }).unwrap();
        png(&Chart { from: 10, to: 10, ..chart(vec![odd]) }).unwrap();
        png(&Chart { minimum: Some(5.0), maximum: Some(1.0), ..chart(Vec::new()) }).unwrap();
        assert!(png(&Chart { width: 0, ..chart(Vec::new()) }).is_err());
    }

    #[test]
    fn numbers_are_round_and_short() {
        assert_eq!(ticks(0.0, 1_000.0, 5), [0.0, 200.0, 400.0, 600.0, 800.0, 1_000.0]);
        assert_eq!(ticks(-1.0, 1.0, 4), [-1.0, -0.5, 0.0, 0.5, 1.0]);
        assert_eq!([0.0, 0.25, 999.0, 1_500.0, -2e6].map(short), ["0", "0.25", "999", "1.5k", "-2M"]);
        assert_eq!(
            times(0, 3_600, 4).iter().map(|(_, label)| label.as_str()).collect::<Vec<_>>(),
            ["00:00", "00:15", "00:30", "00:45", "01:00"]
        );
    }

    #[test]
    fn gaps_stay_gaps() {
        assert_eq!(runs(&[0, 60, 120, 300, 360], 60), [0..3, 3..5]);
        assert_eq!(runs(&[], 60), [0..0; 0]);
    }
}
