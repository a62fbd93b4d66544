import type { ReactNode } from "react";
import { Link } from "react-router";

import type { Insight } from "../../api/insight";
import { causeText, clientsText, impactText } from "../../app/insight-words";
import { useSettings } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { typeText } from "../../app/type-text";
import { CopyButton } from "../../components/copy-button";
import { formatDuration, formatTimePrecise } from "../../model/format";
import { narrowingGroup } from "../../model/group";
import { isActive, nodeRefOf, rootCauseOf, secondsOf } from "../../model/insight";
import { insightsPath } from "../../path";

export function Facts({ insight, now }: { insight: Insight; now: number }) {
  const { text, zone } = useSettings();
  const { printed: range } = useTimeRange();
  const t = text.insight;
  const cause = rootCauseOf(insight);
  const type = typeText(text, cause.type);
  const others = (insight.TopAnomalousServices ?? [])
    .map((each) => nodeRefOf(each.ServiceId))
    .filter((node) => node.name !== cause.name || node.type !== cause.type);
  const facts: [string, ReactNode][] = [
    [t.rootCause, type ? `${cause.name} (${type})` : cause.name],
    [t.rootCauseFaults, impactText(text, insight.RootCauseServiceRequestImpactStatistics)],
    [t.clientFaults, impactText(text, insight.ClientRequestImpactStatistics)],
    [t.started, formatTimePrecise(insight.StartTime, zone).replace(/\.000 /, " ")],
    [
      t.ended,
      isActive(insight)
        ? t.goesOn
        : formatTimePrecise(insight.EndTime, zone).replace(/\.000 /, " "),
    ],
    [t.duration, formatDuration(secondsOf(insight, now))],
    [t.alsoFail, others.map((node) => node.name).join(", ") || text.common.none],
    [
      text.group.one,
      <Link
        key="g"
        className="m-link"
        to={insightsPath({ range, group: narrowingGroup(insight.GroupName) })}
      >
        {insight.GroupName}
      </Link>,
    ],
    [
      t.id,
      <span key="i" className="m-state">
        <span className="m-mono">{insight.InsightId}</span>
        <CopyButton
          iconOnly
          label={t.copyId}
          done={text.common.copied}
          failed={text.common.copyFailed}
          value={() => insight.InsightId}
        />
      </span>,
    ],
  ];
  return (
    <div>
      <div className="m-request" data-testid="insight-summary">
        {causeText(text, insight)}
        {t.between}
        {clientsText(text, insight)}
      </div>
      <dl className="m-facts">
        {facts.map(([label, value]) => (
          <div key={label} className="m-fact">
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
