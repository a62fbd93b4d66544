//! Resources in the catalog: each a JSON text under its kind and key.

use model::resource::Resource;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Catalog, intact};
use crate::error::Result;

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
        sqlx::query("INSERT OR REPLACE INTO resource (account, kind, key, value, checksum) VALUES (?, ?, ?, ?, ?)")
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
