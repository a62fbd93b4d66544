//! OTLP over gRPC and over HTTP: spans, metrics and log records in. Errors are in the protocol's own form, and say what was refused and why.

use std::future::Future;
use std::io::Read;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::{Buf, Bytes};
use model::{Kind, limit};
use otlp::bound::{self, Unreadable};
use otlp::proto::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse};
use otlp::proto::collector::metrics::v1::{ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use otlp::proto::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::UnaryService;
use tonic::{Code, Status};
use tracing::{debug, error};

use crate::app::{App, Asking};
use crate::body;
use crate::error::ApiError;

/// Calls over gRPC that are taken in at the same time, each with a message of at most `limit::OTLP_BYTES`.
pub(crate) const CALLS_MAX: usize = 16;
/// How long one may take to arrive and be answered.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Refused spans that an answer names.
const NAMED: usize = 10;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// Both forms of the protocol, for a listener that speaks HTTP/1 and HTTP/2.
pub(crate) fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    let grpc = Router::new()
        .route("/opentelemetry.proto.collector.trace.v1.TraceService/Export", post(export::<Traces>))
        .route("/opentelemetry.proto.collector.trace.v1.TraceService/{operation}", post(no_operation))
        .route("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", post(export::<Metrics>))
        .route("/opentelemetry.proto.collector.metrics.v1.MetricsService/{operation}", post(no_operation))
        .route("/opentelemetry.proto.collector.logs.v1.LogsService/Export", post(export::<Logs>))
        .route("/opentelemetry.proto.collector.logs.v1.LogsService/{operation}", post(no_operation))
        .layer(axum::middleware::from_fn_with_state(app.clone(), bounded));
    over_http().merge(grpc)
}

/// The form that AWS has too, under the address of its X-Ray API.
pub(crate) fn over_http() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/traces", post(over_http_of::<Traces>))
        .route("/v1/metrics", post(over_http_of::<Metrics>))
        .route("/v1/logs", post(over_http_of::<Logs>))
}

/// What may come in.
trait Signal: Send + 'static {
    type Request: Message + Default + DeserializeOwned + Send + 'static;
    type Response: Message + Default + Send + 'static;
    const ROOT: bound::Kind;
    const REQUEST: &'static str;

    fn take(app: &App, request: Self::Request) -> impl Future<Output = Result<Self::Response, Refusal>> + Send;

    /// What was refused: how much of it, and why.
    fn refused(response: &Self::Response) -> Option<(&'static str, i64, &str)>;
}

struct Traces;

impl Signal for Traces {
    type Request = ExportTraceServiceRequest;
    type Response = ExportTraceServiceResponse;
    const ROOT: bound::Kind = bound::Kind::Request;
    const REQUEST: &'static str = "ExportTraceServiceRequest";

    async fn take(app: &App, request: ExportTraceServiceRequest) -> Result<ExportTraceServiceResponse, Refusal> {
        let spans: usize = request.resource_spans.iter().flat_map(|it| &it.scope_spans).map(|it| it.spans.len()).sum();
        few_enough(app, "spans", spans)?;
        let refused = app.ingest.spans(request).await?;
        let partial_success =
            named(&refused).map(|(count, error_message)| ExportTracePartialSuccess { rejected_spans: count, error_message });
        Ok(ExportTraceServiceResponse { partial_success })
    }

    fn refused(response: &ExportTraceServiceResponse) -> Option<(&'static str, i64, &str)> {
        response.partial_success.as_ref().map(|partial| ("rejectedSpans", partial.rejected_spans, partial.error_message.as_str()))
    }
}

struct Metrics;

impl Signal for Metrics {
    type Request = ExportMetricsServiceRequest;
    type Response = ExportMetricsServiceResponse;
    const ROOT: bound::Kind = bound::Kind::MetricsRequest;
    const REQUEST: &'static str = "ExportMetricsServiceRequest";

    async fn take(app: &App, request: ExportMetricsServiceRequest) -> Result<ExportMetricsServiceResponse, Refusal> {
        let metrics = request.resource_metrics.iter().flat_map(|it| &it.scope_metrics).map(|it| it.metrics.len()).sum();
        few_enough(app, "metrics", metrics)?;
        let refused = app.ingest.points(request, app.clock.now_us()).await?;
        let partial_success = named(&refused)
            .map(|(count, error_message)| ExportMetricsPartialSuccess { rejected_data_points: count, error_message });
        Ok(ExportMetricsServiceResponse { partial_success })
    }

    fn refused(response: &ExportMetricsServiceResponse) -> Option<(&'static str, i64, &str)> {
        let partial = response.partial_success.as_ref()?;
        Some(("rejectedDataPoints", partial.rejected_data_points, partial.error_message.as_str()))
    }
}

struct Logs;

impl Signal for Logs {
    type Request = ExportLogsServiceRequest;
    type Response = ExportLogsServiceResponse;
    const ROOT: bound::Kind = bound::Kind::LogsRequest;
    const REQUEST: &'static str = "ExportLogsServiceRequest";

    async fn take(app: &App, request: ExportLogsServiceRequest) -> Result<ExportLogsServiceResponse, Refusal> {
        let records = request.resource_logs.iter().flat_map(|it| &it.scope_logs).map(|it| it.log_records.len()).sum();
        few_enough(app, "log records", records)?;
        let lines = ::otlp::log::lines(&request, app.clock.now_us());
        let refused = crate::logs::take_lines(app, lines).await.map_err(of_api)?;
        let partial_success =
            named(&refused).map(|(count, error_message)| ExportLogsPartialSuccess { rejected_log_records: count, error_message });
        Ok(ExportLogsServiceResponse { partial_success })
    }

    fn refused(response: &ExportLogsServiceResponse) -> Option<(&'static str, i64, &str)> {
        let partial = response.partial_success.as_ref()?;
        Some(("rejectedLogRecords", partial.rejected_log_records, partial.error_message.as_str()))
    }
}

fn few_enough(app: &App, what: &str, count: usize) -> Result<(), Refusal> {
    let most = app.quotas.spans_per_request;
    if count <= most {
        return Ok(());
    }
    Err(Refusal::invalid(format!("a request may have {most} {what}, this one has {count}; send smaller batches")))
}

/// How many were refused, and what is told of them.
fn named<E: ToString>(refused: &[E]) -> Option<(i64, String)> {
    let mut named: Vec<String> = refused.iter().take(NAMED).map(E::to_string).collect();
    if refused.len() > NAMED {
        named.push(format!("and {} more", refused.len() - NAMED));
    }
    (!refused.is_empty()).then(|| (refused.len() as i64, named.join("; ")))
}

async fn bounded(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let call = async {
        let _place = app.limits.otlp_calls.acquire().await;
        next.run(request).await
    };
    match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(response) => response,
        Err(_) => Status::deadline_exceeded("the call did not arrive and end in time").into_http(),
    }
}

/// The one operation of OTLP's services.
async fn export<S: Signal>(Asking(app): Asking, request: Request) -> Response {
    let mut grpc = tonic::server::Grpc::new(Messages::<S>(PhantomData))
        .max_decoding_message_size(limit::OTLP_BYTES)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd);
    grpc.unary(Export::<S>(app, PhantomData), request).await.into_response()
}

async fn no_operation() -> Response {
    Status::unimplemented("this service has the one operation Export").into_http()
}

struct Export<S>(Arc<App>, PhantomData<S>);

impl<S: Signal> UnaryService<Bytes> for Export<S> {
    type Response = S::Response;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<S::Response>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let app = self.0.clone();
        Box::pin(async move {
            match take::<S>(&app, Form::Protobuf, request.into_inner()).await {
                Ok(response) => Ok(tonic::Response::new(response)),
                Err(refusal) => Err(Status::new(refusal.code, refusal.message)),
            }
        })
    }
}

/// Messages come in as they are: they are looked through before they are read.
struct Messages<S>(PhantomData<S>);

impl<S: Signal> Codec for Messages<S> {
    type Encode = S::Response;
    type Decode = Bytes;
    type Encoder = Messages<S>;
    type Decoder = Messages<S>;

    fn encoder(&mut self) -> Messages<S> {
        Messages(PhantomData)
    }
    fn decoder(&mut self) -> Messages<S> {
        Messages(PhantomData)
    }
}

impl<S: Signal> Encoder for Messages<S> {
    type Item = S::Response;
    type Error = Status;

    fn encode(&mut self, message: S::Response, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.encode(into).map_err(|err| Status::internal(err.to_string()))
    }
}

impl<S: Signal> Decoder for Messages<S> {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// Why a request was refused as a whole.
struct Refusal {
    status: StatusCode,
    code: Code,
    message: String,
}

impl Refusal {
    fn invalid(message: impl Into<String>) -> Refusal {
        Refusal { status: StatusCode::BAD_REQUEST, code: Code::InvalidArgument, message: message.into() }
    }
}

impl From<ingest::Error> for Refusal {
    fn from(err: ingest::Error) -> Refusal {
        match err.kind() {
            Kind::Unavailable => {
                debug!(error = %err, "a request was refused");
                let message =
                    "the server cannot store data just now (its disk may be full); nothing of this request was kept, send it again";
                Refusal { status: StatusCode::SERVICE_UNAVAILABLE, code: Code::Unavailable, message: message.to_owned() }
            }
            _ => {
                error!(error = %err, "a request could not be taken in");
                let message = "the server failed; its log says why";
                Refusal { status: StatusCode::INTERNAL_SERVER_ERROR, code: Code::Internal, message: message.to_owned() }
            }
        }
    }
}

/// What an element of a message takes in memory, about.
const ELEMENT_BYTES: usize = 128;

/// Reads a message and takes in what it has.
async fn take<S: Signal>(app: &App, form: Form, message: Bytes) -> Result<S::Response, Refusal> {
    let elements = match form {
        Form::Protobuf => bound::count(&message, S::ROOT, limit::OTLP_ELEMENTS),
        Form::Json => bound::count_json(&message),
    };
    let bytes = message.len() + elements.min(2 * limit::OTLP_ELEMENTS) * ELEMENT_BYTES;
    let units = bytes.div_ceil(body::UNIT_BYTES).min(body::UNITS) as u32;
    let _room = app.limits.otlp_messages.acquire_many(units).await.map_err(|_| of_api(ApiError::shutting_down()))?;
    let decoded = tokio::task::spawn_blocking(move || form.decode::<S>(&message)).await;
    let request = decoded.map_err(|err| of_api(ApiError::internal(err.to_string())))??;
    S::take(app, request).await
}

/// The forms of a message over HTTP.
#[derive(Clone, Copy)]
enum Form {
    Protobuf,
    Json,
}

impl Form {
    fn of(headers: &HeaderMap) -> Option<Form> {
        let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?.split(';').next()?.trim();
        match kind {
            _ if kind.eq_ignore_ascii_case(PROTOBUF) => Some(Form::Protobuf),
            _ if kind.eq_ignore_ascii_case(JSON) => Some(Form::Json),
            _ => None,
        }
    }

    fn decode<S: Signal>(self, message: &[u8]) -> Result<S::Request, Refusal> {
        let (read, name) = match self {
            Form::Protobuf => (bound::decode(message, S::ROOT, limit::OTLP_ELEMENTS), "protobuf"),
            Form::Json if message.iter().all(u8::is_ascii_whitespace) => return Ok(S::Request::default()),
            Form::Json => (bound::decode_json(message, limit::OTLP_ELEMENTS), "JSON"),
        };
        read.map_err(|err| match err {
            Unreadable::Malformed(why) => Refusal::invalid(format!("the body is no {} in {name}: {why}", S::REQUEST)),
            Unreadable::TooMany { .. } => Refusal::invalid(format!("the request is too large: {err}")),
        })
    }

    fn answer(self, status: StatusCode, message: &impl Message, json: &Value) -> Response {
        match self {
            Form::Protobuf => (status, [(CONTENT_TYPE, PROTOBUF)], message.encode_to_vec()).into_response(),
            Form::Json => (status, [(CONTENT_TYPE, JSON)], json.to_string()).into_response(),
        }
    }

    /// What is refused of a request is said with success, as OTLP has it: what was kept must not be sent again.
    fn accept<S: Signal>(self, response: &S::Response) -> Response {
        let json = match S::refused(response) {
            None => json!({}),
            // 64 bits are a text in the JSON of protobuf.
            Some((member, count, message)) => json!({ "partialSuccess": { member: count.to_string(), "errorMessage": message } }),
        };
        self.answer(StatusCode::OK, response, &json)
    }

    fn refuse(self, refusal: Refusal) -> Response {
        let json = json!({ "code": refusal.code as i32, "message": refusal.message });
        let message = RpcStatus { code: refusal.code as i32, message: refusal.message };
        let mut response = self.answer(refusal.status, &message, &json);
        if refusal.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, axum::http::HeaderValue::from_static("1"));
        }
        response
    }
}

/// `google.rpc.Status`: what OTLP answers to a request that failed.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

async fn over_http_of<S: Signal>(Asking(app): Asking, request: axum::http::Request<Body>) -> Response {
    let Some(form) = Form::of(request.headers()) else {
        let message = format!("the content type is neither {PROTOBUF} nor {JSON}");
        let refusal = Refusal { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, code: Code::InvalidArgument, message };
        return Form::Json.refuse(refusal);
    };
    match received::<S>(&app, form, request).await {
        Ok(response) => form.accept::<S>(&response),
        Err(refusal) => form.refuse(refusal),
    }
}

async fn received<S: Signal>(app: &App, form: Form, request: axum::http::Request<Body>) -> Result<S::Response, Refusal> {
    let encoding = Encoding::of(request.headers())?;
    let (body, room) = body::read(app, request, limit::OTLP_BYTES).await.map_err(of_api)?;
    let message = {
        // Few are unpacked at the same time: what comes out may be a thousand times what came in.
        let _place = app.limits.otlp_calls.acquire().await.map_err(|_| of_api(ApiError::shutting_down()))?;
        let unpacked = tokio::task::spawn_blocking(move || encoding.open(body)).await;
        unpacked.map_err(|err| of_api(ApiError::internal(err.to_string())))??
    };
    drop(room);
    take::<S>(app, form, message).await
}

/// The answer to someone who may not send.
pub(crate) fn refuse(err: ApiError, is_missing: bool) -> Response {
    let (status, message) = err.told();
    let (status, code) = match status {
        _ if is_missing => (StatusCode::UNAUTHORIZED, Code::Unauthenticated),
        StatusCode::FORBIDDEN => (status, Code::PermissionDenied),
        status => (status, Code::Unauthenticated),
    };
    Form::Json.refuse(Refusal { status, code, message })
}

fn of_api(err: ApiError) -> Refusal {
    let (status, message) = err.told();
    let code = match status {
        StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        StatusCode::INTERNAL_SERVER_ERROR => Code::Internal,
        StatusCode::REQUEST_TIMEOUT => Code::DeadlineExceeded,
        _ => Code::InvalidArgument,
    };
    Refusal { status, code, message }
}

/// How a body is packed.
enum Encoding {
    Plain,
    Gzip,
    Deflate,
    Zstd,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Encoding, Refusal> {
        let name = headers.get(CONTENT_ENCODING).map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase());
        match name.as_deref() {
            None | Some("" | "identity" | "none") => Ok(Encoding::Plain),
            Some("gzip" | "x-gzip") => Ok(Encoding::Gzip),
            Some("deflate" | "zlib") => Ok(Encoding::Deflate),
            Some("zstd") => Ok(Encoding::Zstd),
            Some(other) => Err(Refusal {
                status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
                code: Code::InvalidArgument,
                message: format!("the content encoding {other} is not known; gzip, deflate and zstd are"),
            }),
        }
    }

    fn open(&self, body: Bytes) -> Result<Bytes, Refusal> {
        let mut unpacked = Vec::new();
        // One byte more than may come tells that there is more.
        let most = limit::OTLP_BYTES as u64 + 1;
        let read = match self {
            Encoding::Plain => return Ok(body),
            Encoding::Gzip => flate2::read::MultiGzDecoder::new(&body[..]).take(most).read_to_end(&mut unpacked),
            Encoding::Deflate => flate2::read::ZlibDecoder::new(&body[..]).take(most).read_to_end(&mut unpacked),
            Encoding::Zstd => {
                zstd::stream::read::Decoder::new(&body[..]).and_then(|decoder| decoder.take(most).read_to_end(&mut unpacked))
            }
        };
        read.map_err(|err| Refusal::invalid(format!("the body cannot be unpacked: {err}")))?;
        if unpacked.len() as u64 == most {
            let message = format!("the body has more than {} bytes when unpacked; send smaller batches", limit::OTLP_BYTES);
            return Err(Refusal { status: StatusCode::PAYLOAD_TOO_LARGE, code: Code::InvalidArgument, message });
        }
        Ok(Bytes::from(unpacked))
    }
}
