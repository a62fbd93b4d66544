// All canaries, to narrow, to sort, and to start, stop, group and delete several at once.

import { useCollection } from "@cloudscape-design/collection-hooks";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table, { type TableProps } from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import { useMemo, useState } from "react";
import { Link } from "react-router";

import { startCanary, stopCanary, type CanaryState } from "../../api/canary";
import { useCanaryChange } from "../../api/canary-hook";
import { useMayChange } from "../../api/hook";
import { CanaryStateText, StandingText } from "../../app/canary-state";
import { percentText, scheduleText } from "../../app/canary-words";
import type { NoticeMessage } from "../../app/notice";
import { useSettings, useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { useUrlState } from "../../app/url-state";
import { Sparkline } from "../../components/fill-bar";
import { isStarted, mayStart, standings, type Standing } from "../../model/canary";
import { formatCount, formatDuration, formatTime } from "../../model/format";
import { secondsBetween } from "../../model/canary-schedule";
import { canaryPath } from "../../path";
import { AlarmsOf } from "./alarms-of";
import { BlueprintMark } from "./blueprint-cards";
import type { CanaryRow, GroupWithMembers } from "./canary-rows";
import { DeleteCanaries } from "./delete-canaries";
import { AddToGroup } from "./group-dialogs";

interface CanaryTableProps {
  rows: readonly CanaryRow[];
  groups: readonly GroupWithMembers[];
  result: Standing | undefined;
  onResult: (result: string | undefined) => void;
  group: string | undefined;
  onGroup: (group: string | undefined) => void;
  onMessage: (message: NoticeMessage) => void;
}

const pageSize = 50;
const trendWidth = 36;

export function CanaryTable(props: CanaryTableProps) {
  const { rows, groups, result, group, onResult, onGroup, onMessage } = props;
  const text = useText();
  const t = text.canary.list;
  const url = useUrlState();
  const all = useColumns();
  // A column that nobody uses only takes room.
  const hasTags = rows.some((row) => Object.keys(row.canary.Tags ?? {}).length > 0);
  const columns = hasTags ? all : all.filter((column) => column.id !== "tags");
  const state = url.get("state");
  const narrowed = useMemo(
    () =>
      rows.filter(
        (row) =>
          (!result || row.standing === result) &&
          (!state || row.state === state) &&
          (!group || row.groups.includes(group)),
      ),
    [rows, result, state, group],
  );
  const clear = () => {
    actions.setFiltering("");
    url.set({ result: undefined, group: undefined, state: undefined });
  };
  const none = (
    <Box textAlign="center" padding="m">
      <SpaceBetween size="xs">
        <Box color="text-body-secondary">{t.noMatch}</Box>
        <Button onClick={clear}>{t.clear}</Button>
      </SpaceBetween>
    </Box>
  );
  const { items, actions, collectionProps, filterProps, paginationProps, filteredItemsCount } = useCollection(
    narrowed,
    {
      filtering: { filteringFunction: (row, typed) => isFound(text, row, typed), noMatch: none, empty: none },
      sorting: { defaultState: { sortingColumn: columns[0]! } },
      pagination: { pageSize },
      selection: { keepSelection: false, trackBy: "name" },
    },
  );
  // Rows are made anew while they are chosen: what counts is how they stand now.
  const chosen = new Set((collectionProps.selectedItems ?? []).map((row) => row.name));
  const selected = rows.filter((row) => chosen.has(row.name));
  const isNarrowed = filterProps.filteringText !== "" || narrowed.length < rows.length;
  return (
    <Table
      {...collectionProps}
      selectedItems={selected}
      items={items}
      columnDefinitions={columns}
      trackBy="name"
      variant="container"
      wrapLines
      selectionType="multi"
      stickyColumns={{ first: 1 }}
      header={
        <Header
          variant="h2"
          counter={
            selected.length > 0
              ? `(${selected.length}/${formatCount(rows.length)})`
              : `(${formatCount(rows.length)})`
          }
          actions={<Actions selected={selected} groups={groups} onMessage={onMessage} />}
        >
          {text.canary.title}
        </Header>
      }
      filter={
        <div className="m-canary-filters">
          <TextFilter
            {...filterProps}
            filteringPlaceholder={t.find}
            filteringAriaLabel={t.find}
            countText={isNarrowed ? t.matches(filteredItemsCount ?? 0) : ""}
          />
          <Choice
            label={t.result}
            any={t.anyResult}
            value={result}
            options={standings.map((each) => ({ value: each, label: text.canary.standings[each] }))}
            onChange={onResult}
          />
          <Choice
            label={t.state}
            any={t.anyState}
            value={state}
            options={[...new Set(rows.map((row) => row.state))].map((each) => ({
              value: each,
              label: text.canary.states[each],
            }))}
            onChange={(next) => url.set({ state: next })}
          />
          {groups.length > 0 && (
            <Choice
              label={text.canary.list.groups}
              any={t.anyGroup}
              value={group}
              options={groups.map((each) => ({ value: each.Name, label: each.Name }))}
              onChange={onGroup}
            />
          )}
        </div>
      }
      pagination={
        (filteredItemsCount ?? 0) > pageSize && (
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
      ariaLabels={{
        tableLabel: text.canary.title,
        selectionGroupLabel: text.canary.title,
        allItemsSelectionLabel: () => t.selectAll,
        itemSelectionLabel: (_, row) => t.selected(row.name),
      }}
    />
  );
}

function isFound(text: ReturnType<typeof useText>, row: CanaryRow, typed: string): boolean {
  const tags = Object.entries(row.canary.Tags ?? {}).map(([key, value]) => `${key}=${value}`);
  const words = [row.name, text.canary.blueprints[row.blueprint], row.canary.RuntimeVersion ?? "", ...tags];
  const wanted = typed.trim().toLowerCase();
  return words.some((word) => word.toLowerCase().includes(wanted));
}

function Choice({
  label,
  any,
  value,
  options,
  onChange,
}: {
  label: string;
  any: string;
  value: string | undefined;
  options: readonly { value: string; label: string }[];
  onChange: (value: string | undefined) => void;
}) {
  const all = [{ value: "", label: any }, ...options];
  return (
    <Select
      ariaLabel={label}
      options={all}
      selectedOption={all.find((option) => option.value === (value ?? "")) ?? all[0]!}
      onChange={({ detail }) => onChange(detail.selectedOption.value || undefined)}
    />
  );
}

/** Start, stop, group, delete: each takes those of the chosen canaries that it can be done to. */
function Actions({
  selected,
  groups,
  onMessage,
}: {
  selected: readonly CanaryRow[];
  groups: readonly GroupWithMembers[];
  onMessage: CanaryTableProps["onMessage"];
}) {
  const text = useText();
  const t = text.canary.list;
  const may = useMayChange();
  const [dialog, setDialog] = useState<"group" | "delete" | undefined>(undefined);
  const able = {
    start: selected.filter((row) => mayStart(row.state)),
    stop: selected.filter((row) => isStarted(row.state)),
  };
  const change = useCanaryChange(
    async ({ what, names }: { what: "start" | "stop"; names: string[] }) => {
      let done = 0;
      let why = "";
      for (const name of names)
        try {
          await (what === "start" ? startCanary(name) : stopCanary(name));
          done += 1;
        } catch (error) {
          why = error instanceof Error ? error.message : String(error);
        }
      return { done, why };
    },
    ({ done, why }, { what, names }) => {
      const list = names.join(", ");
      if (done < names.length) onMessage({ type: "warning", content: t.someFailed(done, names.length, why) });
      else
        onMessage({
          type: "success",
          content: what === "start" ? text.canary.detail.started(list) : text.canary.detail.stopped(list),
        });
    },
  );
  const item = (id: string, label: string, isAble: boolean) => ({ id, text: label, disabled: !may || !isAble });
  return (
    <>
      <ButtonDropdown
        items={[
          item("start", t.start, able.start.length > 0),
          item("stop", t.stop, able.stop.length > 0),
          item("group", t.addToGroup, selected.length > 0),
          item("delete", t.delete, selected.length > 0),
        ]}
        disabled={selected.length === 0}
        loading={change.isPending}
        onItemClick={({ detail: { id } }) => {
          if (id === "start" || id === "stop") change.mutate({ what: id, names: able[id].map((row) => row.name) });
          else setDialog(id as "group" | "delete");
        }}
      >
        {t.actions}
      </ButtonDropdown>
      {dialog === "group" && (
        <AddToGroup canaries={selected.map((row) => row.canary)} groups={groups} onClose={() => setDialog(undefined)} />
      )}
      {dialog === "delete" && (
        <DeleteCanaries
          canaries={selected.map((row) => row.canary)}
          onDone={() => setDialog(undefined)}
          onClose={() => setDialog(undefined)}
        />
      )}
    </>
  );
}

const stateOrder: readonly CanaryState[] = [
  "ERROR",
  "RUNNING",
  "STARTING",
  "UPDATING",
  "CREATING",
  "READY",
  "STOPPING",
  "STOPPED",
  "DELETING",
];

function useColumns(): TableProps.ColumnDefinition<CanaryRow>[] {
  const { text, zone } = useSettings();
  const { printed: range } = useTimeRange();
  const t = text.canary.list;
  const by = (value: (row: CanaryRow) => number) => (a: CanaryRow, b: CanaryRow) => value(a) - value(b);
  return [
    {
      id: "name",
      header: text.canary.name,
      cell: (row) => (
        <>
          <Link
            to={canaryPath(row.name, { range })}
            className="m-link"
            data-testid="canary-row"
            data-state={row.standing}
          >
            {row.name}
          </Link>
          <div className="m-kind" title={row.canary.RuntimeVersion}>
            <BlueprintMark blueprint={row.blueprint} size={14} />
            {text.canary.blueprints[row.blueprint]}
          </div>
        </>
      ),
      sortingField: "name",
      isRowHeader: true,
      minWidth: 150,
    },
    {
      id: "result",
      header: t.result,
      cell: (row) => (
        <span title={row.lastRun && formatTime(row.lastRun.Timeline?.Started, zone)}>
          <StandingText standing={row.standing} />
        </span>
      ),
      sortingComparator: by((row) => standings.indexOf(row.standing)),
      minWidth: 122,
    },
    {
      id: "success",
      header: t.success,
      cell: (row) => (
        <span className="m-trend">
          <span className="m-number-cell">{percentText(row.figures?.success.mean)}</span>
          <Sparkline values={row.figures?.success.values ?? []} label={t.successTrend(row.name)} width={trendWidth} />
        </span>
      ),
      sortingComparator: by((row) => row.figures?.success.mean ?? 101),
      minWidth: 126,
    },
    {
      id: "duration",
      header: t.duration,
      cell: (row) => (
        <span className="m-trend">
          <span className="m-number-cell">
            {formatDuration(
              row.figures?.duration.mean === undefined ? undefined : row.figures.duration.mean / 1000,
            )}
          </span>
          <Sparkline values={row.figures?.duration.values ?? []} label={t.durationTrend(row.name)} width={trendWidth} />
        </span>
      ),
      sortingComparator: by((row) => row.figures?.duration.mean ?? -1),
      minWidth: 136,
    },
    {
      id: "alarms",
      header: t.alarms,
      cell: (row) => <AlarmsOf canary={row.name} alarms={row.alarms} range={range} />,
      sortingComparator: by((row) => row.alarms.filter((alarm) => alarm.StateValue === "ALARM").length),
      minWidth: 124,
    },
    {
      id: "schedule",
      header: t.schedule,
      cell: (row) => (
        <span title={row.canary.Schedule?.Expression}>{scheduleText(text, row.canary.Schedule?.Expression)}</span>
      ),
      sortingComparator: by((row) => secondsBetween(row.canary.Schedule?.Expression) ?? Infinity),
      minWidth: 140,
    },
    {
      id: "state",
      header: t.state,
      cell: (row) => (
        <span title={row.canary.Status?.StateReason}>
          <CanaryStateText state={row.state} />
        </span>
      ),
      sortingComparator: by((row) => stateOrder.indexOf(row.state)),
      minWidth: 118,
    },
    {
      id: "tags",
      header: t.tags,
      cell: (row) => (
        <span className="m-tags">
          {Object.entries(row.canary.Tags ?? {}).map(([key, value]) => (
            <span key={key} className="m-tag m-tag-plain">
              {value ? `${key}=${value}` : key}
            </span>
          ))}
        </span>
      ),
      minWidth: 130,
    },
  ];
}
