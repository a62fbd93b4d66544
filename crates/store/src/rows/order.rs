//! In which order rows are written.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch, StringArray};
use arrow_ord::sort::{SortColumn, lexsort_to_indices};

use super::{ColumnKind, RowTable};
use crate::error::Result;

/// The rows of a batch in the order of the table.
pub(super) fn order(table: &'static RowTable, batch: &RecordBatch) -> Result<Vec<u32>> {
    let Some(keys) = keys(table, batch) else {
        let by = |name: &&str| SortColumn { values: batch.column(table.place(name)).clone(), options: None };
        let order = lexsort_to_indices(&table.sort.iter().map(by).collect::<Vec<_>>(), None).map_err(|err| table.error(err))?;
        return Ok(order.values().to_vec());
    };
    let mut order: Vec<u32> = (0..batch.num_rows() as u32).collect();
    // Rows mostly came in their order: what is sorted in part already is sorted sooner by a stable sort.
    match &keys[..] {
        [first, second] => order.sort_by_key(|&row| (first[row as usize], second[row as usize])),
        _ => order.sort_by(|&a, &b| {
            let by_key = keys.iter().map(|key| key[a as usize].cmp(&key[b as usize]));
            by_key.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        }),
    }
    Ok(order)
}

/// Numbers that are ordered as the columns are; columns of texts that stand side by side have numbers together. None of columns that have none.
fn keys(table: &'static RowTable, batch: &RecordBatch) -> Option<Vec<Vec<i64>>> {
    let mut keys: Vec<Vec<i64>> = Vec::new();
    // How many numbers the last of them has, where it is of texts.
    let mut span = None::<i64>;
    for name in table.sort {
        let place = table.place(name);
        let column = batch.column(place);
        match table.columns[place].kind {
            ColumnKind::Text => {
                let (ranks, count) = ranks(column.as_string());
                match (span.and_then(|span| span.checked_mul(count)), keys.last_mut()) {
                    (Some(product), Some(last)) => {
                        last.iter_mut().zip(ranks).for_each(|(key, rank)| *key = *key * count + rank);
                        span = Some(product);
                    }
                    _ => {
                        keys.push(ranks);
                        span = Some(count);
                    }
                }
            }
            ColumnKind::Time if column.null_count() == 0 => {
                keys.push(column.as_primitive::<TimestampMicrosecondType>().values().to_vec());
                span = None;
            }
            ColumnKind::Whole if column.null_count() == 0 => {
                keys.push(column.as_primitive::<Int64Type>().values().to_vec());
                span = None;
            }
            _ => return None,
        }
    }
    Some(keys)
}

/// The place of each text among those that are different, after rows without one; and how many places there are.
fn ranks(texts: &StringArray) -> (Vec<i64>, i64) {
    let mut numbers: HashMap<&str, usize, foldhash::fast::RandomState> = HashMap::default();
    // Number of a row's text, in the order in which texts come.
    let mut of_row: Vec<Option<usize>> = Vec::with_capacity(texts.len());
    let mut last = None::<(&str, usize)>;
    for text in texts {
        let number = text.map(|text| match last {
            Some((same, number)) if same == text => number,
            _ => {
                let next = numbers.len();
                let number = *numbers.entry(text).or_insert(next);
                last = Some((text, number));
                number
            }
        });
        of_row.push(number);
    }
    let mut different: Vec<(&str, usize)> = numbers.into_iter().collect();
    different.sort_unstable();
    let mut rank_of = vec![0; different.len()];
    different.iter().enumerate().for_each(|(rank, (_, number))| rank_of[*number] = rank as i64 + 1);
    (of_row.into_iter().map(|number| number.map_or(0, |number| rank_of[number])).collect(), different.len() as i64 + 1)
}
