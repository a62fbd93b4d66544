//! A signed request of any text, and a body in chunks of any bytes: nobody's signature is taken for someone's.

#![no_main]

use http::Request;
use libfuzzer_sys::fuzz_target;
use sigv4::{Payload, Signature, SigningKey};

fuzz_target!(|input: (&str, &str, &str, &[u8])| {
    let (authorization, date, query, body) = input;
    let key = SigningKey::new("a secret that no input knows", "20150830", "us-east-1", "xray");
    let builder = Request::builder().method("POST").uri(format!("/TraceSegments?{query}")).header("host", "localhost");
    let Ok(request) = builder.header("authorization", authorization).header("x-amz-date", date).body(()) else { return };
    let (mut parts, ()) = request.into_parts();
    for _ in 0..2 {
        if let Ok(Some(signature)) = Signature::of(&parts) {
            assert!(signature.verify(&parts, &sigv4::hash(body), &key, signature.time_secs).is_err());
            for payload in [Payload::SignedChunks { trailer: true }, Payload::SignedChunks { trailer: false }] {
                assert!(sigv4::decode_chunks(body, payload, &signature, Some(&key)).is_err());
            }
            if let Ok(content) = sigv4::decode_chunks(body, Payload::UnsignedChunks, &signature, None) {
                assert!(content.len() <= body.len());
            }
        }
        // Then as a presigned one.
        parts.headers.remove("authorization");
    }
});
