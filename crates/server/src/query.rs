//! `mitoshi query`: asks a running server in SQL.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sql::arrow::array::RecordBatch;
use sql::arrow::buffer::Buffer;
use sql::arrow::ipc::reader::StreamDecoder;
use sql::arrow::util::pretty::pretty_format_batches;
use tokio::net::TcpStream;

use crate::{CANNOT_START, complain};

/// The query was refused or did not end well.
const FAILED: u8 = 1;
/// Rows that are laid out as one table; more begin another.
const TABLE_ROWS: usize = 10_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Question {
    /// The query, or - to read it from standard input; without it, the tables that can be asked are listed
    #[arg(value_name = "SQL")]
    sql: Option<String>,
    /// How rows are written
    #[arg(long, value_enum, default_value = "table")]
    format: Form,
    /// Address of the server; else http.address of the configuration
    #[arg(long, value_name = "ADDR")]
    server: Option<SocketAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people
    Table,
    /// One object per line
    Json,
    Csv,
    /// The Arrow IPC stream
    Arrow,
}

/// What to tell the user, and what helps.
type Complaint = (String, String);

pub(crate) fn query(question: Question, address: SocketAddr) -> ExitCode {
    let address = question.server.unwrap_or(address);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(err) => {
            complain(&format!("cannot start: {err}"), "");
            return ExitCode::from(CANNOT_START);
        }
    };
    match runtime.block_on(ask(question, address)) {
        Ok(()) => ExitCode::SUCCESS,
        Err((message, hint)) => {
            complain(&message, &hint);
            ExitCode::from(FAILED)
        }
    }
}

async fn ask(question: Question, address: SocketAddr) -> Result<(), Complaint> {
    let Some(sql) = question.sql else {
        let answer = send(address, Method::GET, "", "application/json", String::new()).await?;
        return write(&tables(&collect(answer).await?));
    };
    let sql = if sql == "-" { standard_input()? } else { sql };
    let format = match question.format {
        Form::Table | Form::Arrow => "?format=arrow",
        Form::Json => "?format=json",
        Form::Csv => "?format=csv",
    };
    let mut answer = send(address, Method::POST, format, "*/*", json!({"sql": sql}).to_string()).await?;
    let mut table = (question.format == Form::Table).then(Table::default);
    while let Some(frame) = answer.frame().await {
        let frame = frame.map_err(|err| ended_early(&err))?;
        let Ok(bytes) = frame.into_data() else { continue };
        match &mut table {
            None => write(&bytes)?,
            Some(table) => table.add(bytes)?,
        }
    }
    table.map_or(Ok(()), Table::finish)
}

fn ended_early(err: &dyn std::fmt::Display) -> Complaint {
    (format!("the answer ended early: {err}"), "the server's log says why".to_owned())
}

fn standard_input() -> Result<String, Complaint> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).map_err(|err| (format!("cannot read standard input: {err}"), String::new()))?;
    Ok(text)
}

/// Sends a request and gives the answer, where that is what was asked for.
async fn send(address: SocketAddr, method: Method, options: &str, accept: &str, body: String) -> Result<Incoming, Complaint> {
    let unreachable = |err: &dyn std::fmt::Display| {
        let hint = "start one with `mitoshi serve`, or name its address with --server".to_owned();
        (format!("no server answers at {address}: {err}"), hint)
    };
    let stream = TcpStream::connect(address).await.map_err(|err| unreachable(&err))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|err| unreachable(&err))?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/sql{options}"))
        .header(HOST, address.to_string())
        .header(ACCEPT, accept)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|err| unreachable(&err))?;
    let response = sender.send_request(request).await.map_err(|err| unreachable(&err))?;
    let status = response.status();
    let answer = Response::into_body(response);
    if status.is_success() {
        return Ok(answer);
    }
    let body = collect(answer).await.unwrap_or_default();
    let message = body.get("Message").and_then(Value::as_str).unwrap_or_default();
    let message = if message.is_empty() { format!("the server answered {status}") } else { message.to_owned() };
    Err((message, "`mitoshi query` lists what can be asked".to_owned()))
}

async fn collect(answer: Incoming) -> Result<Value, Complaint> {
    let bytes = answer.collect().await.map_err(|err| ended_early(&err))?.to_bytes();
    serde_json::from_slice(&bytes).map_err(|_| ("what answers is not a mitoshi server".to_owned(), "check --server".to_owned()))
}

/// To standard output. Whoever reads it may have enough.
fn write(bytes: &(impl AsRef<[u8]> + ?Sized)) -> Result<(), Complaint> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes.as_ref()).and_then(|()| out.flush()) {
        Err(err) if err.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(err) => Err((format!("cannot write the answer: {err}"), String::new())),
        Ok(()) => Ok(()),
    }
}

/// The tables with their columns, as text.
fn tables(answer: &Value) -> String {
    let text = |value: &Value, member: &str| value[member].as_str().unwrap_or_default().to_owned();
    let mut lines = String::new();
    for table in answer["tables"].as_array().into_iter().flatten() {
        lines += &format!("{}\n  {}\n", text(table, "name"), text(table, "description"));
        let columns: Vec<&Value> = table["columns"].as_array().into_iter().flatten().collect();
        let width = |member| columns.iter().map(|column| text(column, member).len()).max().unwrap_or(0);
        let (names, types) = (width("name"), width("type"));
        for column in &columns {
            let (name, kind, description) = (text(column, "name"), text(column, "type"), text(column, "description"));
            lines += format!("    {name:names$}  {kind:types$}  {description}").trim_end();
            lines += "\n";
        }
        if columns.is_empty() {
            lines += &format!("    a view: {}\n", text(table, "query"));
        }
        lines += "\n";
    }
    lines + "The language is DataFusion's; `mitoshi query 'SHOW FUNCTIONS'` lists its functions.\n"
}

/// Rows on their way to a table for people.
#[derive(Default)]
struct Table {
    decoder: StreamDecoder,
    batches: Vec<RecordBatch>,
    rows: usize,
    all_rows: usize,
}

impl Table {
    fn add(&mut self, bytes: Bytes) -> Result<(), Complaint> {
        let mut bytes = Buffer::from(bytes);
        while !bytes.is_empty() {
            let Some(batch) = self.decoder.decode(&mut bytes).map_err(|err| ended_early(&err))? else { continue };
            self.rows += batch.num_rows();
            self.batches.push(batch);
            if self.rows >= TABLE_ROWS {
                self.print()?;
            }
        }
        Ok(())
    }

    fn print(&mut self) -> Result<(), Complaint> {
        let batches = std::mem::take(&mut self.batches);
        self.all_rows += std::mem::take(&mut self.rows);
        let text = pretty_format_batches(&batches).map_err(|err| (err.to_string(), "try --format json".to_owned()))?;
        write(&format!("{text}\n"))
    }

    fn finish(mut self) -> Result<(), Complaint> {
        self.decoder.finish().map_err(|err| ended_early(&err))?;
        if self.rows == 0 && self.all_rows == 0 {
            self.batches.extend(self.decoder.schema().map(RecordBatch::new_empty));
        }
        if !self.batches.is_empty() {
            self.print()?;
        }
        write(&format!("{} row{}\n", self.all_rows, if self.all_rows == 1 { "" } else { "s" }))
    }
}
