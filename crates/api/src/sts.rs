//! STS, as far as clients of other services need it: they ask who they are, to make ARNs.

use model::principal::Action::Read;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::error::ApiError;
use crate::rpc::{Service, rpc};

pub(crate) static SERVICE: Service = Service {
    name: "sts",
    target: "AWSSecurityTokenServiceV20110615",
    query: Some(("https://sts.amazonaws.com/doc/2011-06-15/", "2011-06-15")),
    operations: &[rpc!("GetCallerIdentity", Read, get_caller_identity)],
    of_linked: &[],
    others: &[
        "AssumeRole",
        "AssumeRoleWithSAML",
        "AssumeRoleWithWebIdentity",
        "AssumeRoot",
        "DecodeAuthorizationMessage",
        "GetAccessKeyInfo",
        "GetDelegatedAccessToken",
        "GetFederationToken",
        "GetSessionToken",
        "GetWebIdentityToken",
    ],
    code: |_| None,
    invalid: "ValidationError",
    broken: None,
};

#[derive(Deserialize)]
struct GetCallerIdentity {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CallerIdentity {
    user_id: String,
    account: String,
    arn: String,
}

/// The account that the caller's key is of.
async fn get_caller_identity(app: &App, _: GetCallerIdentity) -> Result<CallerIdentity, ApiError> {
    let account = app.identity.account_id.clone();
    Ok(CallerIdentity { user_id: account.clone(), arn: format!("arn:aws:iam::{account}:root"), account })
}
