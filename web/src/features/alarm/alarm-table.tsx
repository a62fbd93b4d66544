// All alarms, what needs somebody first; what is done to one can be done to several.

import { useCollection } from "@cloudscape-design/collection-hooks";
import Box from "@cloudscape-design/components/box";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table, { type TableProps } from "@cloudscape-design/components/table";
import { useState, type ReactNode } from "react";
import { Link } from "react-router";

import { disableAlarmActions, enableAlarmActions, isComposite, type Alarm } from "../../api/alarm";
import { useAlarmChange } from "../../api/alarm-hook";
import { useMayChange } from "../../api/hook";
import { AlarmStateText } from "../../app/alarm-state";
import { conditionText } from "../../app/alarm-words";
import { ErrorState } from "../../app/error-state";
import { paginationLabels } from "../../app/page-labels";
import { useSettings } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { compareAlarmStates, sinceOf } from "../../model/alarm";
import { formatAge, formatCount, formatTime } from "../../model/format";
import { alarmPath } from "../../path";
import { CreateMenu } from "./create-menu";
import { DeleteAlarmsDialog, SetStateDialog } from "./dialogs";
import { useMuted } from "./use-muted";

const pageSize = 50;

export function AlarmTable({ alarms, filter }: { alarms: readonly Alarm[]; filter: ReactNode }) {
  const { text } = useSettings();
  const t = text.alarm;
  const columns = useColumns();
  const may = useMayChange();
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [open, setOpen] = useState<"state" | "delete" | undefined>(undefined);
  const { items, collectionProps, paginationProps } = useCollection(alarms, {
    sorting: { defaultState: { sortingColumn: columns[0]! } },
    pagination: { pageSize },
  });
  // What a filter hides is not changed.
  const names = alarms.map((alarm) => alarm.AlarmName).filter((name) => chosen.includes(name));
  const done = () => {
    setOpen(undefined);
    setChosen([]);
  };
  const switching = useAlarmChange((isOn: boolean) => (isOn ? enableAlarmActions(names) : disableAlarmActions(names)), done);
  return (
    <>
      {switching.error && <ErrorState error={switching.error} />}
      <Table
        {...collectionProps}
        items={items}
        columnDefinitions={columns}
        trackBy="AlarmName"
        variant="container"
        wrapLines
        selectionType="multi"
        selectedItems={alarms.filter((alarm) => names.includes(alarm.AlarmName))}
        onSelectionChange={({ detail }) => setChosen(detail.selectedItems.map((alarm) => alarm.AlarmName))}
        ariaLabels={{
          tableLabel: t.title,
          selectionGroupLabel: t.title,
          allItemsSelectionLabel: () => t.chooseAll,
          itemSelectionLabel: (_, alarm) => alarm.AlarmName,
        }}
        header={
          <Header
            variant="h2"
            counter={names.length > 0 ? `(${names.length}/${formatCount(alarms.length)})` : `(${formatCount(alarms.length)})`}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <ButtonDropdown
                  disabled={names.length === 0 || !may}
                  {...(may ? {} : { disabledReason: text.session.readOnly })}
                  loading={switching.isPending}
                  expandToViewport
                  items={[
                    { id: "enable", text: t.enable },
                    { id: "disable", text: t.disable },
                    { id: "state", text: t.setState },
                    { id: "delete", text: text.common.delete },
                  ]}
                  onItemClick={({ detail: { id } }) => {
                    if (id === "state" || id === "delete") setOpen(id);
                    else switching.mutate(id === "enable");
                  }}
                >
                  {text.group.actions}
                </ButtonDropdown>
                <CreateMenu />
              </SpaceBetween>
            }
          >
            {t.title}
          </Header>
        }
        filter={filter}
        empty={
          <Box textAlign="center" padding="m" color="text-body-secondary">
            {t.noMatch}
          </Box>
        }
        pagination={
          alarms.length > pageSize && <Pagination {...paginationProps} ariaLabels={paginationLabels(text)} />
        }
      />
      {open === "state" && <SetStateDialog names={names} onDone={done} onCancel={() => setOpen(undefined)} />}
      {open === "delete" && <DeleteAlarmsDialog names={names} onDone={done} onCancel={() => setOpen(undefined)} />}
    </>
  );
}

function useColumns(): TableProps.ColumnDefinition<Alarm>[] {
  const { text, zone, language } = useSettings();
  const { printed: range, now } = useTimeRange();
  const mutedBy = useMuted();
  const t = text.alarm;
  return [
    {
      id: "state",
      header: t.state,
      cell: (alarm) => (
        <>
          <AlarmStateText state={alarm.StateValue} />
          <Marks alarm={alarm} mutedBy={mutedBy(alarm.AlarmName)} />
        </>
      ),
      sortingComparator: (a, b) =>
        compareAlarmStates(a.StateValue, b.StateValue) || (sinceOf(b) ?? 0) - (sinceOf(a) ?? 0),
      minWidth: 170,
    },
    {
      id: "name",
      header: t.name,
      cell: (alarm) => (
        <>
          <Link
            to={alarmPath(alarm.AlarmName, { range })}
            className="m-link"
            data-testid="alarm-row"
            data-state={alarm.StateValue}
          >
            {alarm.AlarmName}
          </Link>
          <div className="m-text-quiet">{isComposite(alarm) ? t.compositeAlarm : t.metricAlarm}</div>
        </>
      ),
      sortingField: "AlarmName",
      isRowHeader: true,
      minWidth: 150,
    },
    {
      id: "condition",
      header: t.condition,
      cell: (alarm) => (
        <span className="m-wrap" {...(isComposite(alarm) ? { title: alarm.AlarmRule } : {})}>
          {conditionText(text, alarm)}
        </span>
      ),
      minWidth: 200,
    },
    {
      id: "since",
      header: t.since,
      cell: (alarm) => {
        const since = sinceOf(alarm);
        return (
          <>
            <span className="m-number">{formatTime(since, zone)}</span>
            {since !== undefined && (
              <div className="m-text-quiet">{formatAge(Math.max(0, now - since), language)}</div>
            )}
          </>
        );
      },
      sortingComparator: (a, b) => (sinceOf(a) ?? 0) - (sinceOf(b) ?? 0),
      minWidth: 160,
    },
    {
      id: "actions",
      header: t.actions,
      cell: (alarm) => <ActionsText alarm={alarm} />,
      sortingComparator: (a, b) => Number(b.ActionsEnabled !== false) - Number(a.ActionsEnabled !== false),
      minWidth: 115,
    },
  ];
}

export function ActionsText({ alarm }: { alarm: Alarm }) {
  const t = useSettings().text.alarm;
  const count = [alarm.AlarmActions, alarm.OKActions, alarm.InsufficientDataActions].flatMap((each) => each ?? []).length;
  if (count === 0) return <span className="m-text-quiet">{t.noActions}</span>;
  return alarm.ActionsEnabled === false ? (
    <StatusIndicator type="stopped">{t.actionsOff}</StatusIndicator>
  ) : (
    <StatusIndicator type="success" colorOverride="grey">
      {t.actionsOn}
    </StatusIndicator>
  );
}

/** Why nobody was told, though it rings. */
export function Marks({ alarm, mutedBy }: { alarm: Alarm; mutedBy: readonly string[] }) {
  const { text } = useSettings();
  const t = text.alarm;
  const suppressed = isComposite(alarm) ? alarm.ActionsSuppressedBy : undefined;
  if (!suppressed && mutedBy.length === 0) return null;
  return (
    <div className="m-text-quiet">
      {mutedBy.length > 0 && (
        <span title={t.mutedBy(mutedBy.join(", "))}>
          <StatusIndicator type="stopped">{t.muted}</StatusIndicator>
        </span>
      )}
      {suppressed && (
        <span title={isComposite(alarm) ? alarm.ActionsSuppressedReason : undefined}>
          <StatusIndicator type="stopped">{t.suppressed}</StatusIndicator>
        </span>
      )}
    </div>
  );
}
