// What happened in the course of an insight, the newest first.

import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";

import { useInsightEvents } from "../../api/hook";
import type { Insight } from "../../api/insight";
import { ErrorState } from "../../app/error-state";
import { impactText } from "../../app/insight-words";
import { useSettings } from "../../app/settings";
import { PageLoading } from "../../components/page-loading";
import { formatCount, formatTime } from "../../model/format";
import { isActive, tellEvents, type ToldEvent } from "../../model/insight";

export function Events({ insight }: { insight: Insight }) {
  const { text } = useSettings();
  const t = text.insight;
  const query = useInsightEvents(insight.InsightId, isActive(insight));
  const events = tellEvents(query.data ?? [], insight);
  return (
    <Container
      header={
        <Header variant="h2" counter={query.data ? `(${formatCount(events.length)})` : ""}>
          {t.events}
        </Header>
      }
    >
      {query.error ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : query.isPending ? (
        <PageLoading label={text.common.loading} rows={3} />
      ) : (
        <ol className="m-events" data-testid="insight-events" tabIndex={0} aria-label={t.events}>
          {events.map((told) => (
            <Event key={`${told.event.EventTime} ${told.event.Summary}`} told={told} />
          ))}
        </ol>
      )}
    </Container>
  );
}

function Event({ told: { kind, event, joined } }: { told: ToldEvent }) {
  const { text, zone, language } = useSettings();
  const t = text.insight;
  const names = joined.map((node) => node.name).join(", ");
  return (
    <li className={`m-event m-event-${kind}`}>
      <div>
        <b>{t.kinds[kind]}</b>{" "}
        <span className="m-number m-text-quiet">{formatTime(event.EventTime, zone)}</span>
      </div>
      <div>
        {[
          ...(names ? [kind === "began" ? t.failing(names) : t.joined(names)] : []),
          t.soFar(
            impactText(text, event.RootCauseServiceRequestImpactStatistics),
            impactText(text, event.ClientRequestImpactStatistics),
          ),
        ].join(t.between)}
      </div>
      {/* The API's own words; all but the usual share of faults is said above. */}
      {language === "en" && <div className="m-text-quiet">{event.Summary}</div>}
    </li>
  );
}
