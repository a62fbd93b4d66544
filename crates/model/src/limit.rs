//! Numbers that protect the server, with their sources. "AWS" marks the X-Ray developer guide's own figure. What AWS limits its accounts to is
//! set in `quota`.

/// Bytes of one OTLP request, unpacked. AWS takes 5 MB; collectors send more by default.
pub const OTLP_BYTES: usize = 16 * 1024 * 1024;
/// Resources, scopes, spans, attributes, events and links of one OTLP request, taken together: 10,000 spans of thirty attributes have a third of
/// this. Each takes up to 250 bytes, however few it has in the message.
pub const OTLP_ELEMENTS: usize = 1_000_000;
/// Documents in one text that holds an array of them.
pub const DOCUMENTS_PER_ARRAY: usize = 50;
/// Bytes of a request body. 50 documents of 64 KB, each escaped into a JSON string, stay below it.
pub const REQUEST_BYTES: usize = 8 * 1024 * 1024;
/// Characters of a segment's name (AWS).
pub const NAME_CHARS: usize = 200;
/// Distinct annotation keys indexed per trace (AWS).
pub const ANNOTATION_KEYS_PER_TRACE: usize = 50;
/// Characters of an annotation's string value that are indexed (AWS schema).
pub const ANNOTATION_VALUE_CHARS: usize = 1_000;
/// Characters of an exception message kept in the index; the document keeps all of it.
pub const INDEXED_MESSAGE_CHARS: usize = 1_000;
/// Segments and subsegments of one trace that are put together. AWS's limit is 500 KB a trace; what goes beyond ours is kept,
/// and the trace says that it is not shown whole.
pub const ENTITIES_PER_TRACE: usize = 20_000;
/// Bytes of one trace's documents that are read to put it together.
pub const TRACE_BYTES: usize = 32 * 1024 * 1024;
/// Distinct annotation values, users, resources and links indexed per trace: each is compared with the others.
pub const INDEXED_VALUES_PER_TRACE: usize = 1_000;
/// Characters of a name of a service or entity that are indexed (AWS: names have no more).
pub const INDEXED_NAME_CHARS: usize = 200;
/// Characters of a URL that are indexed; the document keeps all of it.
pub const INDEXED_URL_CHARS: usize = 2_000;
/// Characters of a user, a user agent or a resource name that are indexed.
pub const INDEXED_TEXT_CHARS: usize = 500;
/// Entities on the way to a root cause; of a longer way its ends are listed.
pub const ROOT_CAUSE_PATH: usize = 64;
/// Bytes of names and exceptions listed with one root cause, those nearest to the culprit first.
pub const ROOT_CAUSE_BYTES: usize = 6 * 1024;
/// Root causes of one kind listed for a trace.
pub const ROOT_CAUSES_PER_TRACE: usize = 20;
/// Traces on one page of a retrieval, and spans of a trace on it (AWS).
pub const RETRIEVED_TRACES_PER_PAGE: usize = 5;
pub const RETRIEVED_SPANS_PER_PAGE: usize = 100;
/// Dimensions of a metric (AWS).
pub const DIMENSIONS_PER_METRIC: usize = 30;
/// Different values that come together (AWS: 150). Distributions keep more than this.
pub const VALUES_PER_METRIC: usize = 150;
/// Characters of a metric math expression, a search or a query of Metrics Insights (AWS: 2,048).
pub const EXPRESSION_CHARS: usize = 2_048;
/// Characters of a filter expression. AWS states none; a longer one is a mistake or an attack.
pub const FILTER_CHARS: usize = 4_000;
/// Nesting of parentheses and braces in a filter expression.
pub const FILTER_DEPTH: usize = 50;
/// Trace summaries on one page.
pub const SUMMARIES_PER_PAGE: usize = 100;
/// Traces looked at for one page of summaries; a page that finds little ends there and carries a token.
pub const TRACES_SCANNED_PER_PAGE: usize = 100_000;
/// Services on one page of a graph.
pub const SERVICES_PER_PAGE: usize = 1_000;
/// Insights, and events of one, on a page (AWS).
pub const INSIGHTS_PER_PAGE: usize = 100;
pub const INSIGHT_EVENTS_PER_PAGE: usize = 50;
/// Links of one service that a graph of retrieved traces lists (AWS).
pub const GRAPH_LINKS: usize = 100;
/// How long a paging token can be used.
pub const PAGE_TOKEN_SECS: i64 = 3_600;
/// A trace id's own time counts as the trace's time when it lies this close to the start of its segments; otherwise the id
/// was made in W3C form, whose first digits are random.
pub const TRACE_ID_TIME_SLACK_SECS: i64 = 24 * 3_600;
/// A call marked `traced` waits this long for the callee's own segment before it is shown as an uninstrumented remote.
pub const TRACED_GRACE_SECS: i64 = 15;
/// Links between traces that one graph follows; each needs a look at the other trace.
pub const LINKS_PER_GRAPH: usize = 2_000;
