// Commands that give the same as the page, in a terminal.

import type { Canary } from "../api/canary";
import { shellQuote } from "./aws-cli";

function aws(operation: string, endpoint: string, signed: boolean): string {
  return `aws synthetics ${operation} --endpoint-url ${shellQuote(endpoint)} --region us-east-1${signed ? "" : " --no-sign-request"}`;
}

export function describeCommand(name: string, endpoint: string, signed: boolean): string {
  return `${aws("get-canary", endpoint, signed)} --name ${shellQuote(name)}`;
}

/** What CreateCanary is given. The AWS CLI does not know Mitoshi's blueprints, so those are sent with curl. */
export function createCommand(canary: Canary, endpoint: string, signed: boolean): string {
  const input = {
    Name: canary.Name,
    Code: codeOf(canary),
    ArtifactS3Location: canary.ArtifactS3Location ?? "s3://cw-syn-results",
    ExecutionRoleArn: canary.ExecutionRoleArn ?? "arn:aws:iam::000000000000:role/mitoshi",
    Schedule: canary.Schedule,
    RunConfig: runConfigOf(canary),
    SuccessRetentionPeriodInDays: canary.SuccessRetentionPeriodInDays,
    FailureRetentionPeriodInDays: canary.FailureRetentionPeriodInDays,
    RuntimeVersion: canary.RuntimeVersion,
    ...(Object.keys(canary.Tags ?? {}).length > 0 ? { Tags: canary.Tags } : {}),
  };
  const json = shellQuote(JSON.stringify(input));
  if (!isExtended(canary)) return `${aws("create-canary", endpoint, signed)} --cli-input-json ${json}`;
  const sign = signed ? ' --aws-sigv4 aws:amz:us-east-1:synthetics --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"' : "";
  return `curl -X POST ${shellQuote(`${endpoint}/canary`)} -H 'Content-Type: application/json'${sign} -d ${json}`;
}

const isExtended = ({ Code }: Canary) => Code?.BlueprintConfig !== undefined || Code?.Script !== undefined;

/** Values of variables have to be given again. */
function runConfigOf({ RunConfig }: Canary) {
  const { EnvironmentVariableNames: names = [], ...rest } = RunConfig ?? {};
  if (names.length === 0) return rest;
  return { ...rest, EnvironmentVariables: Object.fromEntries(names.map((name) => [name, "VALUE"])) };
}

/** A script that came as a file has to be given again. */
function codeOf({ Code }: Canary) {
  const { SourceLocationArn: _, ...code } = Code ?? {};
  return Code?.BlueprintConfig === undefined && Code?.Script === undefined ? { ...code, ZipFile: "BASE64" } : code;
}
