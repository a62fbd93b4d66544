//! Texts that are alike, made small: each is a template that many share, and the values that it leaves open. Values of one place in a
//! template lie together as what they are, numbers or bytes, which zstd then makes smaller still. `docs/format/texts.md` has the bytes.
//!
//! Lines of a log need less than half of what zstd alone needs for them, and are read nearly as fast. Which templates can have what is
//! looked for is known before anything is put together, so that most lines of a search never are.

use std::collections::HashMap;
use std::io;
use std::ops::Range;

use arrow_array::{BooleanArray, StringArray};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use zstd::bulk::{Compressor, Decompressor};

use crate::gram::Needle;

/// Bytes that are in no UTF-8 text, where a template leaves something open and where it ends.
const VALUE: u8 = 0xff;
const ID: u8 = 0xfe;
const END: u8 = 0xfd;

/// How the texts are written.
const TEMPLATES: u8 = 1;
const PLAIN: u8 = 2;

/// What a column's values are.
const CONSTANT: u8 = 0;
const TEXT: u8 = 1;
const HEX: u8 = 2;
const NUMBER: u8 = 3;
const NUMBER_OF_DIGITS: u8 = 4;
/// Added where each value is the difference to the one before.
const DELTA: u8 = 8;

/// A run of letters and digits of so many bytes is an id, unless it is a number.
const ID_MIN: usize = 16;
/// What is longer is neither a value nor an id.
const TOKEN_MAX: usize = 255;
/// The longest number that surely has 64 bits.
const DIGITS_MAX: usize = 19;
/// Templates of fewer rows share one column.
const COLUMN_ROWS: usize = 64;
/// An id that is among so many before it is told by how far back it is.
const RECENT_IDS: usize = 255;
const UUID: usize = 36;
const UUID_PARTS: [Range<usize>; 5] = [0..8, 9..13, 14..18, 19..23, 24..36];
/// How a new id is written: with its length, or as a UUID; anything else is the number of its bytes in hexadecimal.
const ID_TEXT: u8 = 0;
const ID_UUID: u8 = 1;

const LEVEL: i32 = 3;
/// Of texts that have no templates.
const PLAIN_LEVEL: i32 = 6;
/// No section is larger: a row group has 64 MiB of texts, and one more of any length that a request can have.
const SECTION_MAX: usize = 512 * 1024 * 1024;

/// Row groups have far fewer.
const ROWS_MAX: usize = 1 << 24;

/// Texts one behind the other, with where each ends.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ends: Vec<u32>,
}

impl Texts {
    pub(crate) fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len() as u32);
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn spans(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| start as usize..*end as usize)
    }
}

/// Which texts are wanted: others may come out empty.
#[derive(Debug, Default)]
pub(crate) struct Choice<'c> {
    /// Each must be in the text.
    pub(crate) needles: &'c [Needle],
    pub(crate) rows: Option<&'c BooleanArray>,
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("packed texts: {what}"))
}

const fn kinds() -> [u8; 256] {
    let mut kinds = [OTHER; 256];
    let mut byte = 0;
    while byte < 256 {
        if (byte as u8).is_ascii_digit() {
            kinds[byte] = DIGIT;
        } else if (byte as u8).is_ascii_alphabetic() {
            kinds[byte] = LETTER;
        }
        byte += 1;
    }
    kinds
}

const OTHER: u8 = 0;
const LETTER: u8 = 1;
const DIGIT: u8 = 2;
static KINDS: [u8; 256] = kinds();

fn kind(byte: u8) -> u8 {
    KINDS[byte as usize]
}

fn is_hex(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_uuid(text: &[u8]) -> bool {
    text.len() == UUID
        && UUID_PARTS.iter().all(|part| is_hex(&text[part.clone()]))
        && [8, 13, 18, 23].iter().all(|at| text[*at] == b'-')
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Value,
    Id,
}

/// How often letters and digits take turns.
fn turns(run: &[u8]) -> usize {
    run.windows(2).filter(|pair| kind(pair[0]) != kind(pair[1])).count()
}

/// Calls `found` with what differs from text to text: runs of letters and digits with a digit in them, or the numbers of such a run.
fn tokens(text: &[u8], mut found: impl FnMut(Range<usize>, Token)) {
    let mut at = 0;
    while let Some(skipped) = text[at..].iter().position(|byte| kind(*byte) != OTHER) {
        let begin = at + skipped;
        at = text[begin..].iter().position(|byte| kind(*byte) == OTHER).map_or(text.len(), |length| begin + length);
        let run = &text[begin..at];
        let digits = run.iter().filter(|byte| byte.is_ascii_digit()).count();
        if run.len() == UUID_PARTS[0].end
            && text.get(at) == Some(&b'-')
            && text.get(begin..begin + UUID).is_some_and(is_uuid)
            && text.get(begin + UUID).is_none_or(|byte| kind(*byte) == OTHER)
        {
            at = begin + UUID;
            found(begin..at, Token::Id);
        } else if digits == 0 || run.len() > TOKEN_MAX {
            // A word.
        } else if digits == run.len() && digits <= DIGITS_MAX {
            found(begin..at, Token::Value);
        } else if run.len() >= ID_MIN {
            found(begin..at, Token::Id);
        } else if turns(run) >= 3 || (run.len() >= 4 && is_hex(run)) {
            found(begin..at, Token::Value);
        } else {
            // Such as `29T10`, `123Z` and `15ms`.
            let mut from = begin;
            while from < at {
                let number = text[from..at].iter().take_while(|byte| byte.is_ascii_digit()).count();
                if number > 0 {
                    found(from..from + number, Token::Value);
                }
                from += number.max(1);
            }
        }
    }
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// One byte of each number, then the next higher one of each, as many as they need. Returns how many.
fn put_planes(out: &mut Vec<u8>, numbers: &[u64]) -> usize {
    let bits = numbers.iter().fold(0, |all, number| all | number);
    let width = (u64::BITS - bits.leading_zeros()).div_ceil(8) as usize;
    for plane in 0..width {
        out.extend(numbers.iter().map(|number| (number >> (8 * plane)) as u8));
    }
    width
}

fn put_hex(out: &mut Vec<u8>, text: &[u8]) {
    let digit = |byte: u8| if byte <= b'9' { byte - b'0' } else { byte - b'a' + 10 };
    out.extend(text.chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])));
}

fn put_section(out: &mut Vec<u8>, zstd: &mut Compressor<'_>, bytes: &[u8]) -> io::Result<()> {
    let packed = zstd.compress(bytes)?;
    put(out, bytes.len() as u64);
    put(out, packed.len() as u64);
    out.extend_from_slice(&packed);
    Ok(())
}

/// Texts as they are kept. They come out of [`unpack`] as they went in, byte by byte: that is tried before they are given away.
pub(crate) fn pack(texts: &Texts) -> io::Result<Vec<u8>> {
    if let Some(packed) = pack_templates(texts)? {
        if is_packed(&packed, texts) {
            return Ok(packed);
        }
        tracing::error!("texts do not come out of their templates as they were, and are kept as they are: please report this");
    }
    let mut out = vec![PLAIN];
    put(&mut out, texts.ends.len() as u64);
    put(&mut out, texts.bytes.len() as u64);
    let mut zstd = Compressor::new(PLAIN_LEVEL)?;
    let mut lengths = Vec::with_capacity(2 * texts.ends.len());
    texts.spans().for_each(|span| put(&mut lengths, span.len() as u64));
    put_section(&mut out, &mut zstd, &lengths)?;
    put_section(&mut out, &mut zstd, &texts.bytes)?;
    Ok(out)
}

fn is_packed(packed: &[u8], texts: &Texts) -> bool {
    unpack(packed, &Choice::default()).is_ok_and(|unpacked| {
        unpacked.value_data() == texts.bytes
            && unpacked.value_offsets()[1..].iter().map(|end| *end as u32).eq(texts.ends.iter().copied())
    })
}

/// Values of one place in a template, as where they stand in the texts.
type Spans = Vec<Range<u32>>;

/// None where texts have hardly anything in common, which zstd alone does as well with.
fn pack_templates(texts: &Texts) -> io::Result<Option<Vec<u8>>> {
    struct Template {
        rows: usize,
        values: usize,
        first_column: usize,
    }
    let bytes = &texts.bytes;
    let mut known: HashMap<Vec<u8>, usize, foldhash::fast::RandomState> = HashMap::default();
    let mut templates: Vec<Template> = Vec::new();
    let mut template_texts = Vec::new();
    let mut of_rows: Vec<u64> = Vec::with_capacity(texts.ends.len());
    let (mut values, mut ids): (Spans, Spans) = (Vec::new(), Vec::new());
    let mut template = Vec::new();
    for span in texts.spans() {
        let (base, text) = (span.start, &bytes[span]);
        let (mut from, before) = (0, values.len());
        template.clear();
        tokens(text, |found, token| {
            template.extend_from_slice(&text[from..found.start]);
            from = found.end;
            let place = (base + found.start) as u32..(base + found.end) as u32;
            match token {
                Token::Value => {
                    template.push(VALUE);
                    values.push(place);
                }
                Token::Id => {
                    template.push(ID);
                    ids.push(place);
                }
            }
        });
        template.extend_from_slice(&text[from..]);
        let number = match known.get(&template) {
            Some(number) => *number,
            None => {
                template_texts.extend_from_slice(&template);
                template_texts.push(END);
                if template_texts.len() > bytes.len() / 2 + 4_096 {
                    return Ok(None);
                }
                known.insert(template.clone(), templates.len());
                templates.push(Template { rows: 0, values: values.len() - before, first_column: 0 });
                templates.len() - 1
            }
        };
        templates[number].rows += 1;
        of_rows.push(number as u64);
    }
    let mut columns: Vec<Spans> = vec![Vec::new()];
    for template in templates.iter_mut().filter(|template| template.rows >= COLUMN_ROWS) {
        template.first_column = columns.len();
        columns.extend((0..template.values).map(|_| Vec::with_capacity(template.rows)));
    }
    let mut next = values.into_iter();
    for number in &of_rows {
        let template = &templates[*number as usize];
        for (place, value) in next.by_ref().take(template.values).enumerate() {
            let column = if template.first_column == 0 { 0 } else { template.first_column + place };
            columns[column].push(value);
        }
    }

    let mut out = vec![TEMPLATES];
    put(&mut out, of_rows.len() as u64);
    put(&mut out, bytes.len() as u64);
    let mut zstd = Compressor::new(LEVEL)?;
    put_section(&mut out, &mut zstd, &template_texts)?;
    let mut numbers = Vec::with_capacity(of_rows.len());
    put_planes(&mut numbers, &of_rows);
    put_section(&mut out, &mut zstd, &numbers)?;
    let (mut kinds, mut body) = (Vec::new(), Vec::new());
    columns.iter().for_each(|column| put_column(bytes, column, &mut kinds, &mut body));
    put_section(&mut out, &mut zstd, &kinds)?;
    put_section(&mut out, &mut zstd, &body)?;
    let (distances, new) = id_sections(bytes, &ids);
    put_section(&mut out, &mut zstd, &distances)?;
    put_section(&mut out, &mut zstd, &new)?;
    Ok(Some(out))
}

/// The number that a text is, where it is one.
fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > DIGITS_MAX {
        return None;
    }
    text.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u64::from(byte - b'0')))
}

fn zigzag(number: u64) -> u64 {
    (number << 1) ^ ((number as i64 >> 63) as u64)
}

fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ (number & 1).wrapping_neg()
}

fn put_column(bytes: &[u8], column: &Spans, kinds: &mut Vec<u8>, body: &mut Vec<u8>) {
    let text = |span: &Range<u32>| &bytes[span.start as usize..span.end as usize];
    let first = column.first().map_or(&[][..], text);
    if column.iter().all(|span| text(span) == first) {
        kinds.push(CONSTANT);
        put(kinds, first.len() as u64);
        kinds.extend_from_slice(first);
        return;
    }
    let is_one_length = column.iter().all(|span| span.len() == first.len());
    // Numbers come out without zeros before them, or with as many digits as all have.
    let is_shortest = column.iter().all(|span| span.len() == 1 || text(span).first() != Some(&b'0'));
    if (is_shortest || is_one_length)
        && let Some(numbers) = column.iter().map(|span| decimal(text(span))).collect::<Option<Vec<u64>>>()
    {
        let least = numbers.iter().copied().min().unwrap_or(0);
        let mut last = least;
        let differences: Vec<u64> =
            numbers.iter().map(|number| zigzag(number.wrapping_sub(std::mem::replace(&mut last, *number)))).collect();
        let above: Vec<u64> = numbers.iter().map(|number| number - least).collect();
        let bits = |all: &[u64]| all.iter().map(|number| u64::from(u64::BITS - number.leading_zeros())).sum::<u64>();
        let is_delta = bits(&differences) * 10 < bits(&above) * 9;
        let delta = if is_delta { DELTA } else { 0 };
        if is_shortest {
            kinds.push(NUMBER + delta);
        } else {
            kinds.extend([NUMBER_OF_DIGITS + delta, first.len() as u8]);
        }
        put(kinds, least);
        let width = put_planes(body, if is_delta { &differences } else { &above });
        kinds.push(width as u8);
    } else if is_one_length && first.len().is_multiple_of(2) && column.iter().all(|span| is_hex(text(span))) {
        kinds.extend([HEX, (first.len() / 2) as u8]);
        column.iter().for_each(|span| put_hex(body, text(span)));
    } else {
        kinds.push(TEXT);
        body.extend(column.iter().map(|span| span.len() as u8));
        column.iter().for_each(|span| body.extend_from_slice(text(span)));
    }
}

/// How far back each id is among the different ones, with how the new ones are written; and these.
fn id_sections(bytes: &[u8], ids: &Spans) -> (Vec<u8>, Vec<u8>) {
    let mut seen: HashMap<&[u8], usize, foldhash::fast::RandomState> = HashMap::default();
    let (mut distances, mut kinds, mut new) = (Vec::with_capacity(ids.len()), Vec::new(), Vec::new());
    for span in ids {
        let id = &bytes[span.start as usize..span.end as usize];
        let count = kinds.len();
        if let Some(place) = seen.get(id)
            && count - place <= RECENT_IDS
        {
            distances.push((count - place) as u8);
            continue;
        }
        distances.push(0);
        seen.insert(id, count);
        if is_uuid(id) {
            kinds.push(ID_UUID);
            UUID_PARTS.iter().for_each(|part| put_hex(&mut new, &id[part.clone()]));
        } else if id.len().is_multiple_of(2) && is_hex(id) {
            kinds.push((id.len() / 2) as u8);
            put_hex(&mut new, id);
        } else {
            kinds.push(ID_TEXT);
            new.push(id.len() as u8);
            new.extend_from_slice(id);
        }
    }
    distances.extend_from_slice(&kinds);
    (distances, new)
}

/// What is left to read.
struct Input<'i>(&'i [u8]);

impl<'i> Input<'i> {
    fn take(&mut self, count: usize) -> io::Result<&'i [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(|| damaged("they end too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> io::Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> io::Result<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(damaged("a number has no end"))
    }

    fn count(&mut self) -> io::Result<usize> {
        let number = self.number()? as usize;
        if number <= SECTION_MAX { Ok(number) } else { Err(damaged("a count is out of all bounds")) }
    }

    fn section(&mut self, zstd: &mut Decompressor<'_>) -> io::Result<Vec<u8>> {
        let (length, packed) = (self.count()?, self.count()?);
        let section = zstd.decompress(self.take(packed)?, length)?;
        if section.len() == length { Ok(section) } else { Err(damaged("a section is not as long as it says")) }
    }
}

/// The texts that [`pack`] was given, or those of them that were chosen.
pub(crate) fn unpack(packed: &[u8], choice: &Choice<'_>) -> io::Result<StringArray> {
    let mut input = Input(packed);
    let mut zstd = Decompressor::new()?;
    let (version, rows, length) = (input.byte()?, input.count()?, input.count()?);
    if rows > ROWS_MAX || choice.rows.is_some_and(|chosen| chosen.len() != rows) {
        return Err(damaged("there are not as many as there are rows"));
    }
    let (offsets, bytes) = match version {
        TEMPLATES => {
            let sections: Vec<Vec<u8>> = (0..6).map(|_| input.section(&mut zstd)).collect::<io::Result<_>>()?;
            let mut reading = Unpacking::of(&sections, rows, choice)?;
            reading.texts(length, choice)?
        }
        PLAIN => {
            let (lengths, bytes) = (input.section(&mut zstd)?, input.section(&mut zstd)?);
            let mut lengths = Input(&lengths);
            let mut offsets: Vec<i32> = vec![0];
            let mut end = 0;
            for _ in 0..rows {
                end += lengths.count()?;
                if end > bytes.len() {
                    return Err(damaged("lengths are more than there is"));
                }
                offsets.push(end as i32);
            }
            (offsets, bytes)
        }
        _ => return Err(damaged("of another version")),
    };
    if offsets.len() != rows + 1 {
        return Err(damaged("there are not as many as there are rows"));
    }
    let is_all = choice.needles.is_empty() && choice.rows.is_none();
    if is_all && bytes.len() != length {
        return Err(damaged("they are not as long as they were"));
    }
    // The offsets grow, as they were made by adding lengths.
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    StringArray::try_new(offsets, Buffer::from_vec(bytes), None).map_err(|_| damaged("they are no texts"))
}

/// Values that can be asked for by their place.
enum Column<'p> {
    Constant(&'p [u8]),
    Text { ends: Vec<u32>, bytes: &'p [u8] },
    Hex { bytes: &'p [u8], width: usize },
    Small { numbers: Vec<u32>, digits: usize },
    Large { numbers: Vec<u64>, digits: usize },
}

/// A column as it lies there.
struct Lying<'p> {
    kind: u8,
    rows: usize,
    digits: usize,
    /// Of hexadecimal values half their length, of numbers the bytes of each.
    width: usize,
    least: u64,
    constant: &'p [u8],
    lengths: &'p [u8],
    bytes: &'p [u8],
}

impl<'p> Lying<'p> {
    fn read(rows: usize, kinds: &mut Input<'p>, body: &mut Input<'p>) -> io::Result<Lying<'p>> {
        let kind = kinds.byte()?;
        let mut lying = Lying { kind, rows, digits: 0, width: 0, least: 0, constant: &[], lengths: &[], bytes: &[] };
        match kind & !DELTA {
            CONSTANT => {
                let length = kinds.count()?;
                lying.constant = kinds.take(length)?;
            }
            TEXT => {
                lying.lengths = body.take(rows)?;
                lying.bytes = body.take(lying.lengths.iter().map(|length| usize::from(*length)).sum())?;
            }
            HEX => {
                lying.width = kinds.byte()?.into();
                lying.bytes = body.take(lying.width * rows)?;
            }
            NUMBER | NUMBER_OF_DIGITS => {
                if kind & !DELTA == NUMBER_OF_DIGITS {
                    lying.digits = usize::from(kinds.byte()?).clamp(1, DIGITS_MAX);
                }
                lying.least = kinds.number()?;
                lying.width = usize::from(kinds.byte()?).min(8);
                lying.bytes = body.take(lying.width * rows)?;
            }
            _ => return Err(damaged("a column of an unknown kind")),
        }
        Ok(lying)
    }

    fn open(&self) -> Column<'p> {
        match self.kind & !DELTA {
            CONSTANT => Column::Constant(self.constant),
            TEXT => {
                let mut end = 0;
                let ends = std::iter::once(0).chain(self.lengths.iter().map(|length| {
                    end += u32::from(*length);
                    end
                }));
                Column::Text { ends: ends.collect(), bytes: self.bytes }
            }
            HEX => Column::Hex { bytes: self.bytes, width: self.width },
            _ => {
                let is_delta = self.kind & DELTA != 0;
                // Differences may lead anywhere; what lies above the least does not.
                let is_small = !is_delta && self.width < 4 && self.least < 1 << 31;
                if is_small {
                    let mut numbers = vec![self.least as u32; self.rows];
                    self.planes(|at, byte, shift| numbers[at] += u32::from(byte) << shift);
                    return Column::Small { numbers, digits: self.digits };
                }
                let mut numbers = vec![0; self.rows];
                self.planes(|at, byte, shift| numbers[at] |= u64::from(byte) << shift);
                let mut last = self.least;
                for number in &mut numbers {
                    last = if is_delta { last.wrapping_add(unzigzag(*number)) } else { self.least.wrapping_add(*number) };
                    *number = last;
                }
                match is_delta && numbers.iter().all(|number| *number <= u32::MAX.into()) {
                    true => Column::Small { numbers: numbers.iter().map(|number| *number as u32).collect(), digits: self.digits },
                    false => Column::Large { numbers, digits: self.digits },
                }
            }
        }
    }

    fn planes(&self, mut each: impl FnMut(usize, u8, u32)) {
        for (plane, bytes) in self.bytes.chunks_exact(self.rows.max(1)).enumerate() {
            bytes.iter().enumerate().for_each(|(at, byte)| each(at, *byte, 8 * plane as u32));
        }
    }

    fn pattern(&self) -> Pattern {
        match self.kind & !DELTA {
            NUMBER | NUMBER_OF_DIGITS => Pattern::Digits,
            HEX => Pattern::HexDigits,
            _ => Pattern::LettersAndDigits,
        }
    }

    /// The longest text of a value.
    fn length_max(&self) -> usize {
        match self.kind & !DELTA {
            CONSTANT => self.constant.len(),
            TEXT => TOKEN_MAX,
            HEX => 2 * self.width,
            _ => DIGITS_MAX + 1,
        }
    }
}

/// A part of a template: what is the same in all rows, then what is not.
struct Piece {
    literal: Range<usize>,
    open: Open,
}

#[derive(Clone, Copy)]
enum Open {
    Nothing,
    /// The value of the row in a column of the template's own.
    Own(usize),
    /// The next value of the shared column.
    Shared,
    Id,
}

struct Template {
    pieces: Vec<Piece>,
    values: usize,
    ids: usize,
    has_columns: bool,
    /// The longest text that can come of it.
    length_max: usize,
    is_chosen: bool,
    /// Rows of it before the one that is looked at.
    seen: usize,
}

struct Unpacking<'p> {
    templates: Vec<Template>,
    of_rows: Vec<u32>,
    columns: Vec<Option<Column<'p>>>,
    literals: Vec<u8>,
    /// For each id in a text its place among the different ones.
    ids: Vec<u32>,
    id_spans: Vec<Range<usize>>,
    id_texts: Vec<u8>,
}

/// Room behind texts, so that short ones are copied by one step of this size.
const ROOM: usize = 32;
/// Rows that are put together at a time: those of one template after each other, which is what processors are quick at.
const STEP_ROWS: usize = 4_096;

impl<'p> Unpacking<'p> {
    fn of(sections: &'p [Vec<u8>], rows: usize, choice: &Choice<'_>) -> io::Result<Unpacking<'p>> {
        let [template_texts, numbers, kinds, body, distances, new] = sections else { return Err(damaged("sections are missing")) };
        let texts: Vec<&[u8]> = template_texts.split_inclusive(|byte| *byte == END).map(|text| &text[..text.len() - 1]).collect();
        if texts.len() > rows || template_texts.last().is_some_and(|byte| *byte != END) {
            return Err(damaged("templates are not what rows are of"));
        }
        let of_rows = of_rows(numbers, rows, texts.len())?;
        let mut counts = vec![0; texts.len()];
        of_rows.iter().for_each(|number| counts[*number as usize] += 1);

        let values: Vec<usize> = texts.iter().map(|text| text.iter().filter(|byte| **byte == VALUE).count()).collect();
        let shared = values.iter().zip(&counts).filter(|(_, rows)| **rows < COLUMN_ROWS).map(|(values, rows)| values * rows).sum();
        let own = values.iter().zip(&counts).filter(|(_, rows)| **rows >= COLUMN_ROWS);
        let lengths = std::iter::once(shared).chain(own.flat_map(|(values, rows)| std::iter::repeat_n(*rows, *values)));
        let (mut kinds, mut body) = (Input(kinds), Input(body));
        let lying: Vec<Lying<'_>> = lengths.map(|rows| Lying::read(rows, &mut kinds, &mut body)).collect::<io::Result<_>>()?;

        let (ids, id_spans, id_texts) = read_ids(&texts, &counts, distances, new)?;
        let mut reading = Unpacking {
            templates: Vec::with_capacity(texts.len()),
            of_rows,
            columns: lying.iter().map(|_| None).collect(),
            literals: Vec::with_capacity(template_texts.len()),
            ids,
            id_spans,
            id_texts,
        };
        let mut next_column = 1;
        for ((text, values), rows) in texts.iter().zip(values).zip(counts) {
            let has_columns = rows >= COLUMN_ROWS;
            let mut template =
                Template { pieces: Vec::new(), values, ids: 0, has_columns, length_max: 0, is_chosen: true, seen: 0 };
            let mut pattern = Vec::new();
            let mut from = reading.literals.len();
            for byte in *text {
                let open = match *byte {
                    VALUE if has_columns => {
                        let column = next_column;
                        next_column += 1;
                        if lying[column].kind == CONSTANT {
                            reading.literals.extend_from_slice(lying[column].constant);
                            pattern.extend(lying[column].constant.iter().copied().map(Pattern::Byte));
                            continue;
                        }
                        template.length_max += lying[column].length_max();
                        pattern.push(lying[column].pattern());
                        Open::Own(column)
                    }
                    VALUE => {
                        template.length_max += lying[0].length_max();
                        pattern.push(Pattern::LettersAndDigits);
                        Open::Shared
                    }
                    ID => {
                        template.ids += 1;
                        template.length_max += TOKEN_MAX;
                        pattern.push(Pattern::Id);
                        Open::Id
                    }
                    literal => {
                        reading.literals.push(literal);
                        pattern.push(Pattern::Byte(literal));
                        continue;
                    }
                };
                template.pieces.push(Piece { literal: from..reading.literals.len(), open });
                from = reading.literals.len();
            }
            if from < reading.literals.len() {
                template.pieces.push(Piece { literal: from..reading.literals.len(), open: Open::Nothing });
            }
            template.length_max += template.pieces.iter().map(|piece| piece.literal.len()).sum::<usize>();
            // Of the others there are too many to be asked one by one.
            template.is_chosen = !has_columns || choice.needles.iter().all(|needle| may_have(&pattern, needle));
            if template.is_chosen {
                for piece in &template.pieces {
                    match piece.open {
                        Open::Own(column) => reading.columns[column] = Some(lying[column].open()),
                        Open::Shared if reading.columns[0].is_none() => reading.columns[0] = Some(lying[0].open()),
                        _ => {}
                    }
                }
            }
            reading.templates.push(template);
        }
        reading.literals.extend_from_slice(&[0; ROOM]);
        Ok(reading)
    }

    fn texts(&mut self, length: usize, choice: &Choice<'_>) -> io::Result<(Vec<i32>, Vec<u8>)> {
        /// Where a row's values are, and the next one of its template.
        struct Row {
            place: usize,
            value: usize,
            id: usize,
            next: Option<usize>,
        }
        let rows = self.of_rows.len();
        let mut offsets: Vec<i32> = Vec::with_capacity(rows + 1);
        offsets.push(0);
        let mut bytes = Vec::with_capacity(if choice.needles.is_empty() { length } else { 0 });
        let mut step = Step::default();
        // The first and the last row of each template in a step.
        let mut lists: Vec<Option<(usize, usize)>> = vec![None; self.templates.len()];
        let (mut touched, mut chosen) = (Vec::new(), Vec::<Row>::with_capacity(STEP_ROWS));
        let (mut next_shared, mut next_id) = (0, 0);
        for (begin, numbers) in (0..rows).step_by(STEP_ROWS).zip(self.of_rows.chunks(STEP_ROWS)) {
            chosen.clear();
            for (place, number) in numbers.iter().map(|number| *number as usize).enumerate() {
                let template = &mut self.templates[number];
                let mut row = Row { place, value: template.seen, id: next_id, next: None };
                next_id += template.ids;
                template.seen += 1;
                if !template.has_columns {
                    row.value = next_shared;
                    next_shared += template.values;
                }
                if !template.is_chosen || choice.rows.is_some_and(|rows| !rows.value(begin + place)) {
                    continue;
                }
                match &mut lists[number] {
                    Some((_, last)) => {
                        chosen[*last].next = Some(chosen.len());
                        *last = chosen.len();
                    }
                    none => {
                        *none = Some((chosen.len(), chosen.len()));
                        touched.push(number);
                    }
                }
                chosen.push(row);
            }
            step.begin(numbers.len());
            for number in touched.drain(..) {
                let template = &self.templates[number];
                let mut next = lists[number].take().map(|(first, _)| first);
                while let Some(row) = next {
                    let row = &chosen[row];
                    let start = step.at;
                    self.put_row(template, row.value, row.id, &mut step)?;
                    step.spans[row.place] = start..step.at;
                    next = row.next;
                }
            }
            for span in &step.spans {
                if !span.is_empty() {
                    bytes.extend_from_slice(&step.bytes[span.clone()]);
                }
                offsets.push(bytes.len() as i32);
            }
            if bytes.len() > SECTION_MAX {
                return Err(damaged("they are longer than they can be"));
            }
        }
        Ok((offsets, bytes))
    }

    fn put_row(&self, template: &Template, mut value: usize, mut id: usize, step: &mut Step) -> io::Result<()> {
        let missing = || damaged("a value is missing");
        step.make_room(template.length_max);
        for piece in &template.pieces {
            step.copy(&self.literals, piece.literal.start, piece.literal.end);
            let column = match piece.open {
                Open::Nothing => continue,
                Open::Id => {
                    let span = &self.id_spans[*self.ids.get(id).ok_or_else(missing)? as usize];
                    id += 1;
                    step.copy(&self.id_texts, span.start, span.end);
                    continue;
                }
                Open::Own(column) => column,
                Open::Shared => 0,
            };
            match self.columns[column].as_ref().ok_or_else(missing)? {
                Column::Small { numbers, digits } => step.number(u64::from(*numbers.get(value).ok_or_else(missing)?), *digits),
                Column::Large { numbers, digits } => step.number(*numbers.get(value).ok_or_else(missing)?, *digits),
                Column::Hex { bytes, width } => {
                    step.hex(bytes.get(value * width..(value + 1) * width).ok_or_else(missing)?);
                }
                Column::Text { ends, bytes } => {
                    let (start, end) = ends.get(value).zip(ends.get(value + 1)).ok_or_else(missing)?;
                    step.text(&bytes[*start as usize..*end as usize]);
                }
                Column::Constant(text) => step.text(text),
            }
            if matches!(piece.open, Open::Shared) {
                value += 1;
            }
        }
        Ok(())
    }
}

fn of_rows(planes: &[u8], rows: usize, templates: usize) -> io::Result<Vec<u32>> {
    let mut numbers = vec![0u32; rows];
    if rows > 0 && (!planes.len().is_multiple_of(rows) || planes.len() / rows > 4) {
        return Err(damaged("templates of rows are missing"));
    }
    for (plane, bytes) in planes.chunks_exact(rows.max(1)).enumerate() {
        numbers.iter_mut().zip(bytes).for_each(|(number, byte)| *number |= u32::from(*byte) << (8 * plane));
    }
    if numbers.iter().any(|number| *number as usize >= templates) {
        return Err(damaged("a row has a template that is not there"));
    }
    Ok(numbers)
}

type Ids = (Vec<u32>, Vec<Range<usize>>, Vec<u8>);

fn read_ids(texts: &[&[u8]], counts: &[usize], section: &[u8], new: &[u8]) -> io::Result<Ids> {
    let in_text = |text: &[u8]| text.iter().filter(|byte| **byte == ID).count();
    let count = texts.iter().zip(counts).map(|(text, rows)| in_text(text) * rows).sum();
    let mut input = Input(section);
    let distances = input.take(count)?;
    let mut spans = Vec::with_capacity(input.0.len());
    let mut bytes = Vec::with_capacity(2 * new.len() + ROOM);
    let mut new = Input(new);
    for kind in input.0 {
        let start = bytes.len();
        match *kind {
            ID_TEXT => {
                let length = new.byte()?.into();
                bytes.extend_from_slice(new.take(length)?);
            }
            ID_UUID => {
                let mut id = Input(new.take(16)?);
                for (place, part) in UUID_PARTS.iter().enumerate() {
                    if place > 0 {
                        bytes.push(b'-');
                    }
                    id.take(part.len() / 2)?.iter().for_each(|byte| bytes.extend_from_slice(&HEX_DIGITS[*byte as usize]));
                }
            }
            length => new.take(length.into())?.iter().for_each(|byte| bytes.extend_from_slice(&HEX_DIGITS[*byte as usize])),
        }
        spans.push(start..bytes.len());
    }
    bytes.extend_from_slice(&[0; ROOM]);
    let mut fresh = 0usize;
    let ids = distances.iter().map(|distance| {
        let place = match usize::from(*distance) {
            0 => {
                fresh += 1;
                Some(fresh - 1)
            }
            back => fresh.checked_sub(back),
        };
        place.filter(|place| *place < spans.len()).map(|place| place as u32).ok_or_else(|| damaged("an id is not there"))
    });
    Ok((ids.collect::<io::Result<_>>()?, spans, bytes))
}

const fn hex_digits() -> [[u8; 2]; 256] {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    pairs
}

static HEX_DIGITS: [[u8; 2]; 256] = hex_digits();

/// Texts of a few rows, in the order of their templates.
#[derive(Default)]
struct Step {
    bytes: Vec<u8>,
    at: usize,
    spans: Vec<Range<usize>>,
}

impl Step {
    fn begin(&mut self, rows: usize) {
        self.at = 0;
        self.spans.clear();
        self.spans.resize(rows, 0..0);
    }

    /// For a text of this length at most, so that nothing that is put is cut.
    fn make_room(&mut self, length: usize) {
        let needed = self.at + length + ROOM;
        if needed > self.bytes.len() {
            self.bytes.resize(needed.next_power_of_two(), 0);
        }
    }

    /// Of bytes with room behind them.
    #[inline(always)]
    fn copy(&mut self, from: &[u8], start: usize, end: usize) {
        let length = end - start;
        if length <= ROOM {
            self.bytes[self.at..self.at + ROOM].copy_from_slice(&from[start..start + ROOM]);
        } else {
            self.bytes[self.at..self.at + length].copy_from_slice(&from[start..end]);
        }
        self.at += length;
    }

    #[inline(always)]
    fn text(&mut self, text: &[u8]) {
        self.bytes[self.at..self.at + text.len()].copy_from_slice(text);
        self.at += text.len();
    }

    #[inline(always)]
    fn hex(&mut self, bytes: &[u8]) {
        let to = &mut self.bytes[self.at..self.at + 2 * bytes.len()];
        to.chunks_exact_mut(2).zip(bytes).for_each(|(pair, byte)| pair.copy_from_slice(&HEX_DIGITS[*byte as usize]));
        self.at += 2 * bytes.len();
    }

    /// With so many digits, or with as many as it has where that is 0.
    #[inline(always)]
    fn number(&mut self, number: u64, digits: usize) {
        if number < 100_000_000 && digits <= 8 {
            let each = eight_digits(number);
            let zeros = if digits > 0 { 8 - digits } else { (each.trailing_zeros() as usize / 8).min(7) };
            let text = (each | 0x3030_3030_3030_3030) >> (8 * zeros);
            self.bytes[self.at..self.at + 8].copy_from_slice(&text.to_le_bytes());
            self.at += 8 - zeros;
        } else {
            self.long_number(number, digits);
        }
    }

    #[inline(never)]
    fn long_number(&mut self, mut number: u64, digits: usize) {
        let length = if digits > 0 { digits } else { number.max(1).ilog10() as usize + 1 };
        for byte in self.bytes[self.at..self.at + length].iter_mut().rev() {
            *byte = b'0' + (number % 10) as u8;
            number /= 10;
        }
        self.at += length;
    }
}

/// Eight digits of a number below 100,000,000, the first in the lowest byte: all of them at once, by the steps in which such numbers
/// are split into halves.
#[inline(always)]
fn eight_digits(number: u64) -> u64 {
    let halves = (number / 10_000) | (number % 10_000) << 32;
    let hundreds = ((halves * 5_243) >> 19) & 0x0000_007f_0000_007f;
    let pairs = hundreds | (halves - 100 * hundreds) << 16;
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | (pairs - 10 * tens) << 8
}

/// What a place of a template can have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pattern {
    Byte(u8),
    Digits,
    HexDigits,
    LettersAndDigits,
    /// The same with hyphens.
    Id,
}

impl Pattern {
    fn can_have(self, byte: u8) -> bool {
        match self {
            Pattern::Byte(literal) => literal == byte,
            Pattern::Digits => byte.is_ascii_digit(),
            Pattern::HexDigits => is_hex(&[byte]),
            Pattern::LettersAndDigits => kind(byte) != OTHER,
            Pattern::Id => kind(byte) != OTHER || byte == b'-',
        }
    }
}

/// Whether a text of a template can have something in it, whatever its values are.
fn may_have(pattern: &[Pattern], needle: &Needle) -> bool {
    let Needle::Text(needle) = needle else { return true };
    // Before which places of the template the needle can have come so far; values may be of any length.
    let mut states = vec![true; pattern.len() + 1];
    let mut next = vec![false; pattern.len() + 1];
    for byte in needle {
        next.fill(false);
        for (at, of) in pattern.iter().enumerate() {
            match of {
                _ if !states[at] => {}
                Pattern::Byte(literal) => next[at + 1] |= literal == byte,
                value => {
                    states[at + 1] = true;
                    next[at] |= value.can_have(*byte);
                }
            }
        }
        std::mem::swap(&mut states, &mut next);
        if !states.contains(&true) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests;
