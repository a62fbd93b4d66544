//! Stack traces as texts, into frames. Each language writes them in its own way.

use serde_json::{Map, Value};

/// Frames kept of one stack; the span's event keeps the text.
const FRAMES: usize = 100;

/// The frames of a stack trace, the innermost first.
pub(crate) fn stack(text: &str, language: Option<&str>) -> Vec<Value> {
    let mut frames = match language {
        Some("python") => python(text),
        Some("go") => go(text),
        Some("dotnet") => lines(text, dotnet),
        Some("java" | "php") => own(text, java),
        Some("nodejs" | "js" | "webjs") => lines(text, javascript),
        Some("ruby") => lines(text, ruby),
        _ if text.contains("Traceback (most recent call last)") => python(text),
        _ => own(text, |line| dotnet_with_place(line).or_else(|| javascript(line)).or_else(|| java(line)).or_else(|| ruby(line))),
    };
    frames.truncate(FRAMES);
    frames.into_iter().map(Frame::json).collect()
}

struct Frame<'a> {
    label: &'a str,
    path: &'a str,
    line: Option<u32>,
}

impl Frame<'_> {
    fn json(self) -> Value {
        let mut frame = Map::new();
        frame.insert("path".to_owned(), self.path.into());
        frame.insert("label".to_owned(), self.label.into());
        frame.insert("line".to_owned(), self.line.unwrap_or_default().into());
        Value::Object(frame)
    }
}

fn lines(text: &str, frame: impl Fn(&str) -> Option<Frame<'_>>) -> Vec<Frame<'_>> {
    text.lines().filter_map(|line| frame(line.trim())).take(FRAMES).collect()
}

/// Only those of the exception itself, and not of what caused it.
fn own(text: &str, frame: impl Fn(&str) -> Option<Frame<'_>>) -> Vec<Frame<'_>> {
    let own = text.lines().map(str::trim).take_while(|line| !line.starts_with("Caused by:"));
    own.filter_map(frame).take(FRAMES).collect()
}

/// `File "/app/views.py", line 12, in checkout`. The last traceback is that of the exception that was raised last; its last frame
/// is the innermost.
fn python(text: &str) -> Vec<Frame<'_>> {
    let last = text.rfind("Traceback (most recent call last)").map_or(text, |at| &text[at..]);
    let frame = |line| -> Option<Frame<'_>> {
        let (path, rest) = str::strip_prefix(line, "File \"")?.split_once("\", line ")?;
        let (number, label) = rest.split_once(", in ").unwrap_or((rest, ""));
        Some(Frame { label, path, line: number.parse().ok() })
    };
    let mut frames: Vec<_> = last.lines().filter_map(|line| frame(line.trim())).collect();
    frames.reverse();
    frames
}

/// `at com.shop.Cart.add(Cart.java:12)`.
fn java(line: &str) -> Option<Frame<'_>> {
    let (label, place) = line.strip_prefix("at ")?.strip_suffix(')')?.rsplit_once('(')?;
    let (path, number) = place.rsplit_once(':').unwrap_or((place, ""));
    Some(Frame { label: label.trim(), path, line: number.parse().ok() })
}

/// `at checkout (/app/index.js:12:34)`, `at /app/index.js:12:34`.
fn javascript(line: &str) -> Option<Frame<'_>> {
    let rest = line.strip_prefix("at ")?;
    let (label, place) = match rest.strip_suffix(')').and_then(|rest| rest.rsplit_once(" (")) {
        Some((label, place)) => (label, place),
        None => ("", rest),
    };
    let (rest, column) = place.rsplit_once(':')?;
    let (path, number) = match rest.rsplit_once(':') {
        Some((path, number)) if number.parse::<u32>().is_ok() => (path, number),
        _ => (rest, column),
    };
    let line = Some(number.parse().ok()?);
    Some(Frame { label, path, line })
}

/// `at Shop.Cart.Add(Item item) in /src/Cart.cs:line 12`, `at Shop.Cart.Add(Item item)`.
fn dotnet(line: &str) -> Option<Frame<'_>> {
    dotnet_with_place(line).or_else(|| Some(Frame { label: line.strip_prefix("at ")?, path: "", line: None }))
}

fn dotnet_with_place(line: &str) -> Option<Frame<'_>> {
    let (label, place) = line.strip_prefix("at ")?.rsplit_once(" in ")?;
    let (path, number) = place.rsplit_once(":line ")?;
    Some(Frame { label, path, line: number.parse().ok() })
}

/// A function, and in the next line `/src/main.go:12 +0x1d` behind a tab.
fn go(text: &str) -> Vec<Frame<'_>> {
    let mut frames = Vec::new();
    let mut function: Option<&str> = None;
    for line in text.lines() {
        if line.starts_with('\t') {
            let place = line.trim().split(' ').next().unwrap_or_default();
            if let (Some(label), Some((path, number))) = (function.take(), place.rsplit_once(':')) {
                frames.push(Frame { label, path, line: number.parse().ok() });
            }
        } else {
            let name = line.trim().strip_prefix("created by ").unwrap_or(line.trim());
            let name = name.rsplit_once('(').map_or(name, |(name, _)| name);
            function = Some(name).filter(|name| !name.is_empty() && !name.starts_with("goroutine "));
        }
    }
    frames
}

/// `/app/cart.rb:12:in 'add'`.
fn ruby(line: &str) -> Option<Frame<'_>> {
    let (place, label) = line.strip_prefix("from ").unwrap_or(line).split_once(":in ")?;
    let (path, number) = place.rsplit_once(':')?;
    let label = label.trim_matches(['\'', '`']);
    Some(Frame { label, path, line: Some(number.parse().ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(text: &str, language: &str) -> Vec<(String, String, u64)> {
        let frame = |frame: Value| {
            let text = |member: &str| frame[member].as_str().unwrap().to_owned();
            (text("label"), text("path"), frame["line"].as_u64().unwrap())
        };
        // A language that is not known must not keep the frames from being found.
        let known: Vec<_> = stack(text, Some(language)).into_iter().map(frame).collect();
        if language != "go" && language != "dotnet" {
            assert_eq!(known, stack(text, None).into_iter().map(frame).collect::<Vec<_>>());
        }
        known
    }

    fn expected(rows: &[(&str, &str, u64)]) -> Vec<(String, String, u64)> {
        rows.iter().map(|(label, path, line)| ((*label).to_owned(), (*path).to_owned(), *line)).collect()
    }

    #[test]
    fn stacks_of_each_language_become_frames() {
        let python = "Traceback (most recent call last):\n  File \"/app/db.py\", line 3, in get\n    raise KeyError(1)\nKeyError: 1\n\n\
            During handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  \
            File \"/app/views.py\", line 10, in checkout\n    item()\n  File \"/app/cart.py\", line 20, in item\n    raise ValueError\nValueError";
        assert_eq!(frames(python, "python"), expected(&[("item", "/app/cart.py", 20), ("checkout", "/app/views.py", 10)]));
        let java =
            "java.lang.IllegalStateException: no\n\tat com.shop.Cart.add(Cart.java:12)\n\tat com.shop.Main.main(Native Method)";
        assert_eq!(
            frames(&format!("{java}\nCaused by: x\n\tat com.shop.Db.get(Db.java:1)"), "java")[..2],
            expected(&[("com.shop.Cart.add", "Cart.java", 12), ("com.shop.Main.main", "Native Method", 0)])
        );
        let node =
            "Error: no\n    at checkout (/app/index.js:12:34)\n    at /app/index.js:56:7\n    at process.x (node:internal/y:1:2)";
        let node = frames(node, "nodejs");
        assert_eq!(
            node,
            expected(&[("checkout", "/app/index.js", 12), ("", "/app/index.js", 56), ("process.x", "node:internal/y", 1)])
        );
        let dotnet = "System.Exception: no\n   at Shop.Cart.Add(Item item) in /src/Cart.cs:line 12\n   at Shop.Main()";
        assert_eq!(frames(dotnet, "dotnet"), expected(&[("Shop.Cart.Add(Item item)", "/src/Cart.cs", 12), ("Shop.Main()", "", 0)]));
        let go = "goroutine 1 [running]:\nmain.add(0x1)\n\t/src/main.go:12 +0x1d\nmain.main()\n\t/src/main.go:20 +0x2e\n";
        assert_eq!(frames(go, "go"), expected(&[("main.add", "/src/main.go", 12), ("main.main", "/src/main.go", 20)]));
        let ruby = "/app/cart.rb:12:in `add': no (RuntimeError)\n\tfrom /app/main.rb:3:in 'run'";
        assert_eq!(frames(ruby, "ruby").len(), 2);
        assert!(stack("panicked at 'x'", Some("rust")).is_empty());
    }
}
