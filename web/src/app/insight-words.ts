import type { Insight } from "../api/insight";
import type { Catalogue } from "../i18n/en";
import { formatCount, formatPercent } from "../model/format";
import { impactOf, isActive, rootCauseOf, usualShare } from "../model/insight";

/** In one sentence: who fails, how much, and how much is usual. */
export function causeText(text: Catalogue, insight: Insight): string {
  const { faults, total, share } = impactOf(insight.RootCauseServiceRequestImpactStatistics);
  const usual = usualShare(insight.Summary);
  return text.insight.cause(
    rootCauseOf(insight).name,
    isActive(insight),
    formatPercent(share),
    formatCount(faults),
    formatCount(total),
    // The server rounds to a tenth of a percent.
    usual === undefined ? undefined : usual === 0 ? "<0.1%" : formatPercent(usual),
  );
}

export function clientsText(text: Catalogue, insight: Insight): string {
  const { faults, total, share } = impactOf(insight.ClientRequestImpactStatistics);
  return total === 0
    ? text.insight.noClients
    : text.insight.clients(formatPercent(share), formatCount(faults), formatCount(total));
}

/** "70 of 155 (45%)" */
export function impactText(text: Catalogue, statistics: Insight["ClientRequestImpactStatistics"]) {
  const { faults, total, share } = impactOf(statistics);
  return total === 0
    ? text.insight.noRequests
    : text.insight.impact(formatCount(faults), formatCount(total), formatPercent(share));
}
