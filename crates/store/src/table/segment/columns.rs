//! From segments to columns and back: one row for each entity of a document, its own first, then what is embedded in it, depth
//! first. The row of the document itself carries the document's number; `depth` says what is embedded in what.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{
    BooleanBuilder, FixedSizeBinaryBuilder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder, UInt8Builder, UInt64Builder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType, UInt8Type, UInt64Type};
use arrow_array::{
    Array, BooleanArray, FixedSizeBinaryArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt8Array,
    UInt64Array,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use model::owner::Owner;
use model::segment::{Aws, Cause, Http, HttpRequest, HttpResponse, Json, Members};
use model::time::{secs_to_us, us_to_secs};
use model::{Segment, SegmentId, TraceId};

use super::shared::{OTEL, Otel, join_metadata, split_metadata, split_otel};

pub(super) const TRACE_ID: &str = "trace_id";
pub(super) const SEQUENCE: &str = "sequence";

/// Columns that every row has something to say in, or that have a type of their own. Their places in the schema come first.
const HEAD: [&str; 6] = [TRACE_ID, SEQUENCE, "depth", "id", "parent_id", "start_time"];

/// Whole numbers.
const NUMBERS: [&str; 7] =
    ["duration_us", "start_time_bits", "end_time_bits", "http_status", "http_content_length", "otel_start_ns", "otel_end_ns"];

const FLAGS: [&str; 7] = ["in_progress", "error", "throttle", "fault", "inferred", "traced", "http_traced"];

const TEXTS: [&str; 20] = [
    "name",
    "type",
    "namespace",
    "origin",
    "resource_arn",
    "user",
    "http_method",
    "http_url",
    "http_user_agent",
    "http_client_ip",
    "aws_account_id",
    "aws_operation",
    "aws_region",
    "aws_request_id",
    "aws_table_name",
    "aws_bucket_name",
    "aws_queue_url",
    "aws_function_name",
    "aws_function_arn",
    "owner",
];

/// Texts that are JSON: what is not worth a column of its own, and what the model does not know.
pub(super) const JSONS: [&str; 12] = [
    "service",
    "sql",
    "annotations",
    "metadata",
    "cause",
    "links",
    "http_rest",
    "aws_rest",
    "rest",
    "otel",
    "otel_resource",
    "metadata_resource",
];

/// Texts of which there may be many. The others are dictionaries with short keys, which like numbers, flags and random bytes do not
/// become fewer by compression.
pub(super) const MANY: [&str; 8] = [
    "resource_arn",
    "user",
    "http_url",
    "http_user_agent",
    "http_client_ip",
    "aws_request_id",
    "aws_queue_url",
    "aws_function_arn",
];

/// Texts that hardly repeat: a dictionary of them would only be in the way.
pub(super) const DISTINCT: [&str; 4] = ["aws_request_id", "metadata", "cause", "links"];

/// A member of `rest` that stands for an empty list of subsegments; a list that is not empty is rows.
const SUBSEGMENTS: &str = "subsegments";
/// A member of `rest`: the trace id of an embedded subsegment, which real ones do not repeat.
const EMBEDDED_TRACE_ID: &str = "trace_id";

pub(super) static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = vec![
        Field::new(TRACE_ID, DataType::FixedSizeBinary(16), false),
        Field::new(SEQUENCE, DataType::UInt64, true),
        Field::new("depth", DataType::UInt8, false),
        Field::new("id", DataType::FixedSizeBinary(8), false),
        Field::new("parent_id", DataType::FixedSizeBinary(8), true),
        Field::new("start_time", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
    ];
    fields.extend(NUMBERS.map(|name| Field::new(name, DataType::Int64, true)));
    fields.extend(FLAGS.map(|name| Field::new(name, DataType::Boolean, true)));
    fields.extend(TEXTS.map(|name| Field::new(name, DataType::Utf8, name != TEXTS[0])));
    fields.extend(JSONS.map(|name| Field::new(name, DataType::Utf8, true)));
    Arc::new(Schema::new(fields))
});

/// How far a time is from the one that its whole microseconds give, in steps of its floating-point form. Documents carry times as
/// decimal fractions of any length; with this they are given back as they came.
fn time_bits(secs: f64, us: i64) -> Option<i64> {
    let bits = (secs.to_bits() as i64).wrapping_sub(us_to_secs(us).to_bits() as i64);
    (bits != 0).then_some(bits)
}

fn time(us: i64, bits: Option<i64>) -> f64 {
    f64::from_bits((us_to_secs(us).to_bits() as i64).wrapping_add(bits.unwrap_or(0)) as u64)
}

/// Rows on their way into a file.
pub(super) struct Builder {
    trace_id: FixedSizeBinaryBuilder,
    sequence: UInt64Builder,
    depth: UInt8Builder,
    id: FixedSizeBinaryBuilder,
    parent_id: FixedSizeBinaryBuilder,
    start_time: TimestampMicrosecondBuilder,
    numbers: [Int64Builder; NUMBERS.len()],
    flags: [BooleanBuilder; FLAGS.len()],
    texts: [StringBuilder; TEXTS.len()],
    jsons: [StringBuilder; JSONS.len()],
    pub(super) rows: usize,
    /// Roughly, of texts.
    pub(super) bytes: usize,
}

impl Builder {
    pub(super) fn new() -> Builder {
        Builder {
            trace_id: FixedSizeBinaryBuilder::new(16),
            sequence: UInt64Builder::new(),
            depth: UInt8Builder::new(),
            id: FixedSizeBinaryBuilder::new(8),
            parent_id: FixedSizeBinaryBuilder::new(8),
            start_time: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            numbers: std::array::from_fn(|_| Int64Builder::new()),
            flags: std::array::from_fn(|_| BooleanBuilder::new()),
            texts: std::array::from_fn(|_| StringBuilder::new()),
            jsons: std::array::from_fn(|_| StringBuilder::new()),
            rows: 0,
            bytes: 0,
        }
    }

    /// Adds a document.
    pub(super) fn append(&mut self, trace_id: TraceId, sequence: u64, segment: &Segment<'_>) -> Result<(), ArrowError> {
        self.append_entity(trace_id, Some(sequence), 0, segment)
    }

    fn append_entity(
        &mut self,
        trace_id: TraceId,
        sequence: Option<u64>,
        depth: u8,
        segment: &Segment<'_>,
    ) -> Result<(), ArrowError> {
        self.rows += 1;
        self.trace_id.append_value(trace_id.0)?;
        self.sequence.append_option(sequence);
        self.depth.append_value(depth);
        self.id.append_value(segment.id.0.to_be_bytes())?;
        match segment.parent_id {
            Some(parent_id) => self.parent_id.append_value(parent_id.0.to_be_bytes())?,
            None => self.parent_id.append_null(),
        }
        let start_us = segment.start_us();
        self.start_time.append_value(start_us);

        let request = segment.request();
        let response = segment.http.as_deref().and_then(|http| http.response.as_ref());
        let aws = segment.aws.as_deref();
        let Rest { rest, otel } = rest_of_segment(segment, depth);
        let numbers = [
            segment.end_us().map(|end_us| end_us - start_us),
            time_bits(segment.start_time, start_us),
            segment.end_time.and_then(|secs| time_bits(secs, secs_to_us(secs))),
            response.and_then(|response| response.status),
            response.and_then(|response| response.content_length),
            otel.nanos[0],
            otel.nanos[1],
        ];
        self.numbers.iter_mut().zip(numbers).for_each(|(builder, number)| builder.append_option(number));
        let flags = [
            segment.in_progress,
            segment.error,
            segment.throttle,
            segment.fault,
            segment.inferred,
            segment.traced,
            request.and_then(|request| request.traced),
        ];
        self.flags.iter_mut().zip(flags).for_each(|(builder, flag)| builder.append_option(flag));
        let texts = [
            Some(&segment.name),
            segment.kind.as_ref(),
            segment.namespace.as_ref(),
            segment.origin.as_ref(),
            segment.resource_arn.as_ref(),
            segment.user.as_ref(),
            request.and_then(|request| request.method.as_ref()),
            request.and_then(|request| request.url.as_ref()),
            request.and_then(|request| request.user_agent.as_ref()),
            request.and_then(|request| request.client_ip.as_ref()),
            aws.and_then(|aws| aws.account_id.as_ref()),
            aws.and_then(|aws| aws.operation.as_ref()),
            aws.and_then(|aws| aws.region.as_ref()),
            aws.and_then(|aws| aws.request_id.as_ref()),
            aws.and_then(|aws| aws.table_name.as_ref()),
            aws.and_then(|aws| aws.bucket_name.as_ref()),
            aws.and_then(|aws| aws.queue_url.as_ref()),
            aws.and_then(|aws| aws.function_name.as_ref()),
            aws.and_then(|aws| aws.function_arn.as_ref()),
        ];
        let owner = segment.owner.as_ref().map(|owner| Cow::Borrowed(owner.as_str()));
        for (builder, text) in self.texts.iter_mut().zip(texts.into_iter().chain([owner.as_ref()])) {
            self.bytes += text.map_or(0, |text| text.len());
            builder.append_option(text.map(AsRef::as_ref));
        }
        let split_metadata = segment.metadata.as_ref().and_then(split_metadata);
        let (metadata, metadata_resource) = match &split_metadata {
            Some((rest, resource)) => (Some(rest.as_str()), Some(resource.as_str())),
            None => (segment.metadata.as_ref().map(Json::as_str), None),
        };
        let (cause, links, http_rest, aws_rest);
        let jsons = [
            segment.service.as_ref().map(Json::as_str),
            segment.sql.as_ref().map(Json::as_str),
            segment.annotations.as_ref().map(Json::as_str),
            metadata,
            {
                cause = segment.cause.as_ref().map(Cause::to_json);
                cause.as_deref()
            },
            {
                links = segment.links.as_deref().map(Json::list);
                links.as_deref()
            },
            {
                http_rest = segment.http.as_deref().and_then(rest_of_http);
                http_rest.as_deref()
            },
            {
                aws_rest = aws.and_then(rest_of_aws);
                aws_rest.as_deref()
            },
            rest.as_deref(),
            otel.alike.as_deref(),
            otel.resource.as_deref(),
            metadata_resource,
        ];
        for (builder, json) in self.jsons.iter_mut().zip(jsons) {
            self.bytes += json.map_or(0, str::len);
            builder.append_option(json);
        }
        for child in segment.children() {
            self.append_entity(trace_id, None, depth.saturating_add(1), child)?;
        }
        Ok(())
    }

    /// The rows so far; the builder is empty again.
    pub(super) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(self.trace_id.finish()),
            Arc::new(self.sequence.finish()),
            Arc::new(self.depth.finish()),
            Arc::new(self.id.finish()),
            Arc::new(self.parent_id.finish()),
            Arc::new(self.start_time.finish().with_timezone("UTC")),
        ];
        columns.extend(self.numbers.iter_mut().map(|builder| Arc::new(builder.finish()) as Arc<dyn Array>));
        columns.extend(self.flags.iter_mut().map(|builder| Arc::new(builder.finish()) as Arc<dyn Array>));
        columns.extend(self.texts.iter_mut().map(|builder| Arc::new(builder.finish()) as Arc<dyn Array>));
        columns.extend(self.jsons.iter_mut().map(|builder| Arc::new(builder.finish()) as Arc<dyn Array>));
        self.rows = 0;
        self.bytes = 0;
        RecordBatch::try_new(SCHEMA.clone(), columns)
    }
}

/// What the columns do not say of `http`: members without a column, and objects that are there but have nothing in a column.
fn rest_of_http(http: &Http<'_>) -> Option<String> {
    let request = http.request.as_ref().filter(|request| {
        let HttpRequest { method, url, user_agent, client_ip, traced, rest } = request;
        !rest.is_empty() || [method, url, user_agent, client_ip].iter().all(|text| text.is_none()) && traced.is_none()
    });
    let response = http.response.as_ref().filter(|response| {
        let HttpResponse { status, content_length, rest } = response;
        !rest.is_empty() || status.is_none() && content_length.is_none()
    });
    let is_empty = http.request.is_none() && http.response.is_none();
    if http.rest.is_empty() && request.is_none() && response.is_none() && !is_empty {
        return None;
    }
    let mut rest = http.rest.clone();
    let of = |members: &Members<'_>| Json::from_well_formed(members.to_json());
    rest.0.extend(request.map(|request| ("request".into(), of(&request.rest))));
    rest.0.extend(response.map(|response| ("response".into(), of(&response.rest))));
    Some(rest.to_json())
}

fn rest_of_aws(aws: &Aws<'_>) -> Option<String> {
    let Aws { account_id, operation, region, request_id, table_name, bucket_name, queue_url, function_name, function_arn, rest } =
        aws;
    let texts = [account_id, operation, region, request_id, table_name, bucket_name, queue_url, function_name, function_arn];
    (!rest.is_empty() || texts.iter().all(|text| text.is_none())).then(|| rest.to_json())
}

/// What columns do not say of a document, and its member `otel` in parts.
struct Rest<'a> {
    rest: Option<String>,
    otel: Otel<'a>,
}

fn rest_of_segment<'a>(segment: &Segment<'a>, depth: u8) -> Rest<'a> {
    let embedded_trace_id = segment.trace_id.filter(|_| depth > 0);
    let is_empty_list = segment.subsegments.as_ref().is_some_and(Vec::is_empty);
    let place = segment.rest.0.iter().position(|(key, _)| key == OTEL);
    let is_one = segment.rest.0.iter().filter(|(key, _)| key == OTEL).count() == 1;
    let place = place.filter(|_| is_one);
    let mut otel = place.and_then(|place| split_otel(&segment.rest.0[place].1)).unwrap_or_default();
    let is_split = otel != Otel::default();
    let left = std::mem::take(&mut otel.rest);
    let is_all = is_split && left.is_empty() && segment.rest.0.len() == 1;
    if (segment.rest.is_empty() || is_all) && embedded_trace_id.is_none() && !is_empty_list {
        return Rest { rest: None, otel };
    }
    let mut rest = segment.rest.clone();
    if let Some(place) = place.filter(|_| is_split) {
        match left.is_empty() {
            true => drop(rest.0.remove(place)),
            false => rest.0[place].1 = Json::from_well_formed(left.to_json()),
        }
    }
    rest.0.extend(embedded_trace_id.map(|id| (EMBEDDED_TRACE_ID.into(), Json::from_well_formed(format!("\"{id}\"")))));
    rest.0.extend(is_empty_list.then(|| (SUBSEGMENTS.into(), Json::from_well_formed("[]"))));
    Rest { rest: Some(rest.to_json()), otel }
}

/// A batch's columns, to read rows from. A column that is missing says nothing in any row.
pub(super) struct Rows<'b> {
    trace_id: &'b FixedSizeBinaryArray,
    sequence: &'b UInt64Array,
    depth: &'b UInt8Array,
    id: &'b FixedSizeBinaryArray,
    parent_id: Option<&'b FixedSizeBinaryArray>,
    start_time: &'b TimestampMicrosecondArray,
    numbers: [Option<&'b Int64Array>; NUMBERS.len()],
    flags: [Option<&'b BooleanArray>; FLAGS.len()],
    texts: [Option<&'b StringArray>; TEXTS.len()],
    jsons: [Option<&'b StringArray>; JSONS.len()],
}

impl<'b> Rows<'b> {
    /// The batch has columns of the schema, in its order.
    pub(super) fn of(batch: &'b RecordBatch) -> Rows<'b> {
        let schema = batch.schema_ref();
        let mut next = 0;
        let mut column = |name: &str| {
            let found = schema.fields().get(next).is_some_and(|field| field.name() == name);
            next += usize::from(found);
            found.then(|| batch.column(next - 1))
        };
        let mut required = |name| column(name).expect("invariant: every file has the columns that every row needs");
        let (trace_id, sequence, depth, id) = (required(HEAD[0]), required(HEAD[1]), required(HEAD[2]), required(HEAD[3]));
        let parent_id = column(HEAD[4]);
        let start_time = column(HEAD[5]).expect("invariant: every file has the columns that every row needs");
        Rows {
            trace_id: trace_id.as_fixed_size_binary(),
            sequence: sequence.as_primitive::<UInt64Type>(),
            depth: depth.as_primitive::<UInt8Type>(),
            id: id.as_fixed_size_binary(),
            parent_id: parent_id.map(|array| array.as_fixed_size_binary()),
            start_time: start_time.as_primitive::<TimestampMicrosecondType>(),
            numbers: NUMBERS.map(|name| column(name).map(|array| array.as_primitive::<Int64Type>())),
            flags: FLAGS.map(|name| column(name).map(|array| array.as_boolean())),
            texts: TEXTS.map(|name| column(name).map(|array| array.as_string::<i32>())),
            jsons: JSONS.map(|name| column(name).map(|array| array.as_string::<i32>())),
        }
    }

    fn trace_id(&self, row: usize) -> TraceId {
        TraceId(self.trace_id.value(row).try_into().unwrap_or_default())
    }

    /// The number of the document whose own row this is.
    fn sequence(&self, row: usize) -> Option<u64> {
        self.sequence.is_valid(row).then(|| self.sequence.value(row))
    }

    /// The documents in these rows, with their numbers.
    pub(super) fn documents(&self, rows: Range<usize>) -> Vec<(u64, Segment<'b>)> {
        let mut documents: Vec<(u64, Segment<'b>)> = Vec::new();
        let mut row = rows.start;
        while row < rows.end {
            let Some(sequence) = self.sequence(row) else {
                row += 1;
                continue;
            };
            let mut segment = self.entity(row);
            segment.trace_id = Some(self.trace_id(row));
            row = self.embed(&mut segment, row + 1, rows.end);
            documents.push((sequence, segment));
        }
        documents
    }

    /// Puts the rows below `parent` into it. Returns the first row behind them.
    fn embed(&self, parent: &mut Segment<'b>, first: usize, end: usize) -> usize {
        let mut row = first;
        let depth = self.depth.value(first - 1);
        while row < end && self.sequence.is_null(row) && self.depth.value(row) > depth {
            let mut child = self.entity(row);
            row = self.embed(&mut child, row + 1, end);
            parent.subsegments.get_or_insert_default().push(child);
        }
        row
    }

    /// One row, without what is embedded in it.
    fn entity(&self, row: usize) -> Segment<'b> {
        let id = |array: &'b FixedSizeBinaryArray| SegmentId(u64::from_be_bytes(array.value(row).try_into().unwrap_or_default()));
        let [duration_us, start_bits, end_bits, status, content_length, start_ns, end_ns] =
            self.numbers.map(|array| array.filter(|array| array.is_valid(row)).map(|array| array.value(row)));
        let [in_progress, error, throttle, fault, inferred, traced, http_traced] =
            self.flags.map(|array| array.filter(|array| array.is_valid(row)).map(|array| array.value(row)));
        let [
            name,
            kind,
            namespace,
            origin,
            resource_arn,
            user,
            method,
            url,
            user_agent,
            client_ip,
            account_id,
            operation,
            region,
            request_id,
            table_name,
            bucket_name,
            queue_url,
            function_name,
            function_arn,
            owner,
        ] = self.texts.map(|array| array.filter(|array| array.is_valid(row)).map(|array| Cow::Borrowed(array.value(row))));
        let [service, sql, annotations, metadata, cause, links, http_rest, aws_rest, rest, otel, otel_resource, metadata_resource] =
            self.jsons.map(|array| array.filter(|array| array.is_valid(row)).map(|array| array.value(row)));
        let json = |text: Option<&'b str>| text.map(Json::from_well_formed);
        let members = |text: Option<&'b str>| json(text).map(|json| json.members()).unwrap_or_default();

        let start_us = self.start_time.value(row);
        let mut segment = Segment::new(id(self.id), name.unwrap_or_default(), time(start_us, start_bits));
        segment.owner = owner.map(|text| Owner::of_text(&text));
        segment.parent_id = self.parent_id.filter(|array| array.is_valid(row)).map(id);
        segment.end_time = duration_us.map(|duration_us| time(start_us.wrapping_add(duration_us), end_bits));
        segment.in_progress = in_progress;
        segment.kind = kind;
        segment.namespace = namespace;
        segment.origin = origin;
        segment.resource_arn = resource_arn;
        segment.user = user;
        segment.error = error;
        segment.throttle = throttle;
        segment.fault = fault;
        segment.inferred = inferred;
        segment.traced = traced;

        let has_request = method.is_some() || url.is_some() || user_agent.is_some() || client_ip.is_some() || http_traced.is_some();
        let has_response = status.is_some() || content_length.is_some();
        if has_request || has_response || http_rest.is_some() {
            let mut http = Http { rest: members(http_rest), ..Http::default() };
            let (request_rest, response_rest) = (take(&mut http.rest, "request"), take(&mut http.rest, "response"));
            if has_request || request_rest.is_some() {
                let rest = request_rest.map(|json| json.members()).unwrap_or_default();
                http.request = Some(HttpRequest { method, url, user_agent, client_ip, traced: http_traced, rest });
            }
            if has_response || response_rest.is_some() {
                let rest = response_rest.map(|json| json.members()).unwrap_or_default();
                http.response = Some(HttpResponse { status, content_length, rest });
            }
            segment.http = Some(Box::new(http));
        }
        let aws = Aws {
            account_id,
            operation,
            region,
            request_id,
            table_name,
            bucket_name,
            queue_url,
            function_name,
            function_arn,
            rest: members(aws_rest),
        };
        if aws_rest.is_some() || aws != Aws::default() {
            segment.aws = Some(Box::new(aws));
        }
        segment.service = json(service);
        segment.sql = json(sql);
        segment.annotations = json(annotations);
        segment.metadata = match (metadata, metadata_resource) {
            (Some(rest), Some(resource)) => Some(join_metadata(rest, resource)),
            (metadata, _) => json(metadata),
        };
        segment.cause = cause.and_then(model::segment::parse_cause);
        segment.links = json(links).and_then(|links| links.elements());
        if rest.is_some() {
            segment.rest = members(rest);
            segment.trace_id =
                take(&mut segment.rest, EMBEDDED_TRACE_ID).and_then(|id| id.text()).and_then(|text| text.parse().ok());
            segment.subsegments = take(&mut segment.rest, SUBSEGMENTS).map(|_| Vec::new());
        }
        if otel.is_some() || otel_resource.is_some() || start_ns.is_some() {
            let left = take(&mut segment.rest, OTEL).map(|json| json.members()).unwrap_or_default();
            let [alike, resource] = [otel, otel_resource].map(|text| text.map(Cow::Borrowed));
            let otel = Otel { alike, resource, nanos: [start_ns, end_ns], rest: left };
            segment.rest.0.extend(otel.join().map(|json| (OTEL.into(), json)));
        }
        segment
    }
}

/// Takes a member out.
fn take<'a>(members: &mut Members<'a>, key: &str) -> Option<Json<'a>> {
    let place = members.0.iter().position(|(known, _)| known == key)?;
    Some(members.0.remove(place).1)
}
