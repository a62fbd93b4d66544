// One insight: who is to blame, since when, how many requests it cost, and what happened in between.

import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { Link, useNavigate, useParams } from "react-router";

import { useInsight } from "../../api/hook";
import type { Insight } from "../../api/insight";
import { CliButton } from "../../app/cli-button";
import { ErrorState } from "../../app/error-state";
import { InsightStateText } from "../../app/insight-state";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { useUrlState } from "../../app/url-state";
import { CopyButton } from "../../components/copy-button";
import { PageLoading } from "../../components/page-loading";
import { narrowingGroup } from "../../model/group";
import {
  chartWindow,
  clipped,
  faultFilter,
  insightWindow,
  isActive,
  nodeId,
  rootCauseOf,
} from "../../model/insight";
import { parseTimeRange, printTimeRange, type Window } from "../../model/time-range";
import { insightsPath, traceMapPath, tracesPath } from "../../path";
import { Events } from "./events";
import { Facts } from "./facts";
import { ImpactCharts } from "./impact-charts";
import { ImpactMap } from "./impact-map";

export function InsightPage() {
  const text = useText();
  const { id = "" } = useParams();
  const { printed: range } = useTimeRange();
  const query = useInsight(id);
  const insight = query.data;
  return (
    <SpaceBetween size="s">
      <Header
        variant="h1"
        info={
          insight && (
            <span className="m-heading-state">
              <InsightStateText insight={insight} />
            </span>
          )
        }
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <CliButton operation="get-insight" options={[["insight-id", id]]} />
            <CopyButton
              label={text.trace.copyLink}
              done={text.common.copied}
              failed={text.common.copyFailed}
              value={() => location.href}
            />
          </SpaceBetween>
        }
      >
        {insight ? text.insight.heading(rootCauseOf(insight).name) : text.insight.one}
      </Header>
      {query.error && !insight ? (
        <ErrorState
          error={query.error}
          onRetry={() => void query.refetch()}
          extra={
            <Link to={insightsPath({ range })} className="m-link">
              {text.insight.toAll}
            </Link>
          }
        />
      ) : !insight ? (
        <PageLoading label={text.common.loading} />
      ) : (
        <Body insight={insight} now={query.dataUpdatedAt / 1000} />
      )}
    </SpaceBetween>
  );
}

function Body({ insight, now }: { insight: Insight; now: number }) {
  const text = useText();
  const t = text.insight;
  const url = useUrlState();
  const navigate = useNavigate();
  const group = narrowingGroup(insight.GroupName);
  const whole = insightWindow(insight, now);
  const part = partOf(url.get("part"));
  const chosen = part ?? whole;
  const range = printTimeRange({ kind: "absolute", ...chosen });
  const mapRange = printTimeRange({ kind: "absolute", ...clipped(chosen) });
  const setPart = (next: Window | undefined) =>
    url.set({ part: next && `${next.start}~${next.end}` });
  return (
    <SpaceBetween size="m">
      <Container>
        <SpaceBetween size="m">
          <Facts insight={insight} now={now} />
          <div className="m-links">
            <Button
              variant="primary"
              onClick={() => void navigate(tracesPath({ range, filter: faultFilter(insight, group) }))}
            >
              {t.analyze}
            </Button>
            <Button
              onClick={() =>
                void navigate(
                  traceMapPath({ range: mapRange, group, node: nodeId(rootCauseOf(insight)) }),
                )
              }
            >
              {text.group.viewMap}
            </Button>
            {isActive(insight) && <span className="m-live">{t.followed}</span>}
          </div>
        </SpaceBetween>
      </Container>
      <ImpactCharts
        insight={insight}
        group={group}
        window={chartWindow(insight, now)}
        shaded={whole}
        part={part}
        onPart={setPart}
      />
      <ImpactMap insight={insight} window={clipped(whole)} group={group} />
      <Events insight={insight} />
    </SpaceBetween>
  );
}

/** A part of the time, chosen in the charts. */
function partOf(text: string | undefined): Window | undefined {
  const range = parseTimeRange(text);
  return text && range.kind === "absolute" ? { start: range.start, end: range.end } : undefined;
}
