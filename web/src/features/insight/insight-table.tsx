import { useCollection } from "@cloudscape-design/collection-hooks";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import Table, { type TableProps } from "@cloudscape-design/components/table";
import { Link } from "react-router";

import type { InsightSummary } from "../../api/insight";
import { InsightStateText } from "../../app/insight-state";
import { causeText, impactText } from "../../app/insight-words";
import { useSettings } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { formatCount, formatDuration, formatTime } from "../../model/format";
import { impactOf, isActive, rootCauseOf, secondsOf } from "../../model/insight";
import { insightPath } from "../../path";

const pageSize = 50;

export function InsightTable({ insights }: { insights: readonly InsightSummary[] }) {
  const { text } = useSettings();
  const columns = useColumns();
  const { items, collectionProps, paginationProps } = useCollection(insights, {
    sorting: { defaultState: { sortingColumn: columns[3]!, isDescending: true } },
    pagination: { pageSize },
  });
  return (
    <Table
      {...collectionProps}
      items={items}
      columnDefinitions={columns}
      trackBy="InsightId"
      variant="container"
      wrapLines
      header={
        <Header variant="h2" counter={`(${formatCount(insights.length)})`}>
          {text.insight.title}
        </Header>
      }
      pagination={
        insights.length > pageSize && (
          <Pagination
            {...paginationProps}
            ariaLabels={{
              nextPageLabel: text.traces.nextPage,
              previousPageLabel: text.traces.previousPage,
              pageLabel: text.traces.page,
            }}
          />
        )
      }
      ariaLabels={{ tableLabel: text.insight.title }}
    />
  );
}

function useColumns(): TableProps.ColumnDefinition<InsightSummary>[] {
  const { text, zone } = useSettings();
  const { printed: range, now } = useTimeRange();
  const t = text.insight;
  const nowrap = (words: string) => <span className="m-nowrap">{words}</span>;
  return [
    {
      id: "state",
      header: t.state,
      cell: (insight) => <InsightStateText insight={insight} />,
      sortingComparator: (a, b) => Number(isActive(b)) - Number(isActive(a)),
      minWidth: 110,
    },
    {
      id: "cause",
      header: t.rootCause,
      cell: (insight) => (
        <>
          <Link
            to={insightPath(insight.InsightId, { range })}
            className="m-link"
            data-testid="insight-row"
            data-insight-id={insight.InsightId}
            data-state={insight.State}
          >
            {rootCauseOf(insight).name}
          </Link>
          <div className="m-text-quiet">
            {text.group.one}: {insight.GroupName}
          </div>
        </>
      ),
      sortingComparator: (a, b) => rootCauseOf(a).name.localeCompare(rootCauseOf(b).name),
      isRowHeader: true,
      minWidth: 150,
    },
    { id: "summary", header: t.summary, cell: (insight) => causeText(text, insight), minWidth: 200 },
    {
      id: "start",
      header: nowrap(t.started),
      cell: (insight) => (
        // An insight begins with a minute.
        <span className="m-number">{formatTime(insight.StartTime, zone).replace(/:00$/, "")}</span>
      ),
      sortingField: "StartTime",
    },
    {
      id: "duration",
      header: nowrap(t.duration),
      cell: (insight) => (
        <span className="m-number">{formatDuration(secondsOf(insight, now))}</span>
      ),
      sortingComparator: (a, b) => secondsOf(a, now) - secondsOf(b, now),
    },
    {
      id: "clients",
      header: t.clientFaults,
      cell: (insight) => impactText(text, insight.ClientRequestImpactStatistics),
      minWidth: 130,
      sortingComparator: (a, b) =>
        impactOf(a.ClientRequestImpactStatistics).faults -
        impactOf(b.ClientRequestImpactStatistics).faults,
    },
  ];
}
