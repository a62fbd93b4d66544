//! Reading the body of PutTraceSegments: one object with one member, an array of JSON documents that are texts in JSON. Every
//! quote in them is escaped, which makes the general reader stop some hundred times a document; this one takes eight bytes at
//! a time and puts all documents of a request into one buffer. It takes the plain form only: whatever else comes is left to
//! the general reader, which knows how to name mistakes.

use bytes::Bytes;

#[cfg(test)]
mod tests;

const MEMBER: &[u8] = b"\"TraceSegmentDocuments\"";

/// The documents, or nothing where the body is not of the plain form.
pub(super) fn read(body: &[u8]) -> Option<Vec<Bytes>> {
    std::str::from_utf8(body).ok()?;
    let mut reader = Reader { body, at: 0, buffer: vec![0; body.len() + STEP], filled: 0 };
    let mut ends = Vec::with_capacity(model::limit::DOCUMENTS_PER_ARRAY);
    reader.expect(b"{")?;
    reader.expect(MEMBER)?;
    reader.expect(b":")?;
    reader.expect(b"[")?;
    if reader.expect(b"]").is_none() {
        loop {
            reader.expect(b"\"")?;
            reader.text()?;
            ends.push(reader.filled);
            if reader.expect(b",").is_none() {
                reader.expect(b"]")?;
                break;
            }
        }
    }
    reader.expect(b"}")?;
    reader.skip_whitespace();
    if reader.at < body.len() {
        return None;
    }
    reader.buffer.truncate(reader.filled);
    if reader.buffer.capacity() > 2 * reader.filled {
        // A body of hardly anything but escapes: what is kept must not hold many times its size.
        reader.buffer.shrink_to_fit();
    }
    let buffer = Bytes::from(reader.buffer);
    let mut start = 0;
    Some(ends.into_iter().map(|end| buffer.slice(std::mem::replace(&mut start, end)..end)).collect())
}

const STEP: usize = 8;

struct Reader<'b> {
    body: &'b [u8],
    at: usize,
    /// As long as the body and a step more: a text is never longer than its escaped form.
    buffer: Vec<u8>,
    filled: usize,
}

impl Reader<'_> {
    fn skip_whitespace(&mut self) {
        while matches!(self.body.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Whitespace, then these bytes; stays where it is if they do not come.
    fn expect(&mut self, bytes: &[u8]) -> Option<()> {
        self.skip_whitespace();
        self.at += self.body[self.at..].starts_with(bytes).then_some(bytes.len())?;
        Some(())
    }

    fn put(&mut self, bytes: &[u8]) {
        self.buffer[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
    }

    /// The rest of a text up to its closing quote, unescaped.
    fn text(&mut self) -> Option<()> {
        loop {
            // Whole steps are copied even when they end early; what follows overwrites the surplus.
            while let Some(&step) = self.body[self.at..].first_chunk::<STEP>() {
                self.buffer[self.filled..self.filled + STEP].copy_from_slice(&step);
                let plain = plain_bytes(u64::from_le_bytes(step));
                self.at += plain;
                self.filled += plain;
                if plain < STEP {
                    break;
                }
            }
            match *self.body.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.escape()?,
                0..0x20 => return None,
                byte => {
                    self.at += 1;
                    self.put(&[byte]);
                }
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let byte = match *self.body.get(self.at + 1)? {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.escaped_char(),
            _ => return None,
        };
        self.at += 2;
        self.put(&[byte]);
        Some(())
    }

    /// `\uXXXX`, or two of them that are one character.
    fn escaped_char(&mut self) -> Option<()> {
        let high = self.escaped_unit()?;
        let char = match char::from_u32(high) {
            Some(char) => char,
            None => {
                let low = if (0xd800..0xdc00).contains(&high) { self.escaped_unit()? } else { return None };
                let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + low)?
            }
        };
        self.put(char.encode_utf8(&mut [0; 4]).as_bytes());
        Some(())
    }

    fn escaped_unit(&mut self) -> Option<u32> {
        let digits = self.body[self.at..].strip_prefix(b"\\u")?.get(..4)?;
        self.at += 6;
        digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
    }
}

/// How many of these bytes, from the lowest, stand for themselves in a JSON text.
fn plain_bytes(step: u64) -> usize {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The high bit of every byte below `n`, exact up to the first such byte.
    let below = |bytes: u64, n: u64| bytes.wrapping_sub(LOW * n) & !bytes & HIGH;
    let special = below(step ^ (LOW * u64::from(b'"')), 1) | below(step ^ (LOW * u64::from(b'\\')), 1) | below(step, 0x20);
    // No bit set counts as 64.
    special.trailing_zeros() as usize / 8
}
