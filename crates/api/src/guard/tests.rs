use super::*;

fn refused(headers: &[(&str, &str)]) -> bool {
    let guard = Guard { allowed_hosts: vec!["mitoshi.example.com".to_owned()] };
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    guard.refusal(&map, &Uri::from_static("/TraceSummaries")).is_some()
}

#[test]
fn programs_are_let_in_whatever_they_call_the_server() {
    assert!(!refused(&[("host", "host.docker.internal:2000")]));
    assert!(!refused(&[]));
}

#[test]
fn browsers_are_let_in_from_the_console_alone() {
    assert!(!refused(&[("host", "127.0.0.1:2001"), ("origin", "http://127.0.0.1:2001")]));
    assert!(!refused(&[("host", "[::1]:2001"), ("origin", "http://[::1]:2001")]));
    assert!(!refused(&[("host", "localhost:2001"), ("sec-fetch-site", "none")]));
    assert!(!refused(&[("host", "mitoshi.example.com"), ("origin", "https://mitoshi.example.com")]));
    assert!(refused(&[("host", "127.0.0.1:2001"), ("origin", "http://evil.example")]));
    assert!(refused(&[("host", "127.0.0.1:2001"), ("origin", "null")]));
    // A name of the attacker's that resolves to this machine: same origin, wrong host.
    assert!(refused(&[("host", "evil.example:2001"), ("origin", "http://evil.example:2001")]));
    assert!(refused(&[("host", "evil.example:2001"), ("sec-fetch-site", "same-origin")]));
}
