// The entities of both traces with their differences; the order is in the URL.

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
import { segmentStateText } from "../../app/timeline-words";
import { useUrlState } from "../../app/url-state";
import { DifferenceBar } from "../../components/difference-bar";
import { StateMark } from "../../components/state-mark";
import type { Catalogue } from "../../i18n/en";
import { entityKind } from "../../model/critical-path";
import { formatCount, formatDuration, formatDurationChange } from "../../model/format";
import type { EntityPair } from "../../model/trace-compare";
import type { SegmentNode } from "../../model/waterfall";
import { tracePath } from "../../path";

interface EntityTableProps {
  a: string;
  b: string;
  pairs: readonly EntityPair[];
  pair: EntityPair | undefined;
  onChoose: (pair: EntityPair | undefined) => void;
}

type Column = TableProps.ColumnDefinition<EntityPair> & { id: string };

export function EntityTable({ a, b, pairs, pair, onChoose }: EntityTableProps) {
  const text = useText();
  const url = useUrlState();
  const { printed: range } = useTimeRange();
  const t = text.compare;
  const columns = useMemo(
    () => columnsOf(text, { a, b, range, pairs }),
    [text, a, b, range, pairs],
  );
  const [sortId, direction] = (url.get("sort") ?? "difference~desc").split("~");
  const sortingColumn = columns.find((c) => c.id === sortId) ?? columns[3]!;
  const { items, collectionProps, paginationProps, filterProps } = useCollection(pairs, {
    sorting: { defaultState: { sortingColumn, isDescending: direction !== "asc" } },
    pagination: { pageSize: 50 },
    selection: { trackBy: "key" },
    filtering: {
      filteringFunction: (p, typed) =>
        `${p.service} ${p.name} ${p.detail}`.toLowerCase().includes(typed.trim().toLowerCase()),
      empty: text.common.none,
      noMatch: text.trace.noRow,
    },
  });
  return (
    <div data-testid="compare-entities">
      <Table
        {...collectionProps}
        onSortingChange={(event) => {
          collectionProps.onSortingChange?.(event);
          const { sortingColumn: column, isDescending } = event.detail;
          const id = columns.find((c) => c.sortingComparator === column.sortingComparator)?.id;
          if (id) url.set({ sort: `${id}~${isDescending ? "desc" : "asc"}` });
        }}
        items={items}
        columnDefinitions={columns}
        contentDensity="compact"
        variant="container"
        stickyHeader
        wrapLines
        selectionType="single"
        trackBy="key"
        selectedItems={pair ? [pair] : []}
        onSelectionChange={({ detail }) => onChoose(detail.selectedItems[0])}
        onRowClick={({ detail }) => onChoose(detail.item)}
        header={
          <Header variant="h2" counter={`(${formatCount(pairs.length)})`}>
            {t.entities}
          </Header>
        }
        filter={
          <TextFilter
            {...filterProps}
            filteringPlaceholder={t.find}
            filteringAriaLabel={t.find}
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
        ariaLabels={{
          tableLabel: t.entities,
          selectionGroupLabel: t.entities,
          itemSelectionLabel: (_, item) => `${item.service} ${item.name}`,
        }}
      />
    </div>
  );
}

const number = (content: React.ReactNode) => <span className="m-number-cell">{content}</span>;

interface ColumnContext {
  a: string;
  b: string;
  range: string | undefined;
  pairs: readonly EntityPair[];
}

function columnsOf(text: Catalogue, { a, b, range, pairs }: ColumnContext): Column[] {
  const t = text.compare;
  const most = Math.max(0, ...pairs.map((p) => Math.abs(p.difference)));
  const inTrace = (id: string, node: SegmentNode | undefined, seconds: number | undefined) =>
    number(
      node ? (
        <Link className="m-link" to={tracePath(id, { range, segment: node.key })}>
          {formatDuration(seconds)}
        </Link>
      ) : (
        "–"
      ),
    );
  const by = (value: (p: EntityPair) => number) => (x: EntityPair, y: EntityPair) =>
    value(x) - value(y);
  return [
    {
      id: "entity",
      header: t.entity,
      cell: (p) => (
        <span data-testid="compare-row" data-name={p.name} data-service={p.service}>
          <EntityName entity={{ ...p, kind: entityKind((p.a ?? p.b)!) }} />
          {p.detail && (
            <span className="m-entity-detail" title={p.detail}>
              {p.detail}
            </span>
          )}
        </span>
      ),
      sortingComparator: (x, y) =>
        `${x.service} ${x.name}`.localeCompare(`${y.service} ${y.name}`),
      isRowHeader: true,
      minWidth: 190,
    },
    {
      id: "a",
      header: number(t.inA),
      cell: (p) => inTrace(a, p.a, p.aSeconds),
      sortingComparator: by((p) => p.aSeconds ?? -1),
      width: 88,
    },
    {
      id: "b",
      header: number(t.inB),
      cell: (p) => inTrace(b, p.b, p.bSeconds),
      sortingComparator: by((p) => p.bSeconds ?? -1),
      width: 88,
    },
    {
      id: "difference",
      header: t.difference,
      cell: (p) => (
        <span className="m-difference-cell" title={p.difference < 0 ? t.faster : t.slower}>
          <DifferenceBar value={p.difference} most={most} />
          {number(formatDurationChange(p.difference))}
        </span>
      ),
      sortingComparator: by((p) => Math.abs(p.difference)),
      width: 200,
    },
    {
      id: "own",
      header: (
        <span className="m-number-cell m-number-head" title={t.ownHelp}>
          {t.ownDifference}
        </span>
      ),
      cell: (p) => number(formatDurationChange(p.ownDifference)),
      sortingComparator: by((p) => Math.abs(p.ownDifference)),
      width: 112,
    },
    {
      id: "change",
      header: t.change,
      cell: (p) => <Change pair={p} text={text} />,
      sortingComparator: by((p) => (p.stateChanged ? 2 : p.a && p.b ? 0 : 1)),
      width: 155,
    },
  ];
}

function Change({ pair, text }: { pair: EntityPair; text: Catalogue }) {
  const t = text.compare;
  if (!pair.b) return <span className="m-tag">{t.onlyA}</span>;
  if (!pair.a) return <span className="m-tag">{t.onlyB}</span>;
  if (!pair.stateChanged) return <span className="m-live-none">–</span>;
  const { state: from } = pair.a;
  const { state: to } = pair.b;
  return (
    <span className="m-state" data-testid="compare-state-change">
      <StateMark state={from} size={14} />
      {t.became(segmentStateText(text, from), "")}
      <StateMark state={to} size={14} />
      {segmentStateText(text, to)}
    </span>
  );
}
