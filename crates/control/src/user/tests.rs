use testkit::ManualClock;

use super::*;

async fn users() -> (Users, ManualClock, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at_secs(1_795_000_000);
    let store = store::Store::open(store::StoreOptions::new(dir.path()), Arc::new(clock.clone())).await.unwrap();
    (Users::new(store.catalog().clone(), Arc::new(clock.clone())), clock, dir)
}

const ACCOUNT: &str = "000000000000";

#[tokio::test]
async fn a_session_serves_until_it_ends() {
    let (users, clock, _dir) = users().await;
    let user = users.put("ana", "correct horse", ACCOUNT, Role::Read).await.unwrap();
    assert!(!format!("{user:?}").contains("argon2") && user.password_hash.starts_with("$argon2id$"));
    let SignIn { token, principal, .. } = users.sign_in("ana", "correct horse").await.unwrap();
    assert_eq!((principal.name.as_str(), principal.role), ("ana", Role::Read));
    assert_eq!(users.of_session(&token).await.unwrap(), Some(principal));
    assert_eq!(users.of_session("another").await.unwrap(), None);
    clock.advance_secs(7 * 24 * 3_600 + 1);
    assert_eq!(users.of_session(&token).await.unwrap(), None);
    let one = users.sign_in("ana", "correct horse").await.unwrap().token;
    let other = users.sign_in("ana", "correct horse").await.unwrap().token;
    users.sign_out(&one).await.unwrap();
    assert_eq!(users.of_session(&one).await.unwrap(), None);
    assert!(users.of_session(&other).await.unwrap().is_some());
    // Another password ends what the old one began; so does the end of the user.
    users.put("ana", "battery staple", ACCOUNT, Role::Admin).await.unwrap();
    assert_eq!(users.of_session(&other).await.unwrap(), None);
    let last = users.sign_in("ana", "battery staple").await.unwrap();
    assert_eq!(last.principal.role, Role::Admin);
    users.remove("ana").await.unwrap();
    assert_eq!(users.of_session(&last.token).await.unwrap(), None);
    assert_eq!(users.remove("ana").await.unwrap_err().kind(), model::Kind::NotFound);
}

#[tokio::test]
async fn who_guesses_has_to_wait() {
    let (users, clock, _dir) = users().await;
    users.put("ana", "correct horse", ACCOUNT, Role::Read).await.unwrap();
    for name in ["ana", "nobody"] {
        for _ in 0..5 {
            assert!(matches!(users.sign_in(name, "guess guess").await, Err(Error::WrongPassword(_))));
        }
        assert!(matches!(users.sign_in(name, "correct horse").await, Err(Error::TooManyTries(_))));
    }
    clock.advance_secs(61);
    users.sign_in("ana", "correct horse").await.unwrap();
}

#[tokio::test]
async fn names_and_passwords_are_checked() {
    let (users, _clock, _dir) = users().await;
    for (name, password, account) in
        [("", "long enough", ACCOUNT), ("a b", "long enough", ACCOUNT), ("ana", "short", ACCOUNT), ("ana", "long enough", "12")]
    {
        assert_eq!(users.put(name, password, account, Role::Read).await.unwrap_err().kind(), model::Kind::Invalid, "{name}");
    }
}

#[test]
fn nobodys_hash_can_be_read() {
    assert!(PasswordHash::new(NOBODYS_HASH).is_ok());
    assert!(PasswordHash::new(NOBODYS_HASH).unwrap().hash.is_some());
}
