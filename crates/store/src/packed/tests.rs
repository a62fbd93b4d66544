//! Whatever texts there are, they come out as they went in; what is left out had not what was looked for.

use arrow_array::{Array, BooleanArray, StringArray};
use proptest::prelude::*;

use super::*;

fn texts<T: AsRef<str>>(all: &[T]) -> Texts {
    let mut texts = Texts::default();
    all.iter().for_each(|text| texts.push(text.as_ref().as_bytes()));
    texts
}

fn values(array: &StringArray) -> Vec<&str> {
    (0..array.len()).map(|row| array.value(row)).collect()
}

/// Packs by templates whatever the texts are, and takes them out again.
fn there_and_back<T: AsRef<str>>(all: &[T]) {
    let all: Vec<&str> = all.iter().map(AsRef::as_ref).collect();
    let packed = pack(&texts(&all)).unwrap();
    assert_eq!(values(&unpack(&packed, &Choice::default()).unwrap()), all);
    if let Some(packed) = pack_templates(&texts(&all)).unwrap() {
        assert_eq!(values(&unpack(&packed, &Choice::default()).unwrap()), all);
    }
}

fn found(text: &str) -> Vec<(&str, Token)> {
    let mut all = Vec::new();
    tokens(text.as_bytes(), |range, token| all.push((&text[range], token)));
    all
}

#[test]
fn what_differs_is_found() {
    use Token::{Id, Value};
    assert_eq!(found("2026-11-29T02:31:44.123Z"), ["2026", "11", "29", "02", "31", "44", "123"].map(|text| (text, Value)));
    assert_eq!(found("worker-7 took 15ms of p99"), ["7", "15", "99"].map(|text| (text, Value)));
    assert_eq!(found("id=4f1c0a9b22de4f1c0a9b22de4f1c0a9b."), [("4f1c0a9b22de4f1c0a9b22de4f1c0a9b", Id)]);
    assert_eq!(found("(8f14e45f-ceea-467f-9b5c-0d2f1a2b3c4d)"), [("8f14e45f-ceea-467f-9b5c-0d2f1a2b3c4d", Id)]);
    assert_eq!(found("abcdefab-ceea-467f-9b5c-0d2f1a2b3c4dX")[0], ("467f", Value));
    assert_eq!(found("1-67891233-abcdef012345678912345678"), [("1", Value), ("67891233", Value), ("abcdef012345678912345678", Id)]);
    assert_eq!(found("k3f9a2 4f1c"), [("k3f9a2", Value), ("4f1c", Value)]);
    assert_eq!(
        found("at 1764383000123456789 12345678901234567890"),
        [("1764383000123456789", Value), ("12345678901234567890", Id)]
    );
    assert_eq!(found("only words, ünd größer"), []);
    assert_eq!(found(&"7".repeat(300)), []);
}

#[test]
fn lines_of_a_log_come_back() {
    let line = |n: u64| match n % 4 {
        0 => format!(
            "2026-11-29T02:{:02}:{:02}.{:03}Z INFO [worker-{}] user {} logged in",
            n / 60 % 60,
            n % 60,
            n * 7 % 1_000,
            n % 3,
            n * n
        ),
        1 => format!(
            "{{\"id\":\"{:032x}\",\"took\":{},\"ratio\":0.{:05}}}",
            u128::from(n / 8).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
            n * 97 % 5_000,
            n
        ),
        2 => format!("GET /items/{:04x} by 8f14e45f-ceea-467f-9b5c-{:012x} -{}", n * 31 % 65_536, n / 16, n % 7),
        _ => format!("at {} of {:016}", u64::MAX / 2 - n * 1_000, n * n),
    };
    let all: Vec<String> = (0..10_000).map(line).collect();
    let packed = pack(&texts(&all)).unwrap();
    let bytes: usize = all.iter().map(String::len).sum();
    assert_eq!(packed[0], TEMPLATES);
    assert!(packed.len() * 12 < bytes, "{} of {bytes}", packed.len());
    assert_eq!(values(&unpack(&packed, &Choice::default()).unwrap()), all);
}

#[test]
fn edges_come_back() {
    there_and_back::<&str>(&[]);
    there_and_back(&["", "", "x", ""]);
    there_and_back(&["0", "00", "000", "07", "7", "18446744073709551615", "9999999999999999999", "99999999", "100000000"]);
    let many = |text: &dyn Fn(u64) -> String| there_and_back(&(0..500).map(text).collect::<Vec<_>>());
    many(&|n| format!("{n:08}"));
    many(&|n| format!("{}", 99_999_500 + n * 2));
    many(&|n| format!("{}", u64::MAX / 2 - 1 + n % 2 * (u64::MAX / 2)));
    many(&|n| format!("{}", 9_999_999_999_999_999_999 - n));
    many(&|n| format!("{:019}", n * n));
    many(&|n| ["0", "00", "1", "10"][n as usize % 4].to_owned());
    many(&|n| format!("{:040X} {:x}", n, n));
    many(&|n| format!("{} k{}f{}a", "a1".repeat(n as usize % 140), n, n % 9));
    many(&|n| format!("grüße {n} \u{1f980}{n}\u{10ffff} {}", "é".repeat(n as usize % 5)));
    many(&|n| format!("{}-{:04x}-467f-9b5c-0d2f1a2b3c4d", "8f14e45f", n));
}

/// Texts without anything in common are no larger than by zstd alone.
#[test]
fn texts_without_templates_come_back() {
    let word = |n: usize| ["red", "green", "blue", "of", "with", "over"][n % 6];
    let all: Vec<String> = (0..3_000usize)
        .map(|n| (0..12).map(|at| word(n * 7_919 / (at + 1) + n / (at + 2))).collect::<Vec<_>>().join(" "))
        .collect();
    let packed = pack(&texts(&all)).unwrap();
    assert_eq!(packed[0], PLAIN);
    assert_eq!(values(&unpack(&packed, &Choice::default()).unwrap()), all);
    let rows: BooleanArray = (0..all.len()).map(|row| Some(row % 2 == 0)).collect();
    let chosen = unpack(&packed, &Choice { needles: &[], rows: Some(&rows) }).unwrap();
    assert!((0..all.len()).step_by(2).all(|row| chosen.value(row) == all[row]));
}

#[test]
fn templates_know_what_they_cannot_have() {
    let literal = |text: &str| text.bytes().map(Pattern::Byte).collect::<Vec<_>>();
    let may_have = |pattern: &[Pattern], needle: &str| may_have(pattern, &Needle::Text(needle.as_bytes().to_vec()));
    let of = |value: Pattern| [literal("user "), vec![value], literal(" of "), vec![Pattern::Id], literal(".")].concat();
    let pattern = of(Pattern::LettersAndDigits);
    for needle in ["", "user ", "user 12 of", "7 o", "xyz of 8f14-ce", "f.", ".", "5", "abc", "a-b", "of", " of ab."] {
        assert!(may_have(&pattern, needle), "{needle}");
    }
    for needle in ["of.x", "_", "12-3 of", "user 1 2", "é", ". ", "of  ", "user=s"] {
        assert!(!may_have(&pattern, needle), "{needle}");
    }
    assert!(may_have(&of(Pattern::Digits), "user 12 o") && !may_have(&of(Pattern::Digits), "user 1a o"));
    assert!(may_have(&of(Pattern::HexDigits), "user 1a o") && !may_have(&of(Pattern::HexDigits), "user 1g o"));
    assert!(may_have(&literal("abab"), "ba") && !may_have(&literal("abab"), "aba b"));
    assert!(!may_have(&[], "a") && may_have(&[], ""));
}

/// A line of parts that repeat and parts that differ.
fn line() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => prop::sample::select(vec!["GET /", " took ", "ms", " [", "] ", "\"id\":", ",", "-", ".", "é", " user=", "T", "x"]).prop_map(str::to_owned),
        2 => (0u64..3_000).prop_map(|n| n.to_string()),
        1 => any::<u64>().prop_map(|n| n.to_string()),
        1 => any::<u64>().prop_map(|n| format!("{n:016x}")),
        1 => any::<u16>().prop_map(|n| format!("{n:04x}")),
        1 => any::<u128>().prop_map(|n| {
            let hex = format!("{n:032x}");
            format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
        }),
        1 => "[a-z0-9A-Z]{0,24}",
        1 => "\\PC{0,4}",
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

/// A few lines, again and again, so that templates have columns of their own.
fn lines() -> impl Strategy<Value = Vec<String>> {
    (prop::collection::vec(line(), 1..8), prop::collection::vec((0usize..8, 0u32..10_000), 0..600)).prop_map(|(shapes, rows)| {
        let row = |(shape, n): (usize, u32)| {
            let shape = &shapes[shape % shapes.len()];
            // Its first number is another one in each row.
            match shape.find(|letter: char| letter.is_ascii_digit()) {
                Some(at) => format!("{}{n}{}", &shape[..at], &shape[at + 1..]),
                None => shape.clone(),
            }
        };
        rows.into_iter().map(row).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_texts_come_back(all in prop::collection::vec(".{0,40}", 0..200)) {
        there_and_back(&all);
    }

    #[test]
    fn any_lines_come_back(all in lines()) {
        there_and_back(&all);
    }

    #[test]
    fn what_has_the_needle_is_not_left_out(all in lines(), at in any::<prop::sample::Index>(), from in 0usize..30, length in 0usize..20) {
        prop_assume!(!all.is_empty());
        let needle: String = at.get(&all).chars().skip(from).take(length).collect();
        let packed = pack(&texts(&all)).unwrap();
        let needles = [Needle::Text(needle.clone().into_bytes())];
        let unpacked = unpack(&packed, &Choice { needles: &needles, rows: None }).unwrap();
        prop_assert_eq!(unpacked.len(), all.len());
        for (row, text) in all.iter().enumerate() {
            let is_there = unpacked.value(row) == text;
            prop_assert!(is_there || (unpacked.value(row).is_empty() && !text.contains(&needle)), "{:?} in {:?}", needle, text);
        }
    }

    #[test]
    fn rows_can_be_chosen(all in lines(), mask in prop::collection::vec(any::<bool>(), 600)) {
        let packed = pack(&texts(&all)).unwrap();
        let rows: BooleanArray = mask.iter().take(all.len()).map(|chosen| Some(*chosen)).collect();
        let unpacked = unpack(&packed, &Choice { needles: &[], rows: Some(&rows) }).unwrap();
        prop_assert!(all.iter().enumerate().all(|(row, text)| !mask[row] || unpacked.value(row) == text));
    }

    /// Damage that no checksum told of is an error or other texts, and never a panic.
    #[test]
    fn damage_does_no_harm(all in lines(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), cut in any::<prop::sample::Index>()) {
        let mut packed = pack(&texts(&all)).unwrap();
        for (at, byte) in changes {
            let at = at.index(packed.len());
            packed[at] = byte;
        }
        let _ = unpack(&packed, &Choice::default());
        let _ = unpack(&packed[..cut.index(packed.len())], &Choice::default());
    }

    /// The same inside sections, which zstd does not see.
    #[test]
    fn damage_within_does_no_harm(all in lines(), place in 0usize..6, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let Some(packed) = pack_templates(&texts(&all)).unwrap() else { return Ok(()) };
        let mut zstd = Decompressor::new().unwrap();
        let mut input = Input(&packed[1..]);
        let (rows, length) = (input.number().unwrap(), input.number().unwrap());
        let mut sections: Vec<Vec<u8>> = (0..6).map(|_| input.section(&mut zstd).unwrap()).collect();
        for (at, byte) in changes {
            if !sections[place].is_empty() {
                let at = at.index(sections[place].len());
                sections[place][at] = byte;
            }
        }
        let mut damaged = vec![TEMPLATES];
        put(&mut damaged, rows);
        put(&mut damaged, length);
        let mut zstd = Compressor::new(LEVEL).unwrap();
        sections.iter().for_each(|section| put_section(&mut damaged, &mut zstd, section).unwrap());
        let needles = [Needle::Text(b"took 5".to_vec())];
        let _ = unpack(&damaged, &Choice::default());
        let _ = unpack(&damaged, &Choice { needles: &needles, rows: None });
    }
}
