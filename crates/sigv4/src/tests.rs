use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::Request;
use proptest::prelude::*;

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2015-08-30T12:36:00Z, as AWS's own examples have it.
const NOW: i64 = 1_440_938_160;

fn key() -> SigningKey {
    SigningKey::new(SECRET, "20150830", "us-east-1", "service")
}

fn parts(request: Request<()>) -> Parts {
    request.into_parts().0
}

fn verify(request: &Parts, body: &[u8], now: i64) -> Result<(), Error> {
    Signature::of(request)?.expect("a signature").verify(request, &hash(body), &key(), now)
}

/// The first examples of AWS's test suite for signers.
#[test]
fn published_examples() {
    let signed = |headers: &str, signature: &str| {
        format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={headers}, Signature={signature}"
        )
    };
    let vanilla = signed("host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    let request = |method: &str, uri: &str, authorization: &str| {
        let request = Request::builder().method(method).uri(uri).header("host", "example.amazonaws.com");
        parts(request.header("x-amz-date", "20150830T123600Z").header("authorization", authorization).body(()).unwrap())
    };
    verify(&request("GET", "/", &vanilla), b"", NOW).unwrap();
    verify(&request("GET", "/example/..", &vanilla), b"", NOW).unwrap();
    verify(&request("GET", "/./", &vanilla), b"", NOW).unwrap();
    let ordered = signed("host;x-amz-date", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
    verify(&request("GET", "/?Param2=value2&Param1=value1", &ordered), b"", NOW).unwrap();
    let post = signed("host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
    verify(&request("POST", "/", &post), b"", NOW).unwrap();
    assert!(verify(&request("GET", "/", &post), b"", NOW).is_err());
    assert!(verify(&request("POST", "/", &post), b"x", NOW).is_err());
    assert!(verify(&request("POST", "/other", &post), b"", NOW).is_err());
}

/// Signs as AWS's own library does.
fn signed(method: &str, uri: &str, headers: &[(String, String)], body: &[u8], settings: SigningSettings) -> Parts {
    let identity = Credentials::new("AKIDEXAMPLE", SECRET, None, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("service")
        .time(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW as u64))
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let given = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let signable = SignableRequest::new(method, uri, given, SignableBody::Bytes(body)).unwrap();
    let (instructions, _) = sign(signable, &params).unwrap().into_parts();
    let mut builder = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    let mut request = builder.body(()).unwrap();
    instructions.apply_to_request_http1x(&mut request);
    parts(request)
}

fn token() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 %+~._=&/:;,é日-]{0,12}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever AWS's own library signs is taken, and nothing that differs from it.
    #[test]
    fn what_awss_own_signer_signs_is_verified(
        path in proptest::collection::vec("[a-zA-Z0-9~._ é$&-]{1,8}", 0..4),
        query in proptest::collection::vec((token(), token()), 0..4),
        headers in proptest::collection::btree_map("x-[a-z]{1,6}", "[a-zA-Z0-9 ,;:=]{0,20}", 0..4),
        body in proptest::collection::vec(any::<u8>(), 0..64),
        presigned in any::<bool>(),
        flip in any::<prop::sample::Index>(),
    ) {
        let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let path: Vec<String> = path.iter().map(|segment| encode(segment)).collect();
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let mut uri = format!("http://localhost:2001/{}", path.join("/"));
        if !query.is_empty() {
            uri = format!("{uri}?{}", query.join("&"));
        }
        let mut settings = SigningSettings::default();
        if presigned {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(Duration::from_secs(60));
        }
        let headers: Vec<(String, String)> = [("host".to_owned(), "localhost:2001".to_owned())].into_iter().chain(headers).collect();
        let request = signed("POST", &uri, &headers, &body, settings);
        prop_assert_eq!(verify(&request, &body, NOW), Ok(()));
        prop_assert_eq!(verify(&request, &body, NOW + 50), Ok(()));
        prop_assert!(matches!(verify(&request, &body, NOW + 301), Err(Error::Expired(_))));
        prop_assert!(matches!(verify(&request, &body, NOW - 301), Err(Error::Invalid(_))));
        let mut other = body.clone();
        other.push(1);
        prop_assert!(verify(&request, &other, NOW).is_err());
        let of = Signature::of(&request).unwrap().unwrap();
        let stranger = SigningKey::new("another secret", "20150830", "us-east-1", "service");
        prop_assert!(of.verify(&request, &hash(&body), &stranger, NOW).is_err());
        let mut forged = of.clone();
        forged.signature[flip.index(32)] ^= 1;
        prop_assert!(forged.verify(&request, &hash(&body), &key(), NOW).is_err());
        let mut elsewhere = request.clone();
        elsewhere.uri = "http://localhost:2001/elsewhere".parse().unwrap();
        if !presigned {
            prop_assert!(of.verify(&elsewhere, &hash(&body), &key(), NOW).is_err());
        }
        let mut more = request.clone();
        more.headers.insert("x-amz-target", "Other.Operation".parse().unwrap());
        prop_assert!(of.verify(&more, &hash(&body), &key(), NOW).is_err());
    }

    #[test]
    fn nothing_panics(authorization in "AWS4-HMAC-SHA256 [ -~]{0,120}", query in "X-Amz-Algorithm=AWS4-HMAC-SHA256&[!-~]{0,80}", body in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(request) = Request::builder().uri("/").header("authorization", &authorization).header("x-amz-date", "20150830T123600Z").body(()) {
            let _ = Signature::of(&parts(request));
        }
        if let Ok(request) = Request::builder().uri(format!("/?{query}")).body(()) {
            let _ = Signature::of(&parts(request));
        }
        let request = signed("POST", "http://localhost/", &[("host".to_owned(), "localhost".to_owned())], b"", SigningSettings::default());
        let signature = Signature::of(&request).unwrap().unwrap();
        for payload in [Payload::SignedChunks { trailer: true }, Payload::SignedChunks { trailer: false }, Payload::UnsignedChunks] {
            let _ = decode_chunks(&body, payload, &signature, Some(&key()));
        }
    }
}

#[test]
fn what_is_wrong_is_said() {
    let request = |authorization: &str, date: &str| {
        parts(
            Request::builder()
                .uri("/")
                .header("host", "a")
                .header("authorization", authorization)
                .header("x-amz-date", date)
                .body(())
                .unwrap(),
        )
    };
    let good = "Credential=AKID/20150830/us-east-1/xray/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    for (authorization, date, exception, words) in [
        ("AWS4-HMAC-SHA256 Credential=a", "20150830T123600Z", "IncompleteSignatureException", "SignedHeaders"),
        ("AWS4-HMAC-SHA1 Credential=a", "20150830T123600Z", "IncompleteSignatureException", "algorithm"),
        (&format!("AWS4-HMAC-SHA256 {good}"), "yesterday", "IncompleteSignatureException", "YYYYMMDDTHHMMSSZ"),
        (&format!("AWS4-HMAC-SHA256 {good}"), "20150831T123600Z", "InvalidSignatureException", "20150830"),
        (&format!("AWS4-HMAC-SHA256 {}", good.replace("host;", "")), "20150830T123600Z", "InvalidSignatureException", "Host"),
        (
            &format!("AWS4-HMAC-SHA256 {}", good.replace("/xray/", "/")),
            "20150830T123600Z",
            "IncompleteSignatureException",
            "KEYID/",
        ),
        (
            &format!("AWS4-HMAC-SHA256 {}", good.replace("Signature=5", "Signature=x")),
            "20150830T123600Z",
            "IncompleteSignatureException",
            "64",
        ),
    ] {
        let err = Signature::of(&request(authorization, date)).unwrap_err();
        assert_eq!(err.exception(), exception, "{authorization}");
        assert!(err.to_string().contains(words), "{authorization}: {err}");
    }
    assert_eq!(Signature::of(&request("Bearer abc", "20150830T123600Z")), Ok(None));
    assert_eq!(Signature::of(&parts(Request::builder().uri("/?a=b").body(()).unwrap())), Ok(None));
    let presigned = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20150830%2Fus-east-1%2Fxray%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00&X-Amz-Expires=";
    for expires in ["0", "-1", "604801", "soon", ""] {
        let err = Signature::of(&parts(Request::builder().uri(format!("{presigned}{expires}")).body(()).unwrap())).unwrap_err();
        assert!(err.to_string().contains("X-Amz-Expires"), "{expires}: {err}");
    }
}

/// The example of S3's documentation: 66,560 letters in two chunks and the empty one.
#[test]
fn chunks() {
    let signature = Signature {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        date: "20130524".to_owned(),
        region: "us-east-1".to_owned(),
        service: "s3".to_owned(),
        session_token: None,
        time_secs: 1_369_353_600,
        expires_secs: None,
        time: "20130524T000000Z".to_owned(),
        signed_headers: vec!["host".to_owned()],
        signature: from_hex("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9").unwrap(),
        place: Place::Header,
    };
    let key = SigningKey::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524", "us-east-1", "s3");
    let chunk = |size: usize, signature: &str| format!("{size:x};chunk-signature={signature}\r\n{}\r\n", "a".repeat(size));
    let body = [
        chunk(65_536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
        chunk(1_024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
        chunk(0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
    ]
    .concat();
    let payload = Payload::SignedChunks { trailer: false };
    assert_eq!(decode_chunks(body.as_bytes(), payload, &signature, Some(&key)).unwrap(), "a".repeat(66_560).as_bytes());
    for wrong in [
        body.replacen("aaaa", "aaab", 1),
        body.replace("400;", "3ff;"),
        body[..body.len() - 90].to_owned(),
        body.replace("ad80", "ad81"),
    ] {
        assert!(decode_chunks(wrong.as_bytes(), payload, &signature, Some(&key)).is_err());
    }
    // Chunks that are left out or change places.
    let swapped = [chunk(1_024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"), body.clone()].concat();
    assert!(decode_chunks(swapped.as_bytes(), payload, &signature, Some(&key)).is_err());
    let unsigned = b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
    assert_eq!(decode_chunks(unsigned, Payload::UnsignedChunks, &signature, None).unwrap(), b"abc");
}

/// What we sign, we and others verify: AWS's own library makes the same signature.
#[test]
fn our_signatures_are_aws_s() {
    let signer = Signer {
        access_key_id: "AKIDEXAMPLE".into(),
        secret: SECRET.into(),
        region: "us-east-1".into(),
        service: "service".into(),
    };
    for (uri, body) in [("/", &b"{}"[..]), ("/TraceSegments", b""), ("/a%20b?x=1&a=2", b"some body")] {
        let request = Request::builder().method("POST").uri(uri).header("host", "example.amazonaws.com");
        let mut ours = parts(request.header("content-type", "application/json").body(()).unwrap());
        signer.sign(&mut ours, &hash(body), NOW);
        verify(&ours, body, NOW).unwrap();
        assert!(verify(&ours, b"another", NOW).is_err() && verify(&ours, body, NOW + 3_600).is_err());
        let headers = vec![
            ("host".to_owned(), "example.amazonaws.com".to_owned()),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        let theirs = signed("POST", uri, &headers, body, SigningSettings::default());
        let of = |parts: &Parts| {
            let text = parts.headers[http::header::AUTHORIZATION].to_str().unwrap().to_owned();
            text.rsplit_once("Signature=").unwrap().1.to_owned()
        };
        assert_eq!(of(&ours), of(&theirs), "{uri}");
        // Signed again, it is signed anew.
        signer.sign(&mut ours, &hash(body), NOW + 60);
        verify(&ours, body, NOW + 60).unwrap();
    }
}
