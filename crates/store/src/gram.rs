//! Which long texts a part may have, told without reading them. Of each run of nine neighbouring grams (eight bytes each) of a text, the
//! one with the smallest hash goes into a Bloom filter of its row group. A text of sixteen bytes or more that is looked for has at
//! least one such run, and whatever has it has the same smallest gram there: where the filter lacks it, the text is not. What repeats
//! from line to line, as most of a log does, costs nothing after the first time; an id of 32 digits costs about six bytes.

use std::collections::HashSet;

use model::TraceId;
use parquet::bloom_filter::Sbbf;

/// Bytes of a gram.
const GRAM: usize = 8;
/// Neighbouring grams of which the smallest counts.
const RUN: usize = 9;
/// The shortest text of which a filter says anything.
pub(crate) const TEXT_MIN: usize = GRAM + RUN - 1;
/// Bits of a filter for each gram: a false yes of one gram in about fifteen. Texts mostly have several.
const BITS: usize = 6;
/// Bytes of a block, which a filter has a whole number of.
const BLOCK_BYTES: usize = 32;

/// The grams of the texts of a row group.
#[derive(Debug)]
pub(crate) struct Grams {
    all: HashSet<u64, foldhash::fast::RandomState>,
    /// Some that were seen lately, by their last bits: most of a log's grams come again and again, and these stay in the processor's
    /// cache.
    recent: Box<[u64; RECENT]>,
}

const RECENT: usize = 4_096;

impl Default for Grams {
    fn default() -> Grams {
        Grams { all: HashSet::default(), recent: Box::new([0; RECENT]) }
    }
}

impl Grams {
    pub(crate) fn add(&mut self, text: &[u8]) {
        smallest(text, |gram| self.insert(gram));
    }

    pub(crate) fn add_trace(&mut self, id: TraceId) {
        self.insert(of_trace(id));
    }

    fn insert(&mut self, gram: u64) {
        let recent = &mut self.recent[gram as usize % RECENT];
        if *recent != gram || gram == 0 {
            *recent = gram;
            self.all.insert(gram);
        }
    }

    /// The filter of these, and none of them any more.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        self.recent.fill(0);
        let bytes = (self.all.len() * BITS).div_ceil(8 * BLOCK_BYTES).max(1) * BLOCK_BYTES;
        let mut filter = Sbbf::new(&vec![0; bytes]);
        self.all.drain().for_each(|gram| filter.insert(&gram));
        let mut written = Vec::with_capacity(bytes);
        filter.write_bitset(&mut written).expect("invariant: writing to memory does not fail");
        written
    }
}

/// Something that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needle {
    /// A part of the text.
    Text(Vec<u8>),
    /// A trace id that stands in the text, in whatever form.
    Trace(TraceId),
}

/// Whether texts of a filter may have it.
pub(crate) fn may_have(filter: &[u8], needle: &Needle) -> bool {
    if filter.is_empty() || !filter.len().is_multiple_of(BLOCK_BYTES) {
        return true;
    }
    let filter = Sbbf::new(filter);
    match needle {
        Needle::Trace(id) => filter.check(&of_trace(*id)),
        Needle::Text(text) => {
            let mut has_all = true;
            smallest(text, |gram| has_all = has_all && filter.check(&gram));
            has_all
        }
    }
}

fn of_trace(id: TraceId) -> u64 {
    let [first, second] = [0, 8].map(|at| u64::from_le_bytes(id.0[at..at + 8].try_into().unwrap_or_default()));
    mix(first ^ mix(second) ^ 0x7472_6163_6569_6473)
}

/// Gives the smallest gram of each run, once for as long as it stays the smallest.
fn smallest(text: &[u8], mut give: impl FnMut(u64)) {
    if text.len() < TEXT_MIN {
        return;
    }
    let mut ring = [u64::MAX; RUN];
    let (mut least, mut at_least) = (u64::MAX, 0);
    for (place, gram) in text.windows(GRAM).enumerate() {
        let hash = mix(u64::from_le_bytes(gram.try_into().unwrap_or_default()));
        ring[place % RUN] = hash;
        let is_new = if hash <= least {
            (least, at_least) = (hash, place);
            true
        } else if place >= at_least + RUN {
            // The smallest one has left the run.
            (least, at_least) = (u64::MAX, 0);
            for earlier in (place + 1 - RUN)..=place {
                if ring[earlier % RUN] <= least {
                    (least, at_least) = (ring[earlier % RUN], earlier);
                }
            }
            true
        } else {
            place + 1 == RUN
        };
        if is_new && place + 1 >= RUN {
            give(least);
        }
    }
}

/// SplitMix64's finaliser.
fn mix(bits: u64) -> u64 {
    let mut z = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_there_is_never_denied(texts in prop::collection::vec("[a-f0-9 -]{0,80}", 1..20), which in 0usize..20, from in 0usize..80, length in 16usize..40) {
            let mut grams = Grams::default();
            texts.iter().for_each(|text| grams.add(text.as_bytes()));
            let filter = grams.finish();
            let text = texts[which % texts.len()].as_bytes();
            let from = from.min(text.len());
            let part = text[from..(from + length).min(text.len())].to_vec();
            prop_assert!(may_have(&filter, &Needle::Text(part)));
        }
    }

    #[test]
    fn what_is_not_there_is_mostly_denied() {
        let id = |n: u64| format!("{:016x}{:016x}", mix(n), mix(n + 1_000_000));
        let mut grams = Grams::default();
        for n in 0..20_000 {
            grams.add(format!("2026-11-28T11:50:00.000Z INFO request {} took 12 ms", id(n)).as_bytes());
        }
        grams.add_trace(id(1).parse().unwrap());
        let filter = grams.finish();
        // Some six grams of an id, and little for the rest, which is the same each time.
        assert!(filter.len() < 20_000 * 8, "{}", filter.len());
        assert!((0..1_000).all(|n| may_have(&filter, &Needle::Text(id(n).into_bytes()))));
        let false_yes = (50_000..52_000).filter(|n| may_have(&filter, &Needle::Text(id(*n).into_bytes()))).count();
        assert!(false_yes < 10, "{false_yes}");
        assert!(may_have(&filter, &Needle::Trace(id(1).parse().unwrap())));
        // One gram alone: a false yes in about fifteen.
        assert!((50_000..50_100).filter(|n| may_have(&filter, &Needle::Trace(id(*n).parse().unwrap()))).count() < 20);
        assert!(may_have(&filter, &Needle::Text(b"too short".to_vec())));
    }
}
