import { useText } from "../../app/settings";
import { AlarmMark } from "../../components/alarm-mark";
import { InsightMark } from "../../components/insight-mark";
import { StateMark } from "../../components/state-mark";

export function Legend({ insights, alarms }: { insights: boolean; alarms: boolean }) {
  const text = useText();
  const items = [
    ["ok", text.state.ok],
    ["error", text.state.errorLong],
    ["throttle", text.state.throttleLong],
    ["fault", text.state.faultLong],
  ] as const;
  return (
    <div className="m-map-legend" role="note" aria-label={text.map.legend}>
      {items.map(([state, label]) => (
        <span key={state} className="m-state">
          <StateMark state={state} />
          {label}
        </span>
      ))}
      {insights && (
        <span className="m-state">
          <InsightMark />
          {text.insight.markOf}
        </span>
      )}
      {alarms && (
        <span className="m-state">
          <AlarmMark />
          {text.alarm.states.ALARM}
        </span>
      )}
      <span>
        {text.map.legendText} {text.map.legendLink}
      </span>
    </div>
  );
}
