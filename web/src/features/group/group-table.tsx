import { useCollection } from "@cloudscape-design/collection-hooks";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Header from "@cloudscape-design/components/header";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table, { type TableProps } from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import type { ReactNode } from "react";
import { Link } from "react-router";

import type { Group } from "../../api/group";
import { useMayChange } from "../../api/hook";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { CopyButton } from "../../components/copy-button";
import { formatCount } from "../../model/format";
import { groupTerm, isDefaultGroup, narrowingGroup } from "../../model/group";
import { insightsPath, traceMapPath, tracesPath } from "../../path";

export type GroupAction = "edit" | "clone" | "delete";

interface GroupTableProps {
  groups: readonly Group[];
  onAction: (action: GroupAction, group: Group) => void;
  create: ReactNode;
}

export function GroupTable({ groups, onAction, create }: GroupTableProps) {
  const text = useText();
  const t = text.group;
  const columns: TableProps.ColumnDefinition<Group>[] = [
    {
      id: "name",
      minWidth: 150,
      header: t.name,
      cell: (group) => (
        <span className="m-state m-state-long">
          <span>{group.GroupName}</span>
          <CopyButton
            iconOnly
            label={t.copyArn(group.GroupName)}
            done={text.common.copied}
            failed={text.common.copyFailed}
            value={() => group.GroupARN}
          />
        </span>
      ),
      sortingField: "GroupName",
      isRowHeader: true,
    },
    {
      id: "expression",
      minWidth: 190,
      header: t.expression,
      cell: (group) =>
        group.FilterExpression ? (
          <span className="m-mono">{group.FilterExpression}</span>
        ) : (
          <span className="m-text-quiet">{t.everyTrace}</span>
        ),
      sortingField: "FilterExpression",
    },
    {
      id: "insights",
      minWidth: 132,
      header: <span className="m-nowrap">{t.insights}</span>,
      cell: (group) => <OnOff on={group.InsightsConfiguration?.InsightsEnabled} />,
      sortingComparator: (a, b) => order(a, "InsightsEnabled") - order(b, "InsightsEnabled"),
    },
    {
      id: "notifications",
      minWidth: 110,
      header: t.notifications,
      cell: (group) => <OnOff on={group.InsightsConfiguration?.NotificationsEnabled} />,
      sortingComparator: (a, b) =>
        order(a, "NotificationsEnabled") - order(b, "NotificationsEnabled"),
    },
    { id: "view", minWidth: 120, header: t.view, cell: (group) => <Views group={group} /> },
    {
      id: "actions",
      minWidth: 90,
      header: t.actions,
      cell: (group) => <Actions group={group} onAction={onAction} />,
    },
  ];
  const { items, collectionProps, filterProps } = useCollection(groups, {
    // As the server has them: Default first, then by name.
    sorting: {},
    filtering: { empty: t.none, noMatch: t.none },
  });
  return (
    <Table
      {...collectionProps}
      items={items}
      columnDefinitions={columns}
      trackBy="GroupName"
      variant="container"
      wrapLines
      header={
        <Header variant="h2" counter={`(${formatCount(groups.length)})`} actions={create}>
          {t.title}
        </Header>
      }
      filter={
        groups.length > 8 && (
          <TextFilter {...filterProps} filteringPlaceholder={t.find} filteringAriaLabel={t.find} />
        )
      }
      ariaLabels={{ tableLabel: t.title }}
    />
  );
}

function order(group: Group, setting: "InsightsEnabled" | "NotificationsEnabled"): number {
  return group.InsightsConfiguration?.[setting] ? 0 : 1;
}

function OnOff({ on }: { on: boolean | undefined }) {
  const t = useText().group;
  return (
    <span className="m-nowrap">
      <StatusIndicator type={on ? "success" : "stopped"}>{on ? t.on : t.off}</StatusIndicator>
    </span>
  );
}

function Views({ group }: { group: Group }) {
  const text = useText();
  const t = text.group;
  const { printed: range } = useTimeRange();
  const name = group.GroupName;
  const links = [
    {
      label: text.app.traces,
      full: t.viewTraces,
      to: tracesPath({ range, filter: isDefaultGroup(group) ? "" : groupTerm(name) }),
    },
    {
      label: t.map,
      full: t.viewMap,
      to: traceMapPath({ range, group: narrowingGroup(name) }),
    },
    {
      label: text.insight.title,
      full: text.insight.title,
      to: insightsPath({ range, group: narrowingGroup(name) }),
    },
  ];
  return (
    <span className="m-row-links">
      {links.map(({ label, full, to }) => (
        <Link key={label} to={to} className="m-link" aria-label={`${full}: ${name}`}>
          {label}
        </Link>
      ))}
    </span>
  );
}

function Actions({
  group,
  onAction,
}: {
  group: Group;
  onAction: (action: GroupAction, group: Group) => void;
}) {
  const text = useText();
  const t = text.group;
  const may = useMayChange();
  const refused = may ? {} : { disabled: true, disabledReason: text.session.readOnly };
  return (
    <ButtonDropdown
      variant="inline-icon"
      expandToViewport
      ariaLabel={`${t.actions}: ${group.GroupName}`}
      items={[
        { id: "edit", text: text.common.edit, ...refused },
        { id: "clone", text: t.clone, ...refused },
        {
          id: "delete",
          text: text.common.delete,
          ...refused,
          ...(isDefaultGroup(group) ? { disabled: true, disabledReason: t.defaultStays } : {}),
        },
      ]}
      onItemClick={({ detail }) => onAction(detail.id as GroupAction, group)}
    />
  );
}
