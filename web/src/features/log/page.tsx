// All groups of logs.

import { useCollection } from "@cloudscape-design/collection-hooks";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import { Link, useNavigate } from "react-router";

import { useLogGroups } from "../../api/hook";
import type { LogGroup } from "../../api/logs";
import { ErrorState } from "../../app/error-state";
import { useSettings, useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { PageLoading } from "../../components/page-loading";
import { formatBytes, formatCount, formatTime } from "../../model/format";
import { logGroupPath, logQueryPath, logTailPath } from "../../path";

export function LogsPage() {
  const text = useText();
  const t = text.log;
  const groups = useLogGroups();
  const navigate = useNavigate();
  const { printed: range } = useTimeRange();
  return (
    <SpaceBetween size="s">
      <Header
        variant="h1"
        description={t.description}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button onClick={() => void navigate(logTailPath({ range }))}>{t.tail.title}</Button>
            <Button onClick={() => void navigate(logQueryPath({ range }))}>Logs Insights</Button>
          </SpaceBetween>
        }
      >
        {t.title}
      </Header>
      {groups.error ? (
        <ErrorState error={groups.error} onRetry={() => void groups.refetch()} />
      ) : groups.isPending ? (
        <PageLoading label={text.common.loading} />
      ) : (
        <GroupTable groups={groups.data} />
      )}
    </SpaceBetween>
  );
}

function GroupTable({ groups }: { groups: readonly LogGroup[] }) {
  const { text, zone } = useSettings();
  const t = text.log;
  const { printed: range } = useTimeRange();
  const { items, collectionProps, filterProps } = useCollection(groups, {
    filtering: {
      filteringFunction: (group, typed) =>
        group.logGroupName.toLowerCase().includes(typed.toLowerCase()),
      noMatch: <Box textAlign="center">{text.container.noMatch}</Box>,
      empty: (
        <Box textAlign="center" padding="m">
          <Box variant="strong">{t.noGroups}</Box>
          <Box color="text-body-secondary">{t.noGroupsText}</Box>
          <pre className="m-code">{t.noGroupsCommand}</pre>
        </Box>
      ),
    },
    sorting: { defaultState: { sortingColumn: { sortingField: "logGroupName" } } },
  });
  return (
    <Table
      {...collectionProps}
      items={items}
      trackBy="logGroupName"
      variant="container"
      header={
        <Header variant="h2" counter={`(${formatCount(groups.length)})`}>
          {t.groups}
        </Header>
      }
      filter={
        groups.length > 0 && (
          <TextFilter {...filterProps} filteringPlaceholder={t.findGroup} filteringAriaLabel={t.findGroup} />
        )
      }
      columnDefinitions={[
        {
          id: "name",
          header: t.group,
          cell: (group) => (
            <Link
              to={logGroupPath(group.logGroupName, { range })}
              className="m-link"
              data-testid="log-group-row"
            >
              {group.logGroupName}
            </Link>
          ),
          sortingField: "logGroupName",
          isRowHeader: true,
          minWidth: 240,
        },
        {
          id: "retention",
          header: t.retention,
          cell: (group) =>
            group.retentionInDays ? t.days(formatCount(group.retentionInDays)) : t.forEver,
          sortingField: "retentionInDays",
        },
        {
          id: "bytes",
          header: t.size,
          cell: (group) => formatBytes(group.storedBytes),
          sortingField: "storedBytes",
        },
        {
          id: "created",
          header: t.created,
          cell: (group) => formatTime(group.creationTime / 1000, zone),
          sortingField: "creationTime",
        },
      ]}
    />
  );
}
