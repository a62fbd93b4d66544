// Tables of what is below: clusters, services, tasks, containers.

import { useCollection } from "@cloudscape-design/collection-hooks";
import Box from "@cloudscape-design/components/box";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import Table, { type TableProps } from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { AlarmBadge } from "../../app/alarm-badge";
import { RunStateText } from "../../app/run-state";
import { useSettings, useText } from "../../app/settings";
import { FillBar, Sparkline } from "../../components/fill-bar";
import {
  compareStates,
  placeScope,
  shortId,
  type ClusterRow,
  type ContainerRow,
  type Figures,
  type ServiceRow,
  type TaskRow,
} from "../../model/container";
import { formatCount, formatTime } from "../../model/format";
import { PlaceBadge } from "./place-alarms";
import { usePlacePath } from "./use-place-path";

const pageSize = 25;

interface RowTableProps<Row> {
  title: string;
  rows: readonly Row[];
  columns: TableProps.ColumnDefinition<Row>[];
  trackBy: (row: Row) => string;
  sortBy: string;
  descending?: boolean;
  empty: string;
  find: string;
  /** What a typed word is looked for in. */
  words: (row: Row) => string;
}

function RowTable<Row>(props: RowTableProps<Row>) {
  const { title, rows, columns, trackBy, sortBy, descending, empty, find, words } = props;
  const text = useText();
  const { items, collectionProps, paginationProps, filterProps, filteredItemsCount } = useCollection(
    rows,
    {
      filtering: {
        filteringFunction: (row, typed) => words(row).toLowerCase().includes(typed.toLowerCase()),
        noMatch: <Box textAlign="center">{text.container.noMatch}</Box>,
      },
      sorting: {
        defaultState: {
          sortingColumn: columns.find((column) => column.id === sortBy)!,
          isDescending: descending ?? false,
        },
      },
      pagination: { pageSize },
    },
  );
  return (
    <Table
      {...collectionProps}
      items={items}
      columnDefinitions={columns}
      trackBy={trackBy}
      variant="container"
      header={
        <Header variant="h2" counter={`(${formatCount(rows.length)})`}>
          {title}
        </Header>
      }
      empty={<Box textAlign="center">{empty}</Box>}
      filter={
        rows.length > 8 && (
          <TextFilter
            {...filterProps}
            filteringPlaceholder={find}
            filteringAriaLabel={find}
            countText={text.container.matches(filteredItemsCount ?? 0)}
          />
        )
      }
      pagination={
        rows.length > pageSize && (
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
      ariaLabels={{ tableLabel: title }}
    />
  );
}

type WithFigures = Figures & { line: number[] };

const number = (value: ReactNode) => <span className="m-number-cell">{value}</span>;
const head = (value: ReactNode) => <span className="m-number-cell">{value}</span>;

function useFigureColumns<Row extends WithFigures>(): TableProps.ColumnDefinition<Row>[] {
  const t = useText().container;
  return [
    {
      id: "cpu",
      header: t.cpu,
      cell: (row) => (
        <span className="m-fill-line">
          <FillBar share={row.cpu} />
          <Sparkline values={row.line} label={t.cpuOverTime} />
        </span>
      ),
      sortingComparator: (a, b) => (a.cpu ?? -1) - (b.cpu ?? -1),
      minWidth: 140,
    },
    {
      id: "memory",
      header: t.memory,
      cell: (row) => <FillBar share={row.memory} />,
      sortingComparator: (a, b) => (a.memory ?? -1) - (b.memory ?? -1),
      minWidth: 120,
    },
    {
      id: "restarts",
      header: head(t.restarts),
      cell: (row) => number(formatCount(row.restarts)),
      sortingField: "restarts",
    },
  ];
}

/** Clusters of accounts; `own` is the one that asks. */
export function ClusterTable({ rows, own }: { rows: readonly ClusterRow[]; own: string }) {
  const t = useText().container;
  const pathOf = usePlacePath();
  const figures = useFigureColumns<ClusterRow>();
  return (
    <RowTable
      title={t.clusters}
      rows={rows}
      trackBy={(row) => `${row.account}/${row.name}`}
      sortBy="name"
      empty={t.noClusters}
      find={t.find}
      words={(row) => `${row.name} ${row.account}`}
      columns={[
        {
          id: "name",
          header: t.cluster,
          cell: (row) => (
            <>
              <Link
                to={pathOf({ cluster: row.name }, row.account === own ? "" : row.account)}
                className="m-link"
                data-testid="cluster-row"
              >
                {row.name}
              </Link>{" "}
              {row.account === own && <AlarmBadge scope={placeScope({ cluster: row.name })} />}
              <div className="m-text-quiet">
                {t.account} {row.account}
              </div>
            </>
          ),
          sortingField: "name",
          isRowHeader: true,
          minWidth: 140,
        },
        { id: "mode", header: t.mode, cell: (row) => t.modes[row.mode], sortingField: "mode" },
        {
          id: "services",
          header: head(t.services),
          cell: (row) => number(formatCount(row.services)),
          sortingField: "services",
        },
        {
          id: "running",
          header: head(t.tasksRunning),
          cell: (row) =>
            number(row.pending > 0 ? t.andPending(row.running, row.pending) : formatCount(row.running)),
          sortingField: "running",
        },
        ...figures,
      ]}
    />
  );
}

export function ServiceTable({ rows, cluster }: { rows: readonly ServiceRow[]; cluster: string }) {
  const t = useText().container;
  const pathOf = usePlacePath();
  const figures = useFigureColumns<ServiceRow>();
  const missing = (row: ServiceRow) =>
    row.service !== undefined && row.service.runningCount < row.service.desiredCount;
  return (
    <RowTable
      title={t.services}
      rows={rows}
      trackBy={(row) => row.name}
      sortBy="cpu"
      descending
      empty={t.noServices}
      find={t.find}
      words={(row) => row.name}
      columns={[
        {
          id: "name",
          header: t.service,
          cell: (row) => (
            <>
              <Link
                to={pathOf({ cluster, service: row.name })}
                className="m-link"
                data-testid="service-row"
              >
                {row.name}
              </Link>{" "}
              <PlaceBadge place={{ cluster, service: row.name }} />
            </>
          ),
          sortingField: "name",
          isRowHeader: true,
          minWidth: 140,
        },
        {
          id: "state",
          header: t.state,
          cell: (row) => (
            <RunStateText
              state={row.service === undefined ? "gone" : missing(row) ? "failed" : "running"}
            />
          ),
          sortingComparator: (a, b) => Number(missing(b)) - Number(missing(a)),
          minWidth: 120,
        },
        {
          id: "tasks",
          header: head(t.runningOfDesired),
          cell: (row) =>
            number(row.service ? `${row.service.runningCount} / ${row.service.desiredCount}` : "–"),
          sortingComparator: (a, b) => (a.service?.runningCount ?? 0) - (b.service?.runningCount ?? 0),
        },
        ...figures,
      ]}
    />
  );
}

export function TaskTable({
  rows,
  cluster,
  withService,
}: {
  rows: readonly TaskRow[];
  cluster: string;
  withService: boolean;
}) {
  const { text, zone } = useSettings();
  const t = text.container;
  const pathOf = usePlacePath();
  const figures = useFigureColumns<TaskRow>();
  return (
    <RowTable
      title={t.tasks}
      rows={rows}
      trackBy={(row) => row.id}
      sortBy="state"
      empty={t.noTasks}
      find={t.find}
      words={(row) => `${row.id} ${row.family} ${row.service ?? ""}`}
      columns={[
        {
          id: "id",
          header: t.task,
          cell: (row) => (
            <>
              <Link
                to={pathOf({ cluster, task: row.id })}
                className="m-link m-mono"
                title={row.id}
                data-testid="task-row"
                data-state={row.state}
              >
                {shortId(row.id)}
              </Link>{" "}
              <PlaceBadge place={{ cluster, task: row.id }} />
            </>
          ),
          sortingField: "id",
          isRowHeader: true,
          minWidth: 110,
        },
        {
          id: "state",
          header: t.state,
          cell: (row) => <RunStateText state={row.state} />,
          sortingComparator: (a, b) => compareStates(a.state, b.state) || (b.cpu ?? -1) - (a.cpu ?? -1),
          minWidth: 120,
        },
        ...(withService
          ? [
              {
                id: "service",
                header: t.service,
                // Of a task without a service, what it is.
                cell: (row: TaskRow) => row.service ?? <Box color="text-body-secondary">{row.family}</Box>,
                sortingComparator: (a: TaskRow, b: TaskRow) =>
                  (a.service ?? a.family).localeCompare(b.service ?? b.family),
                minWidth: 110,
              },
            ]
          : []),
        ...figures,
        {
          id: "started",
          header: t.started,
          cell: (row) => <span className="m-number">{formatTime(row.started, zone)}</span>,
          sortingComparator: (a, b) => (a.started ?? 0) - (b.started ?? 0),
          minWidth: 150,
        },
      ]}
    />
  );
}

export function ContainerTable({ rows, cluster }: { rows: readonly ContainerRow[]; cluster: string }) {
  const t = useText().container;
  const pathOf = usePlacePath();
  const figures = useFigureColumns<ContainerRow>();
  return (
    <RowTable
      title={t.containers}
      rows={rows}
      trackBy={(row) => row.key}
      sortBy="state"
      empty={t.noContainers}
      find={t.find}
      words={(row) => `${row.name} ${row.container?.image ?? ""}`}
      columns={[
        {
          id: "name",
          header: t.container,
          cell: (row) => (
            <>
              <Link
                to={pathOf({ cluster, task: row.task, container: row.name })}
                className="m-link"
                data-testid="container-row"
                data-state={row.state}
              >
                {row.name}
              </Link>{" "}
              <PlaceBadge place={{ cluster, task: row.task, container: row.name }} />
              <div className="m-text-quiet m-wrap">{row.container?.image}</div>
            </>
          ),
          sortingField: "name",
          isRowHeader: true,
          minWidth: 150,
        },
        {
          id: "state",
          header: t.state,
          cell: (row) => <RunStateText state={row.state} />,
          sortingComparator: (a, b) => compareStates(a.state, b.state),
          minWidth: 120,
        },
        ...figures,
      ]}
    />
  );
}
