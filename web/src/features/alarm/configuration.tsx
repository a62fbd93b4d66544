// What an alarm is set to, and the command that makes one like it.

import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import { Fragment, type ReactNode } from "react";
import { Link } from "react-router";

import {
  alarmStates,
  isComposite,
  type Alarm,
  type AlarmState,
  type CompositeAlarm,
  type MetricAlarm,
  type MissingData,
} from "../../api/alarm";
import { conditionText } from "../../app/alarm-words";
import { CliButton } from "../../app/cli-button";
import { useSettings } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { spanText } from "../../app/time-range-control";
import { alarmNameOf, inputOfAlarm, topicNameOf, watchedQuery } from "../../model/alarm";
import { formatTime } from "../../model/format";
import { alarmPath, notificationsPath } from "../../path";

type Fact = readonly [label: string, value: ReactNode, wide?: boolean];

export function Configuration({ alarm }: { alarm: Alarm }) {
  const { text, zone } = useSettings();
  const t = text.alarm.configuration;
  const facts: Fact[] = [
    ...useWatched(alarm),
    ...alarmStates.map((state): Fact => [t.onState[state], <Actions key={state} alarm={alarm} state={state} />]),
    [t.changed, formatTime(alarm.AlarmConfigurationUpdatedTimestamp, zone)],
    [t.arn, <span key="arn" className="m-mono">{alarm.AlarmArn}</span>, true],
  ];
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            <CliButton
              service="cloudwatch"
              operation={isComposite(alarm) ? "put-composite-alarm" : "put-metric-alarm"}
              options={[["cli-input-json", JSON.stringify(inputOfAlarm(alarm))]]}
            />
          }
        >
          {t.title}
        </Header>
      }
    >
      <dl className="m-config" data-testid="alarm-configuration">
        {facts.map(([label, value, wide]) => (
          <div key={label} className={wide ? "m-config-wide" : undefined}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Container>
  );
}

function useWatched(alarm: Alarm): Fact[] {
  const { text } = useSettings();
  const { printed: range } = useTimeRange();
  return isComposite(alarm) ? compositeFacts(alarm) : metricFacts(alarm);

  function compositeFacts(it: CompositeAlarm): Fact[] {
    const t = text.alarm.configuration;
    const facts: Fact[] = [[t.rule, <span key="rule" className="m-mono">{it.AlarmRule}</span>, true]];
    if (it.ActionsSuppressor) {
      const name = alarmNameOf(it.ActionsSuppressor);
      facts.push([
        t.suppressor,
        <Fragment key="suppressor">
          <Link className="m-link" to={alarmPath(name, { range })}>
            {name}
          </Link>
          <div className="m-text-quiet">
            {t.suppressorTimes(
              spanText(text, it.ActionsSuppressorWaitPeriod ?? 0),
              spanText(text, it.ActionsSuppressorExtensionPeriod ?? 0),
            )}
          </div>
        </Fragment>,
      ]);
    }
    return facts;
  }

  function metricFacts(it: MetricAlarm): Fact[] {
    const t = text.alarm.configuration;
    const facts: Fact[] = [[text.alarm.condition, conditionText(text, it), true]];
    if (it.MetricName)
      facts.push(
        [t.metric, `${it.Namespace} › ${it.MetricName}`],
        [t.dimensions, (it.Dimensions ?? []).map((each) => `${each.Name}=${each.Value}`).join(", ") || "–"],
        [t.statistic, it.ExtendedStatistic ?? it.Statistic],
        [t.period, spanText(text, it.Period ?? 60)],
      );
    else facts.push([t.queries, <Queries key="queries" alarm={it} />, true]);
    facts.push([t.missing, text.alarm.missing[(it.TreatMissingData as MissingData | undefined) ?? "missing"]]);
    if (it.EvaluateLowSampleCountPercentile === "evaluate" || it.EvaluateLowSampleCountPercentile === "ignore")
      facts.push([t.lowSamples, text.alarm.lowSamples[it.EvaluateLowSampleCountPercentile]]);
    return facts;
  }
}

function Queries({ alarm }: { alarm: MetricAlarm }) {
  const { text } = useSettings();
  const t = text.alarm.configuration;
  const compared = watchedQuery(alarm)?.Id;
  return (
    <ul className="m-why">
      {(alarm.Metrics ?? []).map((query) => {
        const metric = query.MetricStat?.Metric;
        return (
          <li key={query.Id}>
            <span className="m-mono">{query.Id}</span>:{" "}
            {metric ? (
              `${query.MetricStat!.Stat} ${metric.Namespace} › ${metric.MetricName} ${(metric.Dimensions ?? [])
                .map((each) => `${each.Name}=${each.Value}`)
                .join(", ")} · ${spanText(text, query.MetricStat!.Period)}`
            ) : (
              <span className="m-mono">{query.Expression}</span>
            )}
            {query.Id === compared && <span className="m-text-quiet"> · {t.compared}</span>}
          </li>
        );
      })}
    </ul>
  );
}

function Actions({ alarm, state }: { alarm: Alarm; state: AlarmState }) {
  const { text } = useSettings();
  const { printed: range } = useTimeRange();
  const arns = {
    ALARM: alarm.AlarmActions,
    OK: alarm.OKActions,
    INSUFFICIENT_DATA: alarm.InsufficientDataActions,
  }[state];
  if (!arns || arns.length === 0) return text.alarm.noActions;
  return arns.map((arn) => (
    <div key={arn} title={arn}>
      {arn.includes(":sns:") ? (
        <Link className="m-link" to={notificationsPath({ range, topic: arn })}>
          {topicNameOf(arn)}
        </Link>
      ) : (
        arn
      )}
    </div>
  ));
}
