//! Sampling rules in the catalog.

use model::sampling::{SamplingRateBoost, SamplingRule};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Catalog, intact};
use crate::error::Result;

impl Catalog {
    /// All rules that were made or changed, by priority, then name. The default rule is among them only once it was changed.
    pub async fn sampling_rules(&self) -> Result<Vec<SamplingRule>> {
        let sql = "SELECT * FROM sampling_rule WHERE account = ? ORDER BY priority, name";
        let rows = sqlx::query(sql).bind(&*self.account).fetch_all(&self.pool).await?;
        rows.iter().map(|row| rule(row).map(|(_, rule)| rule)).collect()
    }

    /// Those of all accounts; an error where one is not as it was written.
    pub(super) async fn all_sampling_rules(&self) -> Result<Vec<(String, SamplingRule)>> {
        let rows = sqlx::query("SELECT * FROM sampling_rule").fetch_all(&self.pool).await?;
        rows.iter().map(rule).collect()
    }

    /// Those that are as they were written, and how many are not.
    pub(super) async fn intact_sampling_rules(&self) -> Result<(Vec<(String, SamplingRule)>, usize)> {
        let rows = sqlx::query("SELECT * FROM sampling_rule").fetch_all(&self.pool).await?;
        let rules: Vec<_> = rows.iter().filter_map(|row| rule(row).ok()).collect();
        let lost = rows.len() - rules.len();
        Ok((rules, lost))
    }

    /// When a rule was last made, changed or deleted; zero if never.
    pub async fn sampling_modified_us(&self) -> Result<i64> {
        let sql = "SELECT modified_us FROM sampling_rule_change WHERE account = ?";
        let known: Option<i64> = sqlx::query_scalar(sql).bind(&*self.account).fetch_optional(&self.pool).await?;
        Ok(known.unwrap_or(0))
    }

    /// Makes the rule, or replaces the one of its name.
    pub async fn put_sampling_rule(&self, rule: &SamplingRule, now_us: i64) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "INSERT OR REPLACE INTO sampling_rule (account, name, priority, fixed_rate, reservoir_size, service_name, service_type, host, \
             http_method, url_path, resource_arn, attributes, boost_max_rate, boost_cooldown_minutes, created_us, modified_us, \
             checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&*self.account)
        .bind(&rule.name)
        .bind(rule.priority)
        .bind(rule.fixed_rate)
        .bind(rule.reservoir_size)
        .bind(&rule.service_name)
        .bind(&rule.service_type)
        .bind(&rule.host)
        .bind(&rule.http_method)
        .bind(&rule.url_path)
        .bind(&rule.resource_arn)
        .bind(serde_json::to_string(&rule.attributes).unwrap_or_else(|_| "{}".to_owned()))
        .bind(rule.rate_boost.map(|boost| boost.max_rate))
        .bind(rule.rate_boost.map(|boost| boost.cooldown_window_minutes))
        .bind(rule.created_us)
        .bind(rule.modified_us)
        .bind(checksum(&self.account, rule))
        .execute(&mut *transaction)
        .await?;
        sqlx::query(CHANGED).bind(&*self.account).bind(now_us).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Deletes the rule; false where there is none of that name.
    pub async fn delete_sampling_rule(&self, name: &str, now_us: i64) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let deleted = sqlx::query("DELETE FROM sampling_rule WHERE account = ? AND name = ?")
            .bind(&*self.account)
            .bind(name)
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        if deleted > 0 {
            sqlx::query(CHANGED).bind(&*self.account).bind(now_us).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(deleted > 0)
    }
}

const CHANGED: &str = "INSERT OR REPLACE INTO sampling_rule_change (account, modified_us) VALUES (?, ?)";

fn checksum(account: &str, rule: &SamplingRule) -> i64 {
    let sum = crc32c::crc32c_append(crc32c::crc32c(account.as_bytes()), b"\0");
    i64::from(crc32c::crc32c_append(sum, &serde_json::to_vec(rule).unwrap_or_default()))
}

/// A rule, and whose it is.
fn rule(row: &SqliteRow) -> Result<(String, SamplingRule)> {
    let account: String = row.try_get("account")?;
    let attributes: String = row.try_get("attributes")?;
    let max_rate: Option<f64> = row.try_get("boost_max_rate")?;
    let cooldown: Option<i64> = row.try_get("boost_cooldown_minutes")?;
    let rule = SamplingRule {
        name: row.try_get("name")?,
        priority: row.try_get("priority")?,
        fixed_rate: row.try_get("fixed_rate")?,
        reservoir_size: row.try_get("reservoir_size")?,
        service_name: row.try_get("service_name")?,
        service_type: row.try_get("service_type")?,
        host: row.try_get("host")?,
        http_method: row.try_get("http_method")?,
        url_path: row.try_get("url_path")?,
        resource_arn: row.try_get("resource_arn")?,
        attributes: serde_json::from_str(&attributes).unwrap_or_default(),
        rate_boost: max_rate
            .zip(cooldown)
            .map(|(max_rate, cooldown_window_minutes)| SamplingRateBoost { max_rate, cooldown_window_minutes }),
        created_us: row.try_get("created_us")?,
        modified_us: row.try_get("modified_us")?,
    };
    intact(row, checksum(&account, &rule))?;
    Ok((account, rule))
}
