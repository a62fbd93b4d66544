use super::*;

fn load(flags: Overrides) -> Result<Config, ConfigError> {
    Config::load(&flags)
}

#[test]
fn the_defaults_are_complete_and_listen_on_loopback_alone() {
    let config = load(Overrides::default()).unwrap();
    assert!(config.http.address.ip().is_loopback());
    assert!(config.daemon.address.ip().is_loopback());
    assert_eq!(config.store.retention_days, 30);
}

#[test]
fn everyone_has_to_sign_in_beyond_loopback() {
    let far = || "0.0.0.0:4000".parse().unwrap();
    assert!(!load(Overrides::default()).unwrap().access_required());
    assert!(load(Overrides { http: Some(far()), ..Overrides::default() }).unwrap().access_required());
    let listen = Some(Listen::At(far()));
    assert!(load(Overrides { otlp_grpc: listen, ..Overrides::default() }).unwrap().access_required());
    assert!(load(Overrides { otlp_http: listen, ..Overrides::default() }).unwrap().access_required());
}

#[test]
fn other_addresses_are_refused_until_someone_says_who_may_send() {
    let err = load(Overrides { daemon: Some("0.0.0.0:2000".parse().unwrap()), ..Overrides::default() }).unwrap_err();
    assert!(err.hint.contains("--daemon-allow"), "{}", err.hint);
    let allowed = Overrides {
        daemon: Some("0.0.0.0:2000".parse().unwrap()),
        daemon_allow: vec!["172.16.0.0/12".parse().unwrap()],
        ..Overrides::default()
    };
    assert!(load(allowed).is_ok());
}

#[test]
fn a_mistyped_key_names_the_nearest_one() {
    let mut table: toml::Table = DEFAULT.parse().unwrap();
    let over: toml::Table = "[store]\nretention_day = 3".parse().unwrap();
    let err = merge(&mut table, over, "my.toml", "").unwrap_err();
    assert_eq!(err.message, "my.toml: unknown key store.retention_day");
    assert_eq!(err.hint, "did you mean retention_days?");
}
