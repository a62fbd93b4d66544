//! Queries that people keep.

use ::model::query_definition as model;
use serde::{Deserialize, Serialize};

use super::query::language;
use super::{limit_of, missing, of};
use crate::app::App;
use crate::error::ApiError;
use crate::page;

const PAGE: usize = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutQueryDefinition {
    query_language: Option<String>,
    name: Option<String>,
    query_definition_id: Option<String>,
    log_group_names: Option<Vec<String>>,
    query_string: Option<String>,
    parameters: Option<Vec<QueryParameter>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct QueryParameter {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutQueryDefinitionOutput {
    query_definition_id: String,
}

pub(super) async fn put_query_definition(app: &App, input: PutQueryDefinition) -> Result<PutQueryDefinitionOutput, ApiError> {
    let parameter = |given: QueryParameter| model::QueryParameter {
        name: given.name,
        default: given.default_value,
        description: given.description,
    };
    let definition = model::QueryDefinition {
        id: input.query_definition_id.unwrap_or_default(),
        name: input.name.ok_or_else(|| missing("name"))?,
        text: input.query_string.ok_or_else(|| missing("queryString"))?,
        language: language(input.query_language.as_deref())?.to_owned(),
        groups: input.log_group_names.unwrap_or_default(),
        parameters: input.parameters.unwrap_or_default().into_iter().map(parameter).collect(),
        modified_us: 0,
    };
    Ok(PutQueryDefinitionOutput { query_definition_id: app.query_definitions.put(definition).await.map_err(of)? })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeleteQueryDefinition {
    query_definition_id: Option<String>,
}

#[derive(Serialize)]
pub(super) struct DeleteQueryDefinitionOutput {
    success: bool,
}

pub(super) async fn delete_query_definition(
    app: &App,
    input: DeleteQueryDefinition,
) -> Result<DeleteQueryDefinitionOutput, ApiError> {
    let id = input.query_definition_id.ok_or_else(|| missing("queryDefinitionId"))?;
    app.query_definitions.delete(&id).await.map_err(of)?;
    Ok(DeleteQueryDefinitionOutput { success: true })
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeQueryDefinitions {
    query_language: Option<String>,
    query_definition_name_prefix: Option<String>,
    #[serde(skip_serializing)]
    max_results: Option<i64>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeQueryDefinitionsOutput {
    query_definitions: Vec<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    query_language: String,
    query_definition_id: String,
    name: String,
    query_string: String,
    last_modified: i64,
    log_group_names: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parameters: Vec<QueryParameter>,
}

pub(super) async fn describe_query_definitions(
    app: &App,
    input: DescribeQueryDefinitions,
) -> Result<DescribeQueryDefinitionsOutput, ApiError> {
    let most = limit_of(input.max_results, PAGE, PAGE)?;
    let is_meant = |definition: &model::QueryDefinition| {
        input.query_definition_name_prefix.as_ref().is_none_or(|prefix| definition.name.starts_with(prefix.as_str()))
            && input.query_language.as_ref().is_none_or(|language| definition.language == *language)
    };
    let all: Vec<model::QueryDefinition> = app.query_definitions.list().await.map_err(of)?.into_iter().filter(is_meant).collect();
    let (definitions, next_token) = page::cut(all, input.next_token.as_deref(), most, &input, app.clock.now_us())?;
    let parameter = |parameter: model::QueryParameter| QueryParameter {
        name: parameter.name,
        default_value: parameter.default,
        description: parameter.description,
    };
    let told = |definition: model::QueryDefinition| Told {
        query_language: definition.language,
        query_definition_id: definition.id,
        name: definition.name,
        query_string: definition.text,
        last_modified: definition.modified_us / 1_000,
        log_group_names: definition.groups,
        parameters: definition.parameters.into_iter().map(parameter).collect(),
    };
    Ok(DescribeQueryDefinitionsOutput { query_definitions: definitions.into_iter().map(told).collect(), next_token })
}
