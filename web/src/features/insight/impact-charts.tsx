// Faults of the root cause against what was to be expected, and what clients got, minute by minute.

import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import { useMemo, useState } from "react";

import { useFaultSeries, useInsightImpactGraph } from "../../api/hook";
import type { Insight } from "../../api/insight";
import { chartWords } from "../../app/chart-words";
import { ErrorState } from "../../app/error-state";
import { useSettings } from "../../app/settings";
import { MetricChart } from "../../components/metric-chart";
import { PageLoading } from "../../components/page-loading";
import { serviceSelector } from "../../model/filter";
import { formatClock, formatCount } from "../../model/format";
import { clientSelectors, clipped, rootCauseOf, toFaultSeries } from "../../model/insight";
import { toServiceMap } from "../../model/graph";
import { toMinutes, type Window } from "../../model/time-range";

interface ImpactChartsProps {
  insight: Insight;
  group: string | undefined;
  window: Window;
  shaded: Window;
  part: Window | undefined;
  onPart: (part: Window | undefined) => void;
}

/** More clients than this are as good as all. */
const mostClients = 8;

export function ImpactCharts(props: ImpactChartsProps) {
  const { insight, group, window, shaded, part, onPart } = props;
  const { text, zone } = useSettings();
  const t = text.insight;
  const [cursor, setCursor] = useState<number | undefined>(undefined);
  const cause = useFaultSeries([serviceSelector(rootCauseOf(insight))], window, group, true);
  const graph = useInsightImpactGraph(insight.InsightId, clipped(shaded));
  const selectors = useMemo(
    () => clientSelectors(toServiceMap(graph.data ?? [])).slice(0, mostClients),
    [graph.data],
  );
  const clients = useFaultSeries(selectors, window, group, false);
  const shown = part ?? window;
  const causeData = toFaultSeries(cause.data ?? [], shown);
  const clientData = toFaultSeries(clients.data ?? [], shown);
  const shared = {
    window: shown,
    cursor,
    onCursor: setCursor,
    format: (value: number) => formatCount(value),
    formatTime: (time: number) => formatClock(time, zone),
    onZoom: (start: number, end: number) => {
      setCursor(undefined);
      onPart(toMinutes({ start, end }));
    },
    words: { ...chartWords(text), time: text.common.time },
    shade: { name: t.one, ...shaded },
  };
  const ok = clientData.total.map((total, i) =>
    total === undefined ? undefined : total - (clientData.fault[i] ?? 0),
  );
  const chart = (query: typeof cause, draw: () => React.ReactNode) =>
    query.error ? (
      <ErrorState error={query.error} onRetry={() => void query.refetch()} />
    ) : query.isPending ? (
      <PageLoading label={text.common.loading} rows={3} />
    ) : (
      draw()
    );
  return (
    <Container>
      <div className="m-two m-two-even" data-testid="insight-charts">
        {chart(cause, () => (
          <MetricChart
            {...shared}
            title={t.faultsOf(rootCauseOf(insight).name)}
            times={causeData.times}
            series={[
              { name: text.state.fault, className: "m-stroke-fault", points: causeData.fault },
            ]}
            band={{ name: t.expected, low: causeData.low, high: causeData.high }}
          />
        ))}
        {chart(clients, () =>
          selectors.length === 0 ? (
            <div className="m-text-quiet">{t.noClients}</div>
          ) : (
            <MetricChart
              {...shared}
              title={t.clientRequests}
              times={clientData.times}
              series={[
                { name: text.state.fault, className: "m-stroke-fault", points: clientData.fault },
                { name: t.withoutFault, className: "m-stroke-ok", points: ok, dash: "6 3" },
              ]}
            />
          ),
        )}
      </div>
      <div className="m-links m-part">
        {part ? (
          <>
            <span>
              {t.part(formatClock(part.start, zone), formatClock(part.end, zone))}
            </span>
            <Button variant="inline-link" onClick={() => onPart(undefined)}>
              {text.common.clearSelection}
            </Button>
          </>
        ) : (
          <span className="m-live-none">{t.choosePart}</span>
        )}
      </div>
    </Container>
  );
}
