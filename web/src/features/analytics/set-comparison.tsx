// What the sets are made of: charts of both, then their attributes.

import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo } from "react";

import { useText } from "../../app/settings";
import type { Scan } from "../../app/use-scan";
import { formatCount } from "../../model/format";
import { compareAttributes, type AttributeComparison } from "../../model/trace-attribute";
import { choose } from "../../model/trace-summary";
import { AttributeTable } from "./attribute-table";
import { SetCharts } from "./set-charts";
import type { AnalyticsUrl } from "./use-analytics-url";

interface SetComparisonProps {
  url: AnalyticsUrl;
  a: Scan;
  b: Scan | undefined;
}

export function SetComparison({ url, a, b }: SetComparisonProps) {
  const text = useText();
  const t = text.analytics;
  const { responseTimes } = url;
  const chosen = useMemo(
    () => choose(a.summaries, { responseTime: responseTimes }),
    [a.summaries, responseTimes],
  );
  const attributes = useMemo(
    () => compareAttributes(chosen, b && b.summaries.length > 0 ? b.summaries : undefined),
    [chosen, b?.summaries],
  );
  const compared = b !== undefined && b.summaries.length > 0;
  return (
    <SpaceBetween size="m">
      <Container>
        <SetCharts url={url} a={a} b={b} />
        <div className="m-links m-choice-line" role="status" data-testid="choice">
          {responseTimes ? (
            <Choice url={url} count={chosen.length} all={a.summaries.length} />
          ) : (
            <span className="m-live-none">{t.distributionHelp}</span>
          )}
        </div>
      </Container>
      {b && !compared && !b.running && <Alert type="info">{t.emptyB}</Alert>}
      {chosen.length === 0 ? (
        <Alert type="info">{t.emptyChoice}</Alert>
      ) : (
        <Attributes url={url} attributes={attributes} compared={compared} />
      )}
    </SpaceBetween>
  );
}

function Choice({ url, count, all }: { url: AnalyticsUrl; count: number; all: number }) {
  const text = useText();
  const t = text.analytics;
  return (
    <>
      <span>{t.chosen(formatCount(count), formatCount(all))}</span>
      <span title={t.compareRestHelp}>
        <Button variant="inline-link" onClick={url.compareRest}>
          {t.compareRest}
        </Button>
      </span>
      <Button variant="inline-link" onClick={url.applyChoice}>
        {t.useAsFilter}
      </Button>
      <Button variant="inline-link" onClick={() => url.choose(undefined)}>
        {t.clear}
      </Button>
    </>
  );
}

function Attributes({
  url,
  attributes,
  compared,
}: {
  url: AnalyticsUrl;
  attributes: readonly AttributeComparison[];
  compared: boolean;
}) {
  const text = useText();
  const t = text.analytics;
  const telling = compared ? attributes.filter((one) => one.divergence > 0) : attributes;
  const alike = compared ? attributes.filter((one) => one.divergence === 0) : [];
  const tables = (list: readonly AttributeComparison[]) => (
    <div className={`m-attributes${compared ? " m-attributes-wide" : ""}`}>
      {list.map((attribute) => (
        <AttributeTable
          key={attribute.id}
          attribute={attribute}
          compared={compared}
          onRefine={url.refine}
        />
      ))}
    </div>
  );
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={compared ? `${t.ordered} ${t.attributesHelp}` : t.attributesHelp}
        >
          {t.attributes}
        </Header>
      }
    >
      <SpaceBetween size="l">
        {tables(telling)}
        {alike.length > 0 && (
          <ExpandableSection
            headerText={t.alike(alike.length)}
            defaultExpanded={telling.length === 0}
          >
            {tables(alike)}
          </ExpandableSection>
        )}
      </SpaceBetween>
    </Container>
  );
}
