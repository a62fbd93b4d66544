//! Resources in the catalog: each a JSON text under its kind and key.

use model::resource::Resource;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Catalog, intact};
use crate::error::Result;

const PUT: &str = "INSERT OR REPLACE INTO resource (account, kind, key, value, checksum) VALUES (?, ?, ?, ?, ?)";

/// Changes of resources of one account that belong together.
#[derive(Debug, Default)]
pub struct ResourceChanges(Vec<(&'static str, String, Option<String>)>);

impl ResourceChanges {
    /// Makes it, or replaces the one of its key.
    pub fn put<R: Resource>(&mut self, resource: &R) -> Result<()> {
        let value = serde_json::to_string(resource).map_err(|err| sqlx::Error::Encode(err.into()))?;
        self.0.push((R::KIND, resource.key().to_owned(), Some(value)));
        Ok(())
    }

    pub fn delete<R: Resource>(&mut self, key: &str) {
        self.0.push((R::KIND, key.to_owned(), None));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Catalog {
    /// All of a kind, by key.
    pub async fn resources<R: Resource>(&self) -> Result<Vec<R>> {
        let rows = sqlx::query("SELECT * FROM resource WHERE account = ? AND kind = ? ORDER BY key")
            .bind(&*self.account)
            .bind(R::KIND)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| read(row)).collect()
    }

    pub async fn resource<R: Resource>(&self, key: &str) -> Result<Option<R>> {
        let row = sqlx::query("SELECT * FROM resource WHERE account = ? AND kind = ? AND key = ?")
            .bind(&*self.account)
            .bind(R::KIND)
            .bind(key);
        row.fetch_optional(&self.pool).await?.map(|row| read(&row)).transpose()
    }

    /// Makes it, or replaces the one of its key.
    pub async fn put_resource<R: Resource>(&self, resource: &R) -> Result<()> {
        let value = serde_json::to_string(resource).map_err(|err| sqlx::Error::Encode(err.into()))?;
        self.put(R::KIND, resource.key(), &value).await
    }

    async fn put(&self, kind: &str, key: &str, value: &str) -> Result<()> {
        sqlx::query(PUT)
            .bind(&*self.account)
            .bind(kind)
            .bind(key)
            .bind(value)
            .bind(checksum(&self.account, kind, key, value))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Deletes it; false where there is none of that key.
    pub async fn delete_resource<R: Resource>(&self, key: &str) -> Result<bool> {
        let deleted = sqlx::query("DELETE FROM resource WHERE account = ? AND kind = ? AND key = ?")
            .bind(&*self.account)
            .bind(R::KIND)
            .bind(key);
        Ok(deleted.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Some of a kind whose keys are in `[from, to)`, in the order of these.
    pub async fn resources_within<R: Resource>(&self, from: &str, to: &str, newest_first: bool, most: u32) -> Result<Vec<R>> {
        let sql = match newest_first {
            true => "SELECT * FROM resource WHERE account = ? AND kind = ? AND key >= ? AND key < ? ORDER BY key DESC LIMIT ?",
            false => "SELECT * FROM resource WHERE account = ? AND kind = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?",
        };
        let rows = sqlx::query(sql).bind(&*self.account).bind(R::KIND).bind(from).bind(to).bind(most);
        rows.fetch_all(&self.pool).await?.iter().map(|row| read(row)).collect()
    }

    /// Deletes all of a kind whose keys are before this one.
    pub async fn delete_resources_before<R: Resource>(&self, key: &str) -> Result<()> {
        let deleted = sqlx::query("DELETE FROM resource WHERE account = ? AND kind = ? AND key < ?");
        deleted.bind(&*self.account).bind(R::KIND).bind(key).execute(&self.pool).await?;
        Ok(())
    }

    /// Makes all of the changes, or none.
    pub async fn change_resources(&self, changes: &ResourceChanges) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        for (kind, key, value) in &changes.0 {
            match value {
                Some(value) => {
                    sqlx::query(PUT)
                        .bind(&*self.account)
                        .bind(kind)
                        .bind(key)
                        .bind(value)
                        .bind(checksum(&self.account, kind, key, value))
                        .execute(&mut *transaction)
                        .await?
                }
                None => {
                    sqlx::query("DELETE FROM resource WHERE account = ? AND kind = ? AND key = ?")
                        .bind(&*self.account)
                        .bind(kind)
                        .bind(key)
                        .execute(&mut *transaction)
                        .await?
                }
            };
        }
        Ok(transaction.commit().await?)
    }

    /// An error where some resource is not as it was written.
    pub(super) async fn check_resources(&self) -> Result<()> {
        let rows = sqlx::query("SELECT * FROM resource").fetch_all(&self.pool).await?;
        rows.iter().try_for_each(|row| texts(row).map(drop))
    }

    /// Takes over what is intact in another catalog; returns how many are not.
    pub(super) async fn take_resources(&self, from: &Catalog) -> Result<usize> {
        let rows = sqlx::query("SELECT * FROM resource").fetch_all(&from.pool).await?;
        let mut lost = 0;
        for row in &rows {
            match texts(row) {
                Ok([account, kind, key, value]) => self.of_account(account).put(kind, key, value).await?,
                Err(_) => lost += 1,
            }
        }
        Ok(lost)
    }
}

fn checksum(account: &str, kind: &str, key: &str, value: &str) -> i64 {
    let parts = [account.as_bytes(), b"\0", kind.as_bytes(), b"\0", key.as_bytes(), b"\0", value.as_bytes()];
    i64::from(parts.iter().fold(0, |sum, part| crc32c::crc32c_append(sum, part)))
}

/// Account, kind, key and value of a row that is as it was written.
fn texts(row: &SqliteRow) -> Result<[&str; 4]> {
    let [account, kind, key, value] = ["account", "kind", "key", "value"].map(|name| row.try_get::<&str, _>(name));
    let texts = [account?, kind?, key?, value?];
    intact(row, checksum(texts[0], texts[1], texts[2], texts[3]))?;
    Ok(texts)
}

fn read<R: Resource>(row: &SqliteRow) -> Result<R> {
    let [.., value] = texts(row)?;
    Ok(serde_json::from_str(value).map_err(|err| sqlx::Error::Decode(err.into()))?)
}
