//! The form of a request that is signed: the same whatever way it was written in.

use std::fmt::Write;

use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What stays as it is: letters, digits and these.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const UNRESERVED_AND_SLASH: &AsciiSet = &UNRESERVED.remove(b'/');

/// Parameters of a URL, decoded.
pub(crate) struct Parameters(Vec<(Vec<u8>, Vec<u8>)>);

impl Parameters {
    pub(crate) fn of(query: &str) -> Parameters {
        // A plus sign is one here, and no space.
        let decode = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
        let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
        Parameters(
            parameters
                .map(|parameter| {
                    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name.as_bytes())?;
        String::from_utf8(value.clone()).ok()
    }

    /// Encoded and in order, without the signature itself.
    fn canonical(&self, presigned: bool) -> String {
        let encode = |bytes: &[u8]| percent_encoding::percent_encode(bytes, UNRESERVED).to_string();
        let counted = self.0.iter().filter(|(name, _)| !presigned || name != b"X-Amz-Signature");
        let mut pairs: Vec<(String, String)> = counted.map(|(name, value)| (encode(name), encode(value))).collect();
        pairs.sort_unstable();
        let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    }
}

/// The canonical request.
pub(crate) fn request(request: &Parts, signed_headers: &[String], presigned: bool, payload: &str) -> String {
    let mut text = String::with_capacity(512);
    let _ = writeln!(text, "{}", request.method);
    let _ = writeln!(text, "{}", path(request.uri.path()));
    let _ = writeln!(text, "{}", Parameters::of(request.uri.query().unwrap_or_default()).canonical(presigned));
    for name in signed_headers {
        let _ = writeln!(text, "{name}:{}", header(request, name));
    }
    let _ = write!(text, "\n{}\n{payload}", signed_headers.join(";"));
    text
}

/// Encoded once more than it came, as all services but S3 have it, and without steps up.
fn path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let mut normal = format!("/{}", segments.join("/"));
    if normal.len() > 1 && (path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..")) {
        normal.push('/');
    }
    utf8_percent_encode(&normal, UNRESERVED_AND_SLASH).to_string()
}

/// All values of a header, each without space around it and with single spaces in it.
fn header(request: &Parts, name: &str) -> String {
    let values: Vec<String> =
        request.headers.get_all(name).iter().map(|value| trimmed(&String::from_utf8_lossy(value.as_bytes()))).collect();
    // HTTP/2 has no Host header.
    match (values.is_empty(), name, request.uri.authority()) {
        (true, "host", Some(authority)) => authority.to_string(),
        _ => values.join(","),
    }
}

fn trimmed(value: &str) -> String {
    value.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
