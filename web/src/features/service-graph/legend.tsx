import { useText } from "../../app/settings";
import { StateMark } from "../../components/state-mark";

export function Legend() {
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
      <span>
        {text.map.legendText} {text.map.legendLink}
      </span>
    </div>
  );
}
