//! Segment documents.

use std::fmt;

use bytes::Bytes;
use model::limit;
use model::quota::Quotas;
use model::segment::{self, DocumentError};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;
use store::NewDocument;

use crate::{Ingest, Result};

/// A document that was not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub id: Option<String>,
    pub code: &'static str,
    pub message: String,
}

impl From<DocumentError> for Rejected {
    fn from(err: DocumentError) -> Rejected {
        Rejected { id: err.id, code: err.code, message: err.message }
    }
}

impl Ingest {
    /// Takes documents in. When this returns, the good ones are durable; the others come back. One text may hold an array.
    pub async fn documents(&self, texts: Vec<Bytes>) -> Result<Vec<Rejected>> {
        let mut good = Vec::with_capacity(texts.len());
        let mut rejected = Vec::new();
        let came: usize = texts.iter().map(Bytes::len).sum();
        for text in texts {
            self.sort_out(text, &mut good, &mut rejected);
        }
        if good.iter().map(|document| document.raw.len()).sum::<usize>() < came / 2 {
            good.iter_mut().for_each(detach);
        }
        let accepted = good.len() as u64;
        self.store.append_of(self.owner.clone(), good).await?;
        self.counters.accepted(accepted);
        Ok(rejected)
    }

    fn sort_out(&self, text: Bytes, good: &mut Vec<NewDocument>, rejected: &mut Vec<Rejected>) {
        if text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
            match serde_json::from_slice::<Elements<'_>>(&text) {
                Ok(Elements(elements)) => {
                    for element in elements {
                        self.take(text.slice_ref(element.get().as_bytes()), good, rejected);
                    }
                }
                Err(err) => {
                    self.counters.segment_rejected("JSONFormatError");
                    rejected.push(Rejected {
                        id: None,
                        code: "JSONFormatError",
                        message: format!("the document cannot be read: {err}"),
                    });
                }
            }
        } else {
            self.take(text, good, rejected);
        }
    }

    fn take(&self, raw: Bytes, good: &mut Vec<NewDocument>, rejected: &mut Vec<Rejected>) {
        match check(raw, &self.quotas) {
            Ok(document) => good.push(document),
            Err(err) => {
                self.counters.segment_rejected(err.code);
                rejected.push(err.into());
            }
        }
    }
}

/// The elements of a JSON array, of which there may be as many as documents in a request.
struct Elements<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Elements<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of documents")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    if elements.len() == limit::DOCUMENTS_PER_ARRAY {
                        return Err(A::Error::custom(format!("an array may have {} documents", limit::DOCUMENTS_PER_ARRAY)));
                    }
                    elements.push(element);
                }
                Ok(Elements(elements))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

/// Texts of one request share their memory. Where little of it is kept, that little is copied, so that the rest goes.
pub(super) fn detach(document: &mut NewDocument) {
    document.raw = Bytes::copy_from_slice(&document.raw);
}

/// Reads the document, to know that it can be read and to which trace it belongs. The store takes the text.
pub(super) fn check(raw: Bytes, quotas: &Quotas) -> Result<NewDocument, DocumentError> {
    segment::check_size(&raw, quotas.document_bytes)?;
    let trace_id = segment::parse_trace_id(&raw)?;
    Ok(NewDocument { trace_id, raw })
}
