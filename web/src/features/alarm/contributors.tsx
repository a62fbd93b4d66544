// Series that are bad by themselves, of a query with several.

import Header from "@cloudscape-design/components/header";
import Table from "@cloudscape-design/components/table";

import { useAlarmContributors } from "../../api/alarm-hook";
import { useSettings } from "../../app/settings";
import { formatCount, formatTime } from "../../model/format";

export function Contributors({ name }: { name: string }) {
  const { text, zone } = useSettings();
  const t = text.alarm.contributors;
  const found = useAlarmContributors(name, true).data ?? [];
  if (found.length === 0) return null;
  return (
    <Table
      items={found}
      trackBy="ContributorId"
      variant="container"
      wrapLines
      header={
        <Header variant="h2" counter={`(${formatCount(found.length)})`} description={t.description}>
          {t.title}
        </Header>
      }
      ariaLabels={{ tableLabel: t.title }}
      columnDefinitions={[
        {
          id: "series",
          header: t.series,
          isRowHeader: true,
          cell: (it) =>
            Object.entries(it.ContributorAttributes)
              .map(([key, value]) => `${key}=${value}`)
              .join(", ") || it.ContributorId,
        },
        {
          id: "since",
          header: text.alarm.since,
          cell: (it) => <span className="m-number">{formatTime(it.StateTransitionedTimestamp, zone)}</span>,
        },
        { id: "reason", header: text.alarm.reason, cell: (it) => <span lang="en">{it.StateReason}</span> },
      ]}
    />
  );
}
