import type { Insight } from "../api/insight";
import { InsightMark } from "../components/insight-mark";
import { StateMark } from "../components/state-mark";
import { isActive } from "../model/insight";
import { useText } from "./settings";

export function InsightStateText({ insight }: { insight: Insight }) {
  const t = useText().insight;
  const active = isActive(insight);
  return (
    <span className="m-state" data-testid="insight-state" data-state={insight.State}>
      {active ? <InsightMark /> : <StateMark state="ok" />}
      {active ? t.active : t.closed}
    </span>
  );
}
