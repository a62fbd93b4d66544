//! What a part cannot have, told in a few bits a trace and without opening its files: Bloom filters of its trace ids, and of the
//! annotations and users of each row group of its traces. They stand in the catalog, beside the part's row.

use std::collections::HashSet;

use model::digest::TraceDigest;
use model::{CompactString, TraceId};
pub(crate) use parquet::bloom_filter::Sbbf as Filter;

use crate::scan::Prefilter;
use crate::table::trace::value_text;

/// A false yes costs opening the part and reading a page of ids: about one in three hundred.
const TRACE_BITS: usize = 12;
/// A false yes costs reading a column of a row group: about one in a hundred.
const VALUE_BITS: usize = 10;
/// Bytes of a block, which a filter has a whole number of.
const BLOCK_BYTES: usize = 32;

/// The filters of a part of segments.
#[derive(Debug, Clone)]
pub(crate) struct PartFilter {
    traces: Filter,
    /// One for each row group of the trace table, in their order.
    groups: Vec<Filter>,
}

impl PartFilter {
    /// Of the ids of the traces that the part has documents of, and what was gathered of the groups.
    pub(crate) fn new(traces: &[TraceId], groups: Vec<Filter>) -> PartFilter {
        let mut filter = empty(traces.len() * TRACE_BITS);
        traces.iter().for_each(|id| filter.insert(&id.0[..]));
        PartFilter { traces: filter, groups }
    }

    /// Whether the part may have documents of the trace.
    pub(crate) fn may_have(&self, id: TraceId) -> bool {
        self.traces.check(&id.0[..])
    }

    /// Whether a trace of the row group may match.
    pub(crate) fn may_match(&self, group: usize, prefilter: &Prefilter) -> bool {
        self.groups.get(group).is_none_or(|filter| may_match(filter, prefilter))
    }

    /// Whether a trace of any row group may match.
    pub(crate) fn any_may_match(&self, prefilter: &Prefilter) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|filter| may_match(filter, prefilter))
    }

    /// Each filter behind its length; the first is that of the ids.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.memory_bytes() + 4 * (1 + self.groups.len()));
        for filter in std::iter::once(&self.traces).chain(&self.groups) {
            bytes.extend(((filter.num_blocks() * BLOCK_BYTES) as u32).to_le_bytes());
            filter.write_bitset(&mut bytes).expect("invariant: writing to memory does not fail");
        }
        bytes
    }

    /// None where the bytes are not what `to_bytes` makes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<PartFilter> {
        let mut filters = Vec::new();
        let mut rest = bytes;
        while let Some((length, behind)) = rest.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let (bits, after) = behind.split_at_checked(length)?;
            if length == 0 || !length.is_multiple_of(BLOCK_BYTES) {
                return None;
            }
            filters.push(Filter::new(bits));
            rest = after;
        }
        let mut filters = filters.into_iter();
        let traces = filters.next().filter(|_| rest.is_empty())?;
        Some(PartFilter { traces, groups: filters.collect() })
    }

    fn memory_bytes(&self) -> usize {
        std::iter::once(&self.traces).chain(&self.groups).map(|filter| filter.num_blocks() * BLOCK_BYTES).sum()
    }
}

fn empty(bits: usize) -> Filter {
    Filter::new(&vec![0; bits.div_ceil(8 * BLOCK_BYTES).max(1) * BLOCK_BYTES])
}

fn may_match(filter: &Filter, prefilter: &Prefilter) -> bool {
    match prefilter {
        Prefilter::And(parts) => parts.iter().all(|part| may_match(filter, part)),
        Prefilter::Or(parts) => parts.iter().any(|part| may_match(filter, part)),
        Prefilter::AnnotationText(key, value) => filter.check(annotation(key, value).as_str()),
        Prefilter::User(user) => filter.check(self::user(user).as_str()),
        Prefilter::Nothing => false,
        _ => true,
    }
}

fn annotation(key: &str, value: &str) -> CompactString {
    [key, "=", value].concat().into()
}

/// Keys of annotations hardly ever begin like this, and one that does costs a false yes.
fn user(name: &str) -> CompactString {
    ["\u{1f}", name].concat().into()
}

/// The annotations and users of some traces, each once.
#[derive(Debug, Default, Clone)]
pub(crate) struct Values(HashSet<CompactString, foldhash::fast::RandomState>);

impl Values {
    pub(crate) fn add(&mut self, digest: &TraceDigest) {
        for found in &digest.annotations {
            self.0.insert(annotation(&found.key, &value_text(&found.value)));
        }
        self.0.extend(digest.users.iter().map(|found| user(&found.text)));
    }

    pub(crate) fn extend(&mut self, others: &Values) {
        self.0.extend(others.0.iter().cloned());
    }

    pub(crate) fn filter(&self) -> Filter {
        let mut filter = empty(self.0.len() * VALUE_BITS);
        self.0.iter().for_each(|value| filter.insert(value.as_str()));
        filter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_found_and_little_else() {
        let id = |n: u32| TraceId(u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834).to_be_bytes());
        let ids: Vec<TraceId> = (0..5_000).map(id).collect();
        let mut values = Values::default();
        for n in 0..1_000 {
            values.0.insert(annotation("user_id", &format!("user-{n}")));
        }
        values.0.insert(user("admin"));
        let filter = PartFilter::new(&ids, vec![values.filter(), Values::default().filter()]);
        let filter = PartFilter::from_bytes(&filter.to_bytes()).unwrap();
        assert!(ids.iter().all(|&id| filter.may_have(id)));
        let wrong = (5_000..105_000).filter(|&n| filter.may_have(id(n))).count();
        assert!((1..1_000).contains(&wrong), "{wrong} in 100,000");

        let wanted = |n: u32| Prefilter::AnnotationText("user_id".to_owned(), format!("user-{n}"));
        assert!((0..1_000).all(|n| filter.may_match(0, &wanted(n)) && filter.any_may_match(&wanted(n))));
        let wrong = (1_000..11_000).filter(|&n| filter.may_match(0, &wanted(n))).count();
        assert!(wrong < 400, "{wrong} in 10,000");
        assert!(!filter.may_match(1, &wanted(0)));
        let (admin, other) = (Prefilter::User("admin".to_owned()), Prefilter::User("user-1".to_owned()));
        assert!(filter.may_match(0, &admin) && !filter.may_match(0, &other));
        let absent = Prefilter::AnnotationText("user_id".to_owned(), "nobody".to_owned());
        assert!(!filter.may_match(0, &Prefilter::And(vec![Prefilter::AnyFault, absent.clone()])));
        assert!(filter.may_match(0, &Prefilter::Or(vec![Prefilter::AnyFault, absent])));
    }

    #[test]
    fn bytes_that_are_no_filter_are_refused() {
        let bytes = PartFilter::new(&[TraceId([1; 16])], vec![Values::default().filter()]).to_bytes();
        assert_eq!(bytes.len(), 2 * (4 + BLOCK_BYTES));
        for length in (0..bytes.len()).filter(|length| *length != 4 + BLOCK_BYTES) {
            assert!(PartFilter::from_bytes(&bytes[..length]).is_none(), "{length}");
        }
        assert!(PartFilter::from_bytes(&[7; 40]).is_none());
    }
}
