use proptest::prelude::*;
use store::Needle;

use super::insights;
use super::pattern::Pattern;

/// Texts that are near to patterns and queries: their words and signs in any order.
fn near(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    let piece = prop_oneof![4 => proptest::sample::select(words).prop_map(str::to_owned), 1 => "\\PC{0,3}"];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

const OF_PATTERNS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "$",
    ".",
    "a",
    "b",
    "\"a b\"",
    "*",
    "?",
    "-",
    "%",
    "=",
    "!=",
    ">",
    "<",
    "&&",
    "||",
    ",",
    " ",
    "...",
    "IS NULL",
    "NOT EXISTS",
    "1",
    "-2.5",
    "\\",
    "\"",
    "ä",
    "%a+%",
    "w1",
    "TRUE",
];
const OF_QUERIES: &[&str] = &[
    "fields ",
    "filter ",
    "stats ",
    "sort ",
    "limit ",
    "parse ",
    "dedup ",
    "display ",
    "pattern ",
    "| ",
    "@message",
    "@timestamp",
    "a",
    "b.c",
    "`d e`",
    "\"text\"",
    "'t'",
    "/re.*/",
    "like ",
    "in ",
    "not ",
    "and ",
    "or ",
    "as ",
    "by ",
    "bin(5m)",
    "count(*)",
    "avg(a)",
    "(",
    ")",
    "[",
    "]",
    ",",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "=",
    "!=",
    "<",
    ">",
    "=~",
    "1",
    "2.5",
    "10m",
    "#",
    "\n",
    "desc",
    "asc",
    "ä",
    "unnest ",
    "diff",
    "\"",
    "`",
    "/",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever is refused is refused at a place inside the pattern; what matches has what is looked for to find it.
    #[test]
    fn patterns_of_any_text(pattern in near(OF_PATTERNS), message in near(OF_PATTERNS)) {
        match Pattern::parse(&pattern) {
            Ok(parsed) => {
                parsed.extracted(&message);
                if parsed.is_match(&message) {
                    for needle in parsed.needles() {
                        let Needle::Text(bytes) = needle else { continue };
                        prop_assert!(memchr::memmem::find(message.as_bytes(), &bytes).is_some(), "{pattern:?} {message:?} {bytes:?}");
                    }
                }
            }
            Err(err) => prop_assert!(err.position <= pattern.len(), "{pattern:?} {err:?}"),
        }
    }

    #[test]
    fn queries_of_any_text(query in near(OF_QUERIES)) {
        if let Err(err) = insights::parse(&query) {
            prop_assert!(err.start <= err.end && err.end <= query.chars().count(), "{query:?} {err:?}");
        }
    }
}
