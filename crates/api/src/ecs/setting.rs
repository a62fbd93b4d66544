//! What clusters get that are new.

use model::container::Insights;
use serde::Deserialize;
use serde_json::{Value, json};

use super::cluster::INSIGHTS;
use super::{invalid, of};
use crate::app::App;
use crate::error::ApiError;
use crate::page;

fn setting(app: &App, insights: Insights) -> Value {
    let principal = format!("arn:aws:iam::{}:root", app.identity.account_id);
    json!({"name": INSIGHTS, "value": insights.as_str(), "principalArn": principal, "type": "user"})
}

#[derive(Deserialize)]
pub(super) struct PutAccountSetting {
    name: Option<String>,
    value: Option<String>,
}

/// For everyone of the account: who asks has no settings of their own here.
pub(super) async fn put_account_setting(app: &App, input: PutAccountSetting) -> Result<Value, ApiError> {
    let name = input.name.ok_or_else(|| invalid("name is missing."))?;
    if name != INSIGHTS {
        return Err(invalid(format!("{name:?} is no setting of this server; {INSIGHTS} is")));
    }
    let insights: Insights = input.value.unwrap_or_default().parse().map_err(invalid)?;
    app.clusters.set_default_insights(insights).await.map_err(of)?;
    Ok(json!({"setting": setting(app, insights)}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListAccountSettings {
    name: Option<String>,
    value: Option<String>,
    next_token: Option<String>,
}

pub(super) async fn list_account_settings(app: &App, input: ListAccountSettings) -> Result<Value, ApiError> {
    page::none(input.next_token.as_deref())?;
    let insights = app.clusters.default_insights().await.map_err(of)?;
    let is_asked = |asked: &Option<String>, is: &str| asked.as_deref().is_none_or(|asked| asked == is);
    let is_wanted = is_asked(&input.name, INSIGHTS) && is_asked(&input.value, insights.as_str());
    let settings: Vec<Value> = is_wanted.then(|| setting(app, insights)).into_iter().collect();
    Ok(json!({"settings": settings}))
}
