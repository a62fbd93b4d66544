// Every operation of X-Ray through AWS's SDK for JavaScript, as an application would call them one after the other.
// Prints the operations that answered as expected; the environment has the endpoint and the key.

import assert from "node:assert/strict";

import * as xray from "@aws-sdk/client-xray";

const client = new xray.XRayClient({ region: "us-east-1", endpoint: process.env.ENDPOINT, maxAttempts: 1 });
const done = [];

async function call(name, input = {}) {
  const answer = await client.send(new xray[`${name}Command`](input));
  assert.equal(answer.$metadata.httpStatusCode, 200, name);
  done.push(name);
  return answer;
}

async function refused(name, input, exception) {
  await assert.rejects(client.send(new xray[`${name}Command`](input)), (error) => {
    assert.ok(error instanceof exception, `${name}: ${error.name}: ${error.message}`);
    return true;
  });
}

const seconds = Date.now() / 1000 - 5;
const hex = (digits) => Array.from({ length: digits }, () => Math.floor(Math.random() * 16).toString(16)).join("");
const traceId = `1-${Math.floor(seconds).toString(16)}-${hex(24)}`;
const call1 = { id: hex(16), name: "stock", namespace: "remote", start_time: seconds + 0.1, end_time: seconds + 0.4, fault: true };
const documents = [
  { trace_id: traceId, id: hex(16), name: "shop", start_time: seconds, end_time: seconds + 0.5, fault: true, subsegments: [call1],
    annotations: { tier: "gold" } },
  { trace_id: traceId, id: hex(16), parent_id: call1.id, name: "stock", start_time: seconds + 0.2, end_time: seconds + 0.3, fault: true },
];
const range = { StartTime: new Date((seconds - 600) * 1000), EndTime: new Date((seconds + 600) * 1000) };

const put = await call("PutTraceSegments", { TraceSegmentDocuments: documents.map((document) => JSON.stringify(document)) });
assert.deepEqual(put.UnprocessedTraceSegments, []);
await call("PutTelemetryRecords", { TelemetryRecords: [{ Timestamp: new Date(), SegmentsReceivedCount: 2 }] });

const traces = await call("BatchGetTraces", { TraceIds: [traceId, "1-00000000-000000000000000000000000"] });
assert.equal(traces.Traces[0].Segments.length, 2);
assert.deepEqual(traces.UnprocessedTraceIds, ["1-00000000-000000000000000000000000"]);
const pages = xray.paginateGetTraceSummaries({ client }, { ...range, FilterExpression: 'annotation.tier = "gold" AND fault' });
for await (const page of pages) {
  assert.ok(page.ApproximateTime instanceof Date);
  assert.ok(page.TraceSummaries.some((summary) => summary.Id === traceId && summary.HasFault));
}
done.push("GetTraceSummaries");
const graph = await call("GetServiceGraph", range);
assert.ok(graph.Services.some((service) => service.Name === "shop" && service.StartTime instanceof Date));
assert.ok((await call("GetTraceGraph", { TraceIds: [traceId] })).Services.length >= 2);
const series = await call("GetTimeSeriesServiceStatistics", {
  ...range, EntitySelectorExpression: 'service(id(name: "stock"))', ForecastStatistics: true,
});
assert.equal(series.TimeSeriesServiceStatistics[0].ServiceForecastStatistics.FaultCountLow, 0);

const rule = { RuleName: "js", ResourceARN: "*", Priority: 7, FixedRate: 0.5, ReservoirSize: 1, ServiceName: "*", ServiceType: "*",
  Host: "*", HTTPMethod: "*", URLPath: "*", Version: 1, SamplingRateBoost: { MaxRate: 1, CooldownWindowMinutes: 1 } };
const made = await call("CreateSamplingRule", { SamplingRule: rule, Tags: [{ Key: "team", Value: "js" }] });
const ruleArn = made.SamplingRuleRecord.SamplingRule.RuleARN;
await call("UpdateSamplingRule", { SamplingRuleUpdate: { RuleName: "js", FixedRate: 0.25 } });
const rules = await call("GetSamplingRules");
assert.equal(rules.SamplingRuleRecords.find((record) => record.SamplingRule.RuleName === "js").SamplingRule.FixedRate, 0.25);
const targets = await call("GetSamplingTargets", {
  SamplingStatisticsDocuments: [
    { RuleName: "js", ClientID: hex(24), Timestamp: new Date(), RequestCount: 10, SampledCount: 1, BorrowCount: 0 }],
  SamplingBoostStatisticsDocuments: [
    { RuleName: "js", ServiceName: "shop", Timestamp: new Date(), AnomalyCount: 2, TotalCount: 20, SampledAnomalyCount: 0 }],
});
assert.ok(targets.SamplingTargetDocuments[0].SamplingBoost.BoostRate > 0.25);
assert.ok(targets.LastRuleModification instanceof Date);
assert.ok((await call("GetSamplingStatisticSummaries")).SamplingStatisticSummaries.some((each) => each.RuleName === "js"));

const group = (await call("CreateGroup", {
  GroupName: "js", FilterExpression: 'service("shop")', InsightsConfiguration: { InsightsEnabled: true, NotificationsEnabled: false },
})).Group;
await call("UpdateGroup", { GroupARN: group.GroupARN, FilterExpression: 'service("stock")' });
assert.equal((await call("GetGroup", { GroupName: "js" })).Group.FilterExpression, 'service("stock")');
assert.deepEqual((await call("GetGroups")).Groups.map((each) => each.GroupName), ["Default", "js"]);
await call("TagResource", { ResourceARN: group.GroupARN, Tags: [{ Key: "a", Value: "b" }] });
assert.deepEqual((await call("ListTagsForResource", { ResourceARN: ruleArn })).Tags, [{ Key: "team", Value: "js" }]);
await call("UntagResource", { ResourceARN: group.GroupARN, TagKeys: ["a"] });
await refused("TagResource", { ResourceARN: `${group.GroupARN}x`, Tags: [] }, xray.ResourceNotFoundException);

assert.deepEqual((await call("GetInsightSummaries", { ...range, GroupName: "js" })).InsightSummaries, []);
const insight = { InsightId: "01234567-89ab-4cde-8f01-23456789abcd" };
await refused("GetInsight", insight, xray.InvalidRequestException);
await refused("GetInsightEvents", insight, xray.InvalidRequestException);
await refused("GetInsightImpactGraph", { ...insight, ...range }, xray.InvalidRequestException);

const policy = JSON.stringify({ Version: "2012-10-17", Statement: [
  { Effect: "Allow", Principal: { Service: "sns.amazonaws.com" }, Action: "xray:PutTraceSegments", Resource: "*" }] });
const kept = await call("PutResourcePolicy", { PolicyName: "js", PolicyDocument: policy });
assert.equal((await call("ListResourcePolicies")).ResourcePolicies[0].PolicyRevisionId, kept.ResourcePolicy.PolicyRevisionId);
await refused("PutResourcePolicy", { PolicyName: "js", PolicyDocument: "{" }, xray.MalformedPolicyDocumentException);
await refused("DeleteResourcePolicy", { PolicyName: "js", PolicyRevisionId: "999" }, xray.InvalidPolicyRevisionIdException);
await call("DeleteResourcePolicy", { PolicyName: "js" });

assert.equal((await call("PutEncryptionConfig", { Type: "KMS", KeyId: "alias/mine" })).EncryptionConfig.Type, "KMS");
assert.equal((await call("GetEncryptionConfig")).EncryptionConfig.KeyId, "alias/mine");
assert.equal((await call("UpdateTraceSegmentDestination", { Destination: "CloudWatchLogs" })).Destination, "CloudWatchLogs");
assert.equal((await call("GetTraceSegmentDestination")).Destination, "CloudWatchLogs");
await call("UpdateIndexingRule", { Name: "Default", Rule: { Probabilistic: { DesiredSamplingPercentage: 10 } } });
assert.equal((await call("GetIndexingRules")).IndexingRules[0].Rule.Probabilistic.DesiredSamplingPercentage, 10);

const token = { RetrievalToken: (await call("StartTraceRetrieval", { TraceIds: [traceId], ...range })).RetrievalToken };
const listed = await call("ListRetrievedTraces", { ...token, TraceFormat: "OTEL" });
assert.equal(listed.RetrievalStatus, "COMPLETE");
assert.equal(JSON.parse(listed.Traces[0].Spans[0].Document).traceId, traceId.slice(2).replace("-", ""));
assert.ok((await call("GetRetrievedTracesGraph", token)).Services.length >= 2);
await call("CancelTraceRetrieval", token);
await refused("ListRetrievedTraces", { RetrievalToken: "unknown" }, xray.ResourceNotFoundException);

await call("DeleteGroup", { GroupName: "js" });
await call("DeleteSamplingRule", { RuleARN: ruleArn });
await refused("DeleteSamplingRule", { RuleName: "js" }, xray.InvalidRequestException);

const operations = Object.keys(xray).filter((name) => /^[A-Z].*Command$/.test(name)).map((name) => name.replace("Command", ""));
console.log(JSON.stringify({ operations: operations.sort(), done: [...new Set(done)].sort() }));
