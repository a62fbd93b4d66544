//! As much HTTP as a measurement needs: one connection, kept open, one request at a time. A client library's own cost would show
//! up in the wall times.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a TCP option");
        Client { stream: BufReader::new(stream) }
    }

    pub(crate) fn post(&mut self, path: &str, body: &str) -> (u16, String) {
        self.post_bytes(path, "application/json", body.as_bytes())
    }

    pub(crate) fn post_bytes(&mut self, path: &str, kind: &str, body: &[u8]) -> (u16, String) {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n");
        self.exchange(&head, body)
    }

    /// An operation of CloudWatch.
    pub(crate) fn cloudwatch(&mut self, operation: &str, body: &str) -> (u16, String) {
        let head = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\nx-amz-target: GraniteServiceVersion20100801.{operation}\r\n\r\n",
            body.len()
        );
        self.exchange(&head, body.as_bytes())
    }

    pub(crate) fn get(&mut self, path: &str) -> (u16, String) {
        self.exchange(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"), b"")
    }

    fn exchange(&mut self, head: &str, body: &[u8]) -> (u16, String) {
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("the server reads");
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("the server answers");
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).expect("the server answers");
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).expect("the whole answer");
        (status, String::from_utf8_lossy(&answer).into_owned())
    }
}
