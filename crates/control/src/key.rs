//! Access keys: made, found, revoked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use model::Clock;
use model::key::AccessKey;
use model::principal::{Principal, Role};
use rand::Rng;
use store::Catalog;
use subtle::ConstantTimeEq;

use crate::{Error, Result};

/// How long what is known of keys serves: a command may change them while the server runs.
const KNOWN_FOR: Duration = Duration::from_secs(1);
/// Keys that there may be.
const KEYS: usize = 1_000;
/// AWS's: so clients that look at them are content.
const ID_CHARS: usize = 16;
const SECRET_CHARS: usize = 40;
const TOKEN_CHARS: usize = 64;
const NAME_CHARS: usize = 64;

/// The keys. Cheap to clone.
#[derive(Clone)]
pub struct Keys {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    known: Arc<Mutex<Option<Known>>>,
}

/// All keys by id, and when they were read.
type Known = (Instant, Arc<HashMap<String, AccessKey>>);

/// What a new key is to be.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub name: String,
    pub account_id: String,
    pub role: Role,
    /// Seconds after which it ends; none never does.
    pub expires_in_secs: Option<i64>,
}

impl Keys {
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>) -> Keys {
        Keys { catalog, clock, known: Arc::default() }
    }

    /// Makes a key. This is the one time that its secret is told.
    pub async fn create(&self, new: NewKey) -> Result<AccessKey> {
        let chars = new.name.chars().count();
        if !(1..=NAME_CHARS).contains(&chars) || new.name.chars().any(char::is_control) {
            return Err(Error::Invalid(format!(
                "the name of a key must have from 1 to {NAME_CHARS} characters, and no control ones"
            )));
        }
        check_account(&new.account_id)?;
        if self.list().await?.len() >= KEYS {
            return Err(Error::LimitExceeded(format!("there are {KEYS} keys, the limit; revoke some")));
        }
        let now_us = self.clock.now_us();
        let is_temporary = new.expires_in_secs.is_some();
        let key = AccessKey {
            id: format!("{}{}", if is_temporary { "ASIA" } else { "AKIA" }, random(ID_CHARS, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")),
            secret: random(SECRET_CHARS, ALPHANUMERIC),
            session_token: is_temporary.then(|| random(TOKEN_CHARS, ALPHANUMERIC)),
            expires_us: new.expires_in_secs.map(|secs| now_us.saturating_add(secs.saturating_mul(1_000_000))),
            name: new.name,
            account_id: new.account_id,
            role: new.role,
            created_us: now_us,
        };
        self.catalog.put_resource(&key).await?;
        self.forget();
        Ok(key)
    }

    /// All keys, the oldest first.
    pub async fn list(&self) -> Result<Vec<AccessKey>> {
        let mut keys: Vec<AccessKey> = self.catalog.resources().await?;
        keys.sort_by_key(|key| key.created_us);
        Ok(keys)
    }

    pub async fn revoke(&self, id: &str) -> Result<()> {
        let there = self.catalog.delete_resource::<AccessKey>(id).await?;
        self.forget();
        if there { Ok(()) } else { Err(Error::NotFound(format!("there is no key {id}"))) }
    }

    pub async fn find(&self, id: &str) -> Result<Option<AccessKey>> {
        Ok(self.known().await?.get(id).cloned())
    }

    /// Whose token this is.
    pub async fn of_token(&self, token: &str) -> Result<Option<Principal>> {
        let Some((id, secret)) = token.split_once('.') else { return Ok(None) };
        let key = self.find(id).await?.filter(|key| bool::from(key.secret.as_bytes().ct_eq(secret.as_bytes())));
        Ok(key.filter(|key| !self.is_over(key)).map(|key| key.principal()))
    }

    pub fn is_over(&self, key: &AccessKey) -> bool {
        key.expires_us.is_some_and(|expires_us| expires_us <= self.clock.now_us())
    }

    async fn known(&self) -> Result<Arc<HashMap<String, AccessKey>>> {
        if let Some((read, keys)) = &*lock(&self.known)
            && read.elapsed() < KNOWN_FOR
        {
            return Ok(keys.clone());
        }
        let keys: Vec<AccessKey> = self.catalog.resources().await?;
        let keys: Arc<HashMap<_, _>> = Arc::new(keys.into_iter().map(|key| (key.id.clone(), key)).collect());
        *lock(&self.known) = Some((Instant::now(), keys.clone()));
        Ok(keys)
    }

    fn forget(&self) {
        *lock(&self.known) = None;
    }
}

pub(crate) const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Characters of chance, from the system's own source by way of the thread's generator, which is made for it.
pub(crate) fn random(chars: usize, of: &[u8]) -> String {
    let mut rng = rand::rng();
    (0..chars).map(|_| char::from(of[rng.random_range(0..of.len())])).collect()
}

pub(crate) fn check_account(account_id: &str) -> Result<()> {
    if account_id.len() != 12 || !account_id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::Invalid(format!("the account id {account_id:?} is not 12 digits")));
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
