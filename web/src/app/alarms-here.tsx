// The alarms that concern what a page is about, and the way to a new one.

import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import { Link } from "react-router";

import { useAlarms } from "../api/alarm-hook";
import { compareAlarmStates, inScope, type Scope } from "../model/alarm";
import { formatCount } from "../model/format";
import { alarmPath, type createAlarmPath } from "../path";
import { AlarmStateText } from "./alarm-state";
import { conditionText } from "./alarm-words";
import { CreateAlarmButton } from "./create-alarm";
import { ErrorState } from "./error-state";
import { useText } from "./settings";
import { useTimeRange } from "./time-range";

interface AlarmsHereProps {
  scope: Scope;
  prefill: NonNullable<Parameters<typeof createAlarmPath>[0]>;
}

export function AlarmsHere({ scope, prefill }: AlarmsHereProps) {
  const text = useText();
  const t = text.alarm;
  const alarms = useAlarms();
  const count = inScope(alarms.data ?? [], scope).length;
  return (
    <Container
      header={
        <Header
          variant="h2"
          counter={count > 0 ? `(${formatCount(count)})` : undefined}
          actions={<CreateAlarmButton prefill={prefill} />}
        >
          {t.here.title}
        </Header>
      }
    >
      {alarms.error ? (
        <ErrorState error={alarms.error} onRetry={() => void alarms.refetch()} />
      ) : count === 0 ? (
        <div className="m-text-quiet" data-testid="no-alarms-here">
          {alarms.isPending ? text.common.loading : t.here.none}
        </div>
      ) : (
        <AlarmList scope={scope} />
      )}
    </Container>
  );
}

/** Nothing where nothing is watched. */
export function AlarmList({ scope }: { scope: Scope }) {
  const text = useText();
  const { printed: range } = useTimeRange();
  const here = inScope(useAlarms().data ?? [], scope).sort(
    (a, b) => compareAlarmStates(a.StateValue, b.StateValue) || a.AlarmName.localeCompare(b.AlarmName),
  );
  if (here.length === 0) return null;
  return (
    <ul className="m-alarm-list" data-testid="alarms-here" aria-label={text.alarm.title}>
      {here.map((alarm) => (
        <li key={alarm.AlarmName}>
          <AlarmStateText state={alarm.StateValue} />
          <span>
            <Link className="m-link" to={alarmPath(alarm.AlarmName, { range })}>
              {alarm.AlarmName}
            </Link>
            <span className="m-text-quiet"> {conditionText(text, alarm)}</span>
          </span>
        </li>
      ))}
    </ul>
  );
}
