// Alarms: what is watched, and what is out of bounds now.

import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useNavigate } from "react-router";

import { alarmStates, isComposite, type Alarm, type AlarmState } from "../../api/alarm";
import { useAlarms } from "../../api/alarm-hook";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { TimeRangeControl } from "../../app/time-range-control";
import { useUrlState } from "../../app/url-state";
import { PageLoading } from "../../components/page-loading";
import { countStates, inScope, parseScope, type Scope } from "../../model/alarm";
import { muteRulesPath, notificationsPath } from "../../path";
import { AlarmTable } from "./alarm-table";
import { NoAlarms } from "./no-alarms";

export function AlarmsPage() {
  const text = useText();
  const t = text.alarm;
  const navigate = useNavigate();
  const { printed: range } = useTimeRange();
  const alarms = useAlarms();
  return (
    <SpaceBetween size="s">
      <Header
        variant="h1"
        description={t.description}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button onClick={() => void navigate(muteRulesPath({ range }))}>{t.muteRule.title}</Button>
            <Button onClick={() => void navigate(notificationsPath({ range }))}>{t.notification.title}</Button>
            <TimeRangeControl />
          </SpaceBetween>
        }
      >
        {t.title}
      </Header>
      {alarms.error ? (
        <ErrorState error={alarms.error} onRetry={() => void alarms.refetch()} />
      ) : alarms.isPending ? (
        <PageLoading label={text.common.loading} />
      ) : alarms.data.length === 0 ? (
        <NoAlarms />
      ) : (
        <Found alarms={alarms.data} />
      )}
    </SpaceBetween>
  );
}

const types = ["metric", "composite"] as const;

function Found({ alarms }: { alarms: readonly Alarm[] }) {
  const text = useText();
  const t = text.alarm;
  const url = useUrlState();
  const state = alarmStates.find((each) => each === url.get("state"));
  const type = types.find((each) => each === url.get("type"));
  const typed = url.get("name") ?? "";
  const scope = parseScope(url.get("scope"));
  const meant = alarms.filter(
    (alarm) =>
      alarm.AlarmName.toLowerCase().includes(typed.trim().toLowerCase()) &&
      (!type || isComposite(alarm) === (type === "composite")),
  );
  const here = scope ? inScope(meant, scope) : meant;
  const counts = countStates(here);
  const everyType = { value: "", label: t.everyType };
  const typeOptions = [
    everyType,
    { value: "metric", label: t.metricAlarm },
    { value: "composite", label: t.compositeAlarm },
  ];
  return (
    <AlarmTable
      alarms={here.filter((alarm) => !state || alarm.StateValue === state)}
      filter={
        <SpaceBetween size="xs">
          <div className="m-toolbar">
            <SegmentedControl
              label={t.state}
              selectedId={state ?? "all"}
              options={[
                { id: "all", text: `${t.all} (${here.length})` },
                ...alarmStates.map((id) => ({ id, text: `${t.states[id]} (${counts[id]})` })),
              ]}
              onChange={({ detail }) =>
                url.set({ state: detail.selectedId === "all" ? undefined : (detail.selectedId as AlarmState) })
              }
            />
            <Input
              type="search"
              value={typed}
              placeholder={t.find}
              ariaLabel={t.find}
              onChange={({ detail }) => url.set({ name: detail.value || undefined })}
            />
            <Select
              ariaLabel={t.type}
              options={typeOptions}
              selectedOption={typeOptions.find((option) => option.value === (type ?? "")) ?? everyType}
              onChange={({ detail }) => url.set({ type: detail.selectedOption.value || undefined })}
            />
          </div>
          {scope && (
            <span className="m-state">
              {t.scope(scopeText(scope))}
              <Button variant="inline-link" onClick={() => url.set({ scope: undefined })}>
                {t.everything}
              </Button>
            </span>
          )}
        </SpaceBetween>
      }
    />
  );
}

function scopeText(scope: Scope): string {
  return Object.values(scope[0] ?? {}).join(" / ");
}
