use super::*;

#[test]
fn headers_in_every_accepted_form() {
    for header in
        [r#"{"format":"json","version":1}"#, r#"{ "version" : 1, "format" : "JSON" }"#, "{\"format\":\"json\",\"version\":1}\r"]
    {
        let datagram = format!("{header}\n{{\"pretty\":\n1}}");
        assert_eq!(payload(datagram.as_bytes()), Ok(Payload::Document(b"{\"pretty\":\n1}")), "{header}");
    }
}

#[test]
fn spans_are_told_from_documents() {
    for text in ["T1SCgA=", "T1UCgA=\n"] {
        let datagram = format!("{{\"format\":\"json\",\"version\":1}}\n{text}");
        assert_eq!(payload(datagram.as_bytes()), Ok(Payload::Spans(b"CgA=")), "{text}");
    }
    assert_eq!(spans(b"CgA=").expect("spans").resource_spans.len(), 1);
    assert_eq!(spans(b"%"), None);
    assert_eq!(spans(b"////"), None);
}

#[test]
fn everything_else_is_refused_with_its_reason() {
    let cases: [(&[u8], &str); 8] = [
        (b"", "NoHeader"),
        (b"{\"format\":\"json\",\"version\":1}", "NoHeader"),
        (b"{}\n{}", "InvalidHeader"),
        (b"{\"format\":\"xml\",\"version\":1}\n{}", "InvalidHeader"),
        (b"{\"format\":\"json\",\"version\":2}\n{}", "InvalidHeader"),
        (b"{\"format\":\"json\",\"version\":1}\n", "EmptyPayload"),
        (b"{\"format\":\"json\",\"version\":1}\n \n", "EmptyPayload"),
        (b"{\"format\":\"json\",\"version\":1}\nM1abcd", "UnsupportedPayload"),
    ];
    for (datagram, reason) in cases {
        assert_eq!(payload(datagram), Err(reason), "{}", String::from_utf8_lossy(datagram));
    }
}
