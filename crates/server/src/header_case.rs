//! How names of headers are written in HTTP/1. Case does not matter there, but Fluent Bit looks for `x-amzn-RequestId` to the letter, as AWS
//! writes it, and takes whatever has no such header for a failure that it repeats for ever.

use axum::http::{Extensions, Request};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::OnceCell;
use tracing::warn;

/// An answer with the names that are not in small letters.
const WRITTEN: &[u8] = b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: x\r\nx-amzn-ErrorType: x\r\ncontent-length: 0\r\n\r\n";

/// What an answer carries so that hyper writes these names in their own way. Such a thing cannot be made, only be had from an answer that was
/// read, so one is read once.
pub(crate) async fn of_answers() -> Extensions {
    static NAMES: OnceCell<Extensions> = OnceCell::const_new();
    let read = || async {
        read().await.unwrap_or_else(|err| {
            warn!(error = %err, "names of headers go out in small letters; Fluent Bit does not know them so");
            Extensions::new()
        })
    };
    NAMES.get_or_init(read).await.clone()
}

async fn read() -> Result<Extensions, Box<dyn std::error::Error + Send + Sync>> {
    let (client, mut server) = tokio::io::duplex(WRITTEN.len() + 1_024);
    // An answer to nothing would be refused.
    let answering = async move {
        let mut head = [0; 1_024];
        if server.read(&mut head).await.is_ok() {
            let _ = server.write_all(WRITTEN).await;
        }
    };
    let answering = tokio::spawn(answering);
    let (mut sender, connection) = http1::Builder::new().preserve_header_case(true).handshake(TokioIo::new(client)).await?;
    let running = tokio::spawn(connection);
    let answer = sender.send_request(Request::new(Empty::<Bytes>::new())).await;
    running.abort();
    answering.abort();
    Ok(answer?.extensions().clone())
}
