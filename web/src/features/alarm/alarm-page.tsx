// One alarm: its state and why, what it watched, what happened, and whom it told.

import Alert from "@cloudscape-design/components/alert";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useEffect, useRef, useState } from "react";
import { Link, useNavigate, useParams } from "react-router";

import { disableAlarmActions, enableAlarmActions, isComposite, type Alarm } from "../../api/alarm";
import { useAlarm, useAlarmChange, useAlarmHistory, useAlarms } from "../../api/alarm-hook";
import { useMayChange } from "../../api/hook";
import { AlarmStateText } from "../../app/alarm-state";
import { conditionText } from "../../app/alarm-words";
import { ChangeButton } from "../../app/change-button";
import { CliButton } from "../../app/cli-button";
import { DeliveryTable } from "../../app/delivery-table";
import { ErrorState } from "../../app/error-state";
import { useSettings, useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { TimeRangeControl } from "../../app/time-range-control";
import { PageLoading } from "../../components/page-loading";
import { sinceOf } from "../../model/alarm";
import { linksOf, type AlarmLink } from "../../model/alarm-link";
import { formatAge, formatTime } from "../../model/format";
import { alarmEditPath, alarmPath, alarmsPath, muteRulesPath } from "../../path";
import { ActionsText, Marks } from "./alarm-table";
import { Configuration } from "./configuration";
import { Contributors } from "./contributors";
import { DeleteAlarmsDialog, SetStateDialog, useParentsOf } from "./dialogs";
import { History } from "./history";
import { Points } from "./points";
import { RuleTree } from "./rule-tree";
import { AlarmTags } from "./tags";
import { Trail } from "./trail";
import { useMuted } from "./use-muted";
import { Values } from "./values";
import { Why } from "./why";

export function AlarmPage() {
  const text = useText();
  const name = useParams().name ?? "";
  const alarm = useAlarm(name);
  const history = useAlarmHistory(name);
  const { printed: range } = useTimeRange();
  useFollowing(alarm.data ?? undefined);
  return (
    <SpaceBetween size="s">
      <Trail name={name} />
      <Header
        variant="h1"
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            {alarm.data && <AlarmActions alarm={alarm.data} />}
            <TimeRangeControl />
          </SpaceBetween>
        }
        description={alarm.data ? conditionText(text, alarm.data) : undefined}
      >
        {name}
      </Header>
      {alarm.error ? (
        <ErrorState error={alarm.error} onRetry={() => void alarm.refetch()} />
      ) : alarm.isPending ? (
        <PageLoading label={text.common.loading} />
      ) : !alarm.data ? (
        <Alert type="info" header={text.alarm.notFound(name)}>
          {text.alarm.notFoundText}{" "}
          <Link className="m-link" to={alarmsPath({ range })}>
            {text.alarm.everything}
          </Link>
        </Alert>
      ) : (
        <SpaceBetween size="m">
          <Summary alarm={alarm.data} />
          <Values alarm={alarm.data} history={history.data ?? []} />
          {isComposite(alarm.data) ? (
            <RuleTree alarm={alarm.data} />
          ) : (
            <>
              <Points alarm={alarm.data} />
              {alarm.data.Metrics && <Contributors name={name} />}
            </>
          )}
          <Parents name={name} />
          <Configuration alarm={alarm.data} />
          {history.error ? (
            <ErrorState error={history.error} onRetry={() => void history.refetch()} />
          ) : (
            <History items={history.data ?? []} />
          )}
          <DeliveryTable of={{ alarm: name }} />
          <AlarmTags arn={alarm.data.AlarmArn} />
        </SpaceBetween>
      )}
    </SpaceBetween>
  );
}

/** A state that changes shows at once, on the chart too: the time on screen moves on to it. */
function useFollowing(alarm: Alarm | undefined) {
  const { now, refresh } = useTimeRange();
  const since = alarm && sinceOf(alarm);
  const seen = useRef<number | undefined>(undefined);
  useEffect(() => {
    if (since === undefined || since === seen.current) return;
    if (seen.current !== undefined || since > now) refresh();
    seen.current = since;
  }, [since, now, refresh]);
}

function AlarmActions({ alarm }: { alarm: Alarm }) {
  const text = useText();
  const t = text.alarm;
  const may = useMayChange();
  const navigate = useNavigate();
  const { printed: range } = useTimeRange();
  const [open, setOpen] = useState<"state" | "delete" | undefined>(undefined);
  const names = [alarm.AlarmName];
  const isOn = alarm.ActionsEnabled !== false;
  const switching = useAlarmChange(() => (isOn ? disableAlarmActions(names) : enableAlarmActions(names)));
  const act = (id: string) => {
    if (id === "state" || id === "delete") setOpen(id);
    else if (id === "mute") void navigate(muteRulesPath({ range, alarm: alarm.AlarmName }));
    else switching.mutate(undefined);
  };
  return (
    <SpaceBetween direction="horizontal" size="xs">
      <CliButton
        service="cloudwatch"
        operation="describe-alarms"
        options={[
          ["alarm-names", alarm.AlarmName],
          ["alarm-types", ["MetricAlarm", "CompositeAlarm"]],
        ]}
      />
      <ChangeButton onClick={() => void navigate(alarmEditPath(alarm.AlarmName, { range }))}>
        {text.common.edit}
      </ChangeButton>
      <ButtonDropdown
        loading={switching.isPending}
        disabled={!may}
        {...(may ? {} : { disabledReason: text.session.readOnly })}
        expandToViewport
        items={[
          { id: "switch", text: isOn ? t.disable : t.enable },
          { id: "state", text: t.setState },
          { id: "mute", text: t.mute },
          { id: "delete", text: text.common.delete },
        ]}
        onItemClick={({ detail }) => act(detail.id)}
      >
        {text.group.actions}
      </ButtonDropdown>
      {open === "state" && (
        <SetStateDialog names={names} onDone={() => setOpen(undefined)} onCancel={() => setOpen(undefined)} />
      )}
      {open === "delete" && (
        <DeleteAlarmsDialog
          names={names}
          onDone={() => void navigate(alarmsPath({ range }))}
          onCancel={() => setOpen(undefined)}
        />
      )}
    </SpaceBetween>
  );
}

function Summary({ alarm }: { alarm: Alarm }) {
  const { text, zone, language } = useSettings();
  const t = text.alarm;
  const { now, printed: range } = useTimeRange();
  const mutedBy = useMuted()(alarm.AlarmName);
  const since = sinceOf(alarm);
  const links = linksOf(alarm, range);
  return (
    <Container>
      <SpaceBetween size="m">
        <dl className="m-figures" data-testid="alarm-summary">
          <div>
            <dt>{t.state}</dt>
            <dd>
              <AlarmStateText state={alarm.StateValue} />
              <Marks alarm={alarm} mutedBy={mutedBy} />
            </dd>
          </div>
          <div>
            <dt>{t.since}</dt>
            <dd>
              <span className="m-figure-time">
                {formatTime(since, zone)}
                <small>{since === undefined ? "" : formatAge(Math.max(0, now - since), language)}</small>
              </span>
            </dd>
          </div>
          <div>
            <dt>{t.type}</dt>
            <dd>
              <span className="m-figure-time">{isComposite(alarm) ? t.compositeAlarm : t.metricAlarm}</span>
            </dd>
          </div>
          <div>
            <dt>{t.actions}</dt>
            <dd>
              <span className="m-figure-time">
                <ActionsText alarm={alarm} />
              </span>
            </dd>
          </div>
        </dl>
        {alarm.AlarmDescription && <div className="m-pre-line">{alarm.AlarmDescription}</div>}
        <Why alarm={alarm} />
        {links.length > 0 && (
          <div className="m-links" data-testid="alarm-links">
            <strong>{t.links.title}:</strong>
            {links.map((link) => (
              <Link key={link.path} className="m-link" to={link.path}>
                {linkText(text, link)}
              </Link>
            ))}
          </div>
        )}
      </SpaceBetween>
    </Container>
  );
}

function linkText(text: ReturnType<typeof useText>, link: AlarmLink): string {
  const t = text.alarm.links;
  return link.kind === "metric" ? t.metric : t[link.kind](link.name);
}

function Parents({ name }: { name: string }) {
  const text = useText();
  const { printed: range } = useTimeRange();
  const alarms = useAlarms().data ?? [];
  const parents = useParentsOf([name]);
  if (parents.length === 0) return null;
  return (
    <Container header={<Header variant="h2">{text.alarm.rule.parents}</Header>}>
      <ul className="m-alarm-list" data-testid="alarm-parents">
        {parents.map((parent) => {
          const alarm = alarms.find((each) => each.AlarmName === parent);
          return (
            <li key={parent}>
              {alarm ? <AlarmStateText state={alarm.StateValue} /> : <span />}
              <span>
                <Link className="m-link" to={alarmPath(parent, { range })}>
                  {parent}
                </Link>
                {alarm && isComposite(alarm) && <span className="m-text-quiet m-mono"> {alarm.AlarmRule}</span>}
              </span>
            </li>
          );
        })}
      </ul>
    </Container>
  );
}
