import { useCollection } from "@cloudscape-design/collection-hooks";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import Table, { type TableProps } from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import { useMemo } from "react";
import { Link } from "react-router";

import { EntityName } from "../../app/entity-name";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { useUrlState } from "../../app/url-state";
import { ShareBar } from "../../components/share-bar";
import type { Catalogue } from "../../i18n/en";
import type { PathSum, PathTotal } from "../../model/critical-path";
import { and, serviceSelector } from "../../model/filter";
import { formatCount, formatDuration, formatPercent } from "../../model/format";
import { tracePath, tracesPath } from "../../path";

type Column = TableProps.ColumnDefinition<PathTotal> & { id: string };

export function PathTable({ sum, filter }: { sum: PathSum; filter: string }) {
  const text = useText();
  const url = useUrlState();
  const { printed: range } = useTimeRange();
  const t = text.analytics;
  const totals = useMemo(() => [...sum.totals.values()], [sum]);
  const columns = useMemo(
    () => columnsOf(text, { sum, filter, range }),
    [text, sum, filter, range],
  );
  const [sortId, direction] = (url.get("sort") ?? "total~desc").split("~");
  const sortingColumn = columns.find((c) => c.id === sortId) ?? columns[1]!;
  const { items, collectionProps, paginationProps, filterProps } = useCollection(totals, {
    sorting: { defaultState: { sortingColumn, isDescending: direction !== "asc" } },
    pagination: { pageSize: 50 },
    filtering: {
      filteringFunction: (total, typed) =>
        `${total.service} ${total.name}`.toLowerCase().includes(typed.trim().toLowerCase()),
      empty: text.common.none,
      noMatch: text.trace.noRow,
    },
  });
  return (
    <div data-testid="path-table">
      <Table
        {...collectionProps}
        onSortingChange={(event) => {
          collectionProps.onSortingChange?.(event);
          const { sortingColumn: column, isDescending } = event.detail;
          const id = columns.find((c) => c.sortingField === column.sortingField)?.id;
          if (id) url.set({ sort: `${id}~${isDescending ? "desc" : "asc"}` });
        }}
        // The columns are made anew as the sum grows: the one that sorts is known by its id.
        sortingColumn={columns.find((c) => c.id === sortId) ?? columns[1]!}
        sortingDescending={direction !== "asc"}
        items={items}
        columnDefinitions={columns}
        trackBy="key"
        variant="container"
        contentDensity="compact"
        stickyHeader
        wrapLines
        header={
          <Header
            variant="h2"
            counter={`(${formatCount(totals.length)})`}
            description={t.pathOf(formatDuration(sum.seconds), formatCount(sum.traces))}
          >
            {t.pathTitle}
          </Header>
        }
        filter={
          <TextFilter
            {...filterProps}
            filteringPlaceholder={t.pathFind}
            filteringAriaLabel={t.pathFind}
          />
        }
        {...(paginationProps.pagesCount > 1
          ? {
              pagination: (
                <Pagination
                  {...paginationProps}
                  ariaLabels={{
                    nextPageLabel: text.traces.nextPage,
                    previousPageLabel: text.traces.previousPage,
                    pageLabel: text.traces.page,
                  }}
                />
              ),
            }
          : {})}
        ariaLabels={{ tableLabel: t.pathTitle }}
      />
    </div>
  );
}

const number = (content: React.ReactNode) => <span className="m-number-cell">{content}</span>;

interface ColumnContext {
  sum: PathSum;
  filter: string;
  range: string | undefined;
}

function columnsOf(text: Catalogue, { sum, filter, range }: ColumnContext): Column[] {
  const t = text.analytics;
  const share = (total: PathTotal) => (sum.seconds > 0 ? total.seconds / sum.seconds : 0);
  const average = (total: PathTotal) => total.seconds / total.traces;
  const by = (value: (total: PathTotal) => number) => (a: PathTotal, b: PathTotal) =>
    value(a) - value(b);
  const tracesOf = ({ service, serviceType }: PathTotal) =>
    tracesPath({
      range,
      filter: and(filter, serviceSelector({ name: service, type: serviceType })),
    });
  return [
    {
      id: "entity",
      sortingField: "entity",
      header: t.pathEntity,
      cell: (total) => (
        <Link
          className="m-link"
          to={tracesOf(total)}
          title={t.tracesOfService(total.service)}
          data-testid="path-total"
          data-name={total.name}
          data-service={total.service}
        >
          <EntityName entity={total} />
        </Link>
      ),
      sortingComparator: (a, b) =>
        `${a.service} ${a.name}`.localeCompare(`${b.service} ${b.name}`),
      isRowHeader: true,
      minWidth: 220,
    },
    {
      id: "total",
      sortingField: "total",
      header: number(t.pathTotal),
      cell: (total) => number(formatDuration(total.seconds)),
      sortingComparator: by((total) => total.seconds),
      width: 120,
    },
    {
      id: "share",
      sortingField: "share",
      header: t.pathShare,
      cell: (total) => (
        <span className="m-share-cell">
          <ShareBar share={share(total)} />
          {number(formatPercent(share(total)))}
        </span>
      ),
      sortingComparator: by(share),
      width: 240,
    },
    {
      id: "traces",
      sortingField: "traces",
      header: <span title={t.pathTracesHelp}>{number(t.pathTraces)}</span>,
      cell: (total) => number(formatCount(total.traces)),
      sortingComparator: by((total) => total.traces),
      width: 115,
    },
    {
      id: "average",
      sortingField: "average",
      header: <span title={t.pathAverageHelp}>{number(t.pathAverage)}</span>,
      cell: (total) => number(formatDuration(average(total))),
      sortingComparator: by(average),
      width: 115,
    },
    {
      id: "longest",
      sortingField: "longest",
      header: <span title={t.pathLongestHelp}>{number(t.pathLongest)}</span>,
      cell: ({ longest }) =>
        number(
          <Link
            className="m-link"
            title={t.pathLongestHelp}
            to={tracePath(longest.traceId, { range, segment: longest.segment, path: "on" })}
          >
            {formatDuration(longest.seconds)}
          </Link>,
        ),
      sortingComparator: by((total) => total.longest.seconds),
      width: 115,
    },
  ];
}
