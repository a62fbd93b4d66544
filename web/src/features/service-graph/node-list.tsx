// The same data as the map, as a table that sorts.

import { useCollection } from "@cloudscape-design/collection-hooks";
import Link from "@cloudscape-design/components/link";
import Pagination from "@cloudscape-design/components/pagination";
import Table, { type TableProps } from "@cloudscape-design/components/table";

import { AlarmBadge } from "../../app/alarm-badge";
import { stateText } from "../../app/graph-words";
import { useText } from "../../app/settings";
import { nodeText } from "../../app/type-text";
import { InsightMark } from "../../components/insight-mark";
import { StateMark } from "../../components/state-mark";
import { formatCount, formatDuration, formatPercent, formatRate } from "../../model/format";
import { nodeScope } from "../../model/alarm";
import type { MapNode, ServiceMap } from "../../model/graph";
import { percentile } from "../../model/histogram";
import { share, statesByWeight } from "../../model/statistics";

const pageSize = 100;

interface NodeListProps {
  map: ServiceMap;
  minutes: number;
  selected: string | undefined;
  marks: ReadonlyMap<string, string>;
  onSelect: (id: string) => void;
}

export function NodeList({ map, minutes, selected, marks, onSelect }: NodeListProps) {
  const text = useText();
  const columns = columnsOf(text, minutes, marks, onSelect);
  const { items, collectionProps, paginationProps } = useCollection(map.nodes, {
    sorting: { defaultState: { sortingColumn: columns[2]!, isDescending: true } },
    pagination: { pageSize },
  });
  return (
    <Table
      {...collectionProps}
      items={items}
      columnDefinitions={columns}
      trackBy="id"
      variant="container"
      pagination={
        map.nodes.length > pageSize && (
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
      stickyHeader
      {...(selected ? { selectedItems: items.filter((n) => n.id === selected) } : {})}
      onRowClick={({ detail }) => onSelect(detail.item.id)}
      ariaLabels={{
        tableLabel: text.map.list,
      }}
    />
  );
}

function columnsOf(
  text: ReturnType<typeof useText>,
  minutes: number,
  marks: ReadonlyMap<string, string>,
  onSelect: (id: string) => void,
): TableProps.ColumnDefinition<MapNode>[] {
  const number = (
    id: string,
    header: string,
    value: (n: MapNode) => number | undefined,
    format: (v: number | undefined) => string,
  ) => ({
    id,
    header: <span className="m-number-cell">{header}</span>,
    cell: (n: MapNode) => <span className="m-number-cell">{format(value(n))}</span>,
    sortingComparator: (a: MapNode, b: MapNode) => (value(a) ?? -1) - (value(b) ?? -1),
  });
  const p = (wanted: number) => (n: MapNode) => percentile(n.histogram, wanted);
  const part = (state: "ok" | "error" | "throttle" | "fault") => (n: MapNode) =>
    n.outcome.total > 0 ? share(n.outcome, state) : undefined;
  return [
    {
      id: "name",
      header: text.map.name,
      cell: (n) => (
        <span className="m-state">
          <Link
            href="#"
            onFollow={(event) => {
              event.preventDefault();
              onSelect(n.id);
            }}
          >
            {n.name}
          </Link>
          {marks.has(n.id) && <InsightMark label={marks.get(n.id)!} />}
          <AlarmBadge scope={nodeScope(n)} />
        </span>
      ),
      sortingField: "name",
      isRowHeader: true,
    },
    {
      id: "type",
      header: text.map.type,
      cell: (n) => nodeText(text, n),
      sortingComparator: (a, b) => nodeText(text, a).localeCompare(nodeText(text, b)),
    },
    {
      id: "state",
      header: text.map.state,
      cell: (n) => (
        <span className="m-state">
          <StateMark state={n.state} />
          {stateText(text, n.state)}
        </span>
      ),
      sortingComparator: (a, b) =>
        statesByWeight.indexOf(b.state) - statesByWeight.indexOf(a.state) ||
        a.outcome.fault - b.outcome.fault,
    },
    number("total", text.common.requests, (n) => n.outcome.total, formatCount),
    number("rate", text.map.rate, (n) => n.outcome.total / minutes, formatRate),
    number("average", text.common.averageLatency, (n) => n.outcome.averageSeconds, formatDuration),
    number("p50", "p50", p(50), formatDuration),
    number("p90", "p90", p(90), formatDuration),
    number("p99", "p99", p(99), formatDuration),
    number("fault", text.state.fault, part("fault"), formatPercent),
    number("error", text.state.error, part("error"), formatPercent),
    number("throttle", text.state.throttle, part("throttle"), formatPercent),
  ];
}
