use super::*;

fn refused_when(method: &Method, headers: &[(&str, &str)]) -> bool {
    let guard = Guard { allowed_hosts: vec!["mitoshi.example.com".to_owned()] };
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    guard.refusal(method, &map, &Uri::from_static("/TraceSummaries")).is_some()
}

fn refused(headers: &[(&str, &str)]) -> bool {
    refused_when(&Method::POST, headers)
}

#[test]
fn reading_needs_a_name_that_is_known() {
    for host in ["127.0.0.1:2001", "localhost:2001", "[::1]:2001", "mitoshi.example.com"] {
        assert!(!refused_when(&Method::GET, &[("host", host)]), "{host}");
    }
    // Browsers send nothing else when the page itself came from this name.
    assert!(refused_when(&Method::GET, &[("host", "evil.example:2001")]));
    assert!(refused_when(&Method::HEAD, &[("host", "evil.example:2001")]));
}

#[test]
fn links_open_the_console_and_scripts_of_other_sites_do_not() {
    let host = ("host", "localhost:2001");
    let (cross, navigate) = (("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"));
    assert!(!refused_when(&Method::GET, &[host, cross, navigate]));
    assert!(refused_when(&Method::GET, &[host, cross, ("sec-fetch-mode", "no-cors")]));
    assert!(refused_when(&Method::POST, &[host, cross, navigate]));
    assert!(refused_when(&Method::POST, &[host, ("sec-fetch-site", "same-site")]));
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
