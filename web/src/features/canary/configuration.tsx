// What a canary is made of: to read, as JSON, and as commands.

import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";

import type { Canary } from "../../api/canary";
import { useHealth, useSession } from "../../api/hook";
import { AlarmsHere } from "../../app/alarms-here";
import { scheduleText } from "../../app/canary-words";
import { useSettings, useText } from "../../app/settings";
import { CopyButton } from "../../components/copy-button";
import { FactList, type Fact } from "../../components/fact-list";
import { JsonTree } from "../../components/json-tree";
import { createCommand, describeCommand } from "../../model/canary-command";
import { printPrefill } from "../../model/alarm-form";
import { blueprintOf, canaryArn, canaryNamespace } from "../../model/canary";
import { secondsBetween } from "../../model/canary-schedule";
import { formatDuration, formatTime } from "../../model/format";

export function Configuration({ canary }: { canary: Canary }) {
  const { text, zone } = useSettings();
  const t = text.canary.configuration;
  const health = useHealth();
  const signed = useSession().data?.required ?? false;
  const arn = canaryArn(canary, health.data?.account_id ?? "000000000000", health.data?.region ?? "us-east-1");
  // Values may be secrets: the server gives the names alone.
  const names = canary.RunConfig?.EnvironmentVariableNames ?? [];
  const timeout = canary.RunConfig?.TimeoutInSeconds;
  const { Timeline: timeline, Code: code } = canary;
  const success = canary.SuccessRetentionPeriodInDays ?? 31;
  const failure = canary.FailureRetentionPeriodInDays ?? 31;
  const facts: Fact[] = [
    [t.kind, text.canary.blueprints[blueprintOf(canary)]],
    [t.runtime, canary.RuntimeVersion ?? "–"],
    [
      t.schedule,
      <>
        {scheduleText(text, canary.Schedule?.Expression)}
        <div className="m-text-quiet m-mono">{canary.Schedule?.Expression}</div>
      </>,
    ],
    [t.timeout, timeout ? formatDuration(timeout) : t.standardTimeout],
    [t.retries, canary.Schedule?.RetryConfig?.MaxRetries ?? 0],
    [t.tracing, canary.RunConfig?.ActiveTracing ? t.on : t.off],
    ...(names.length > 0 ? [[t.environment, names.join(", ")] as Fact] : []),
    [t.retention, t.keptFor(success, failure)],
    [t.created, formatTime(timeline?.Created, zone)],
    [t.modified, formatTime(timeline?.LastModified, zone)],
    [t.lastStarted, formatTime(timeline?.LastStarted, zone)],
    [t.lastStopped, formatTime(timeline?.LastStopped, zone)],
    [
      t.arn,
      <>
        <span className="m-mono m-break">{arn}</span> <Copy value={arn} />
      </>,
    ],
  ];
  return (
    <SpaceBetween size="m">
      <Container header={<Header variant="h2">{t.general}</Header>}>
        <FactList facts={facts} grid />
      </Container>
      <Container header={<Header variant="h2">{t.what}</Header>}>
        {code?.BlueprintConfig !== undefined ? (
          <JsonTree value={code.BlueprintConfig} open={6} />
        ) : code?.Script !== undefined ? (
          <Snippet text={code.Script} label={t.script} />
        ) : (
          <Box color="text-body-secondary">
            {t.scriptStored} {code?.Handler && <span className="m-mono">{code.Handler}</span>}
          </Box>
        )}
      </Container>
      <AlarmsHere
        scope={[{ CanaryName: canary.Name }]}
        prefill={printPrefill(
          {
            namespace: canaryNamespace,
            name: "SuccessPercent",
            dimensions: [{ Name: "CanaryName", Value: canary.Name }],
          },
          { stat: "Average", period: String(Math.max(60, secondsBetween(canary.Schedule?.Expression) ?? 3600)) },
        )}
      />
      <Container header={<Header variant="h2">{t.json}</Header>}>
        <Snippet text={JSON.stringify(canary, null, 2)} label={t.json} />
      </Container>
      <Container header={<Header variant="h2">{t.commands}</Header>}>
        <SpaceBetween size="s">
          <Command title={t.describe} text={describeCommand(canary.Name, window.location.origin, signed)} />
          <Command title={t.recreate} text={createCommand(canary, window.location.origin, signed)} />
        </SpaceBetween>
      </Container>
    </SpaceBetween>
  );
}

function Command({ title, text }: { title: string; text: string }) {
  return (
    <div>
      <Box variant="awsui-key-label">{title}</Box>
      <Snippet text={text} label={title} />
    </div>
  );
}

function Snippet({ text, label }: { text: string; label: string }) {
  return (
    <div className="m-snippet">
      <pre className="m-code m-code-wrap" tabIndex={0} aria-label={label}>
        {text}
      </pre>
      <span className="m-snippet-copy">
        <Copy value={text} />
      </span>
    </div>
  );
}

function Copy({ value }: { value: string }) {
  const text = useText();
  return (
    <CopyButton
      iconOnly
      label={text.common.copy}
      done={text.common.copied}
      failed={text.common.copyFailed}
      value={() => value}
    />
  );
}
