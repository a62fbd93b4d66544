//! Users: added, signed in, signed out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use argon2::Argon2;
use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use model::Clock;
use model::principal::{Principal, Role};
use model::user::{Session, User};
use sha2::{Digest, Sha256};
use store::Catalog;
use tokio::sync::Semaphore;

use crate::key::{ALPHANUMERIC, check_account, random};
use crate::{Error, Result};

const USERS: usize = 1_000;
const NAME_CHARS: usize = 64;
/// A short password is guessed; a very long one costs time to hash.
const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 8..=256;
const TOKEN_CHARS: usize = 43;
/// How long a session serves.
const SESSION_US: i64 = 7 * 24 * 3_600 * 1_000_000;
const SESSIONS: usize = 10_000;
/// Passwords that are hashed at the same time: each takes 19 MiB and tens of milliseconds.
const HASHES: usize = 2;
/// After so many wrong passwords for a name within this time, no more are tried.
const TRIES: usize = 5;
const TRIES_WITHIN_US: i64 = 60_000_000;
/// Names of which tries are remembered.
const TRIED_NAMES: usize = 10_000;

/// The users. Cheap to clone.
#[derive(Clone)]
pub struct Users {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    hashing: Arc<Semaphore>,
    /// When wrong passwords came, by name.
    tries: Arc<Mutex<HashMap<String, Vec<i64>>>>,
}

/// A sign-in: what the browser keeps, and for how long.
pub struct SignIn {
    pub token: String,
    pub lasts_secs: i64,
    pub principal: Principal,
}

impl Users {
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>) -> Users {
        Users { catalog, clock, hashing: Arc::new(Semaphore::new(HASHES)), tries: Arc::default() }
    }

    /// Adds a user, or gives one that there is another password and role.
    pub async fn put(&self, name: &str, password: &str, account_id: &str, role: Role) -> Result<User> {
        let chars = name.chars().count();
        if !(1..=NAME_CHARS).contains(&chars) || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(Error::Invalid(format!("the name of a user must have from 1 to {NAME_CHARS} characters, and no spaces")));
        }
        check_account(account_id)?;
        let chars = password.chars().count();
        if !PASSWORD_CHARS.contains(&chars) {
            let (min, max) = (PASSWORD_CHARS.start(), PASSWORD_CHARS.end());
            return Err(Error::Invalid(format!("the password has {chars} characters, it must have from {min} to {max}")));
        }
        let known = self.list().await?;
        if known.len() >= USERS && !known.iter().any(|user| user.name == name) {
            return Err(Error::LimitExceeded(format!("there are {USERS} users, the limit")));
        }
        let password_hash = self.hash(password.to_owned()).await?;
        let user =
            User { name: name.to_owned(), password_hash, account_id: account_id.to_owned(), role, created_us: self.clock.now_us() };
        self.catalog.put_resource(&user).await?;
        Ok(user)
    }

    pub async fn list(&self) -> Result<Vec<User>> {
        Ok(self.catalog.resources().await?)
    }

    pub async fn remove(&self, name: &str) -> Result<()> {
        let there = self.catalog.delete_resource::<User>(name).await?;
        if there { Ok(()) } else { Err(Error::NotFound(format!("there is no user {name}"))) }
    }

    /// A session for who knows the password.
    pub async fn sign_in(&self, name: &str, password: &str) -> Result<SignIn> {
        let now_us = self.clock.now_us();
        if name.chars().count() > NAME_CHARS || password.chars().count() > *PASSWORD_CHARS.end() {
            return Err(Error::WrongPassword("the name or the password is wrong".to_owned()));
        }
        if self.too_many_tries(name, now_us) {
            return Err(Error::TooManyTries("too many wrong passwords; wait a minute".to_owned()));
        }
        let user: Option<User> = self.catalog.resource(name).await?;
        // Someone who guesses names is told nothing by how long it takes.
        let hash = user.as_ref().map_or_else(|| NOBODYS_HASH.to_owned(), |user| user.password_hash.clone());
        let right = self.verify(password.to_owned(), hash).await?;
        let Some(user) = user.filter(|_| right) else {
            self.note_try(name, now_us);
            return Err(Error::WrongPassword("the name or the password is wrong".to_owned()));
        };
        lock(&self.tries).remove(name);
        self.drop_old_sessions(now_us).await?;
        let token = random(TOKEN_CHARS, ALPHANUMERIC);
        let session = Session {
            token_hash: hash_of(&token),
            user: user.name.clone(),
            password_tag: hash_of(&user.password_hash),
            expires_us: now_us + SESSION_US,
        };
        self.catalog.put_resource(&session).await?;
        Ok(SignIn { token, lasts_secs: SESSION_US / 1_000_000, principal: user.principal() })
    }

    /// Whose session this is, if it goes on.
    pub async fn of_session(&self, token: &str) -> Result<Option<Principal>> {
        let Some(session) = self.catalog.resource::<Session>(&hash_of(token)).await? else { return Ok(None) };
        if session.expires_us <= self.clock.now_us() {
            return Ok(None);
        }
        let user = self.catalog.resource::<User>(&session.user).await?;
        Ok(user.filter(|user| hash_of(&user.password_hash) == session.password_tag).map(|user| user.principal()))
    }

    pub async fn sign_out(&self, token: &str) -> Result<()> {
        self.catalog.delete_resource::<Session>(&hash_of(token)).await?;
        Ok(())
    }

    async fn drop_old_sessions(&self, now_us: i64) -> Result<()> {
        let mut sessions: Vec<Session> = self.catalog.resources().await?;
        sessions.sort_by_key(|session| std::cmp::Reverse(session.expires_us));
        for (place, session) in sessions.iter().enumerate() {
            if session.expires_us <= now_us || place + 1 >= SESSIONS {
                self.catalog.delete_resource::<Session>(&session.token_hash).await?;
            }
        }
        Ok(())
    }

    fn too_many_tries(&self, name: &str, now_us: i64) -> bool {
        let mut tries = lock(&self.tries);
        // Who tries thousands of names a minute must not push those out that are guarded.
        if tries.len() >= TRIED_NAMES {
            tries.retain(|_, times| times.iter().any(|time_us| now_us - time_us < TRIES_WITHIN_US));
        }
        let is_full = tries.len() >= TRIED_NAMES;
        let Some(times) = tries.get_mut(name) else { return is_full };
        times.retain(|time_us| now_us - time_us < TRIES_WITHIN_US);
        times.len() >= TRIES
    }

    fn note_try(&self, name: &str, now_us: i64) {
        let mut tries = lock(&self.tries);
        if tries.len() < TRIED_NAMES || tries.contains_key(name) {
            tries.entry(name.to_owned()).or_default().push(now_us);
        }
    }

    async fn hash(&self, password: String) -> Result<String> {
        let work = move || {
            let salt = SaltString::generate(&mut OsRng);
            Argon2::default().hash_password(password.as_bytes(), &salt).map(|hash| hash.to_string())
        };
        self.work(work).await?.map_err(|err| Error::Unexpected(err.to_string()))
    }

    async fn verify(&self, password: String, hash: String) -> Result<bool> {
        let work = move || {
            let hash = PasswordHash::new(&hash)?;
            Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        };
        self.work(work).await?.map_err(|err: argon2::password_hash::Error| Error::Unexpected(err.to_string()))
    }

    /// Off the event loop, a few at a time.
    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let unexpected = |what: String| Error::Unexpected(what);
        let _place = self.hashing.acquire().await.map_err(|err| unexpected(err.to_string()))?;
        tokio::task::spawn_blocking(work).await.map_err(|err| unexpected(err.to_string()))
    }
}

/// Of a password that nobody has.
const NOBODYS_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5cyBzYWx0IG9mIA$qfkDMGUbqtZ3LgxTN3GBqPQ5gSNQEvxFnIYbAeQyBzA";

fn hash_of(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
