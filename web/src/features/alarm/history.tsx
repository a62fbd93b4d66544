// What happened to an alarm: states, changes of its configuration, actions.

import Box from "@cloudscape-design/components/box";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import Table from "@cloudscape-design/components/table";
import { useState } from "react";

import { historyTypes, type AlarmHistoryItem } from "../../api/alarm";
import { paginationLabels } from "../../app/page-labels";
import { useSettings } from "../../app/settings";
import { JsonTree } from "../../components/json-tree";
import { parseJson } from "../../model/alarm";
import { formatCount, formatTime } from "../../model/format";

const pageSize = 20;

export function History({ items }: { items: readonly AlarmHistoryItem[] }) {
  const { text, zone } = useSettings();
  const t = text.alarm.history;
  const [type, setType] = useState<string>("all");
  const [page, setPage] = useState(1);
  const wanted = items.filter((item) => type === "all" || item.HistoryItemType.endsWith(type));
  const pages = Math.max(1, Math.ceil(wanted.length / pageSize));
  const at = Math.min(page, pages);
  return (
    <Table
      items={wanted.slice((at - 1) * pageSize, at * pageSize)}
      variant="container"
      wrapLines
      header={
        <Header
          variant="h2"
          counter={`(${formatCount(wanted.length)})`}
          actions={
            <SegmentedControl
              label={t.type}
              selectedId={type}
              options={[
                { id: "all", text: t.every },
                ...historyTypes.map((id) => ({ id, text: t.types[id] })),
              ]}
              onChange={({ detail }) => {
                setType(detail.selectedId);
                setPage(1);
              }}
            />
          }
        >
          {t.title}
        </Header>
      }
      empty={
        <Box textAlign="center" padding="m" color="text-body-secondary">
          {t.none}
        </Box>
      }
      ariaLabels={{ tableLabel: t.title }}
      pagination={
        pages > 1 && (
          <Pagination
            currentPageIndex={at}
            pagesCount={pages}
            onChange={({ detail }) => setPage(detail.currentPageIndex)}
            ariaLabels={paginationLabels(text)}
          />
        )
      }
      columnDefinitions={[
        {
          id: "time",
          header: text.common.time,
          cell: (item) => <span className="m-number">{formatTime(item.Timestamp, zone)}</span>,
          width: 180,
        },
        {
          id: "type",
          header: t.type,
          cell: (item) => t.types[item.HistoryItemType] ?? item.HistoryItemType,
          width: 150,
        },
        { id: "summary", header: t.summary, isRowHeader: true, cell: (item) => <Summary item={item} /> },
      ]}
    />
  );
}

function Summary({ item }: { item: AlarmHistoryItem }) {
  const data = parseJson<unknown>(item.HistoryData);
  if (data === undefined)
    return <span data-testid="history-item">{item.HistorySummary}</span>;
  return (
    <details data-testid="history-item" lang="en">
      <summary>{item.HistorySummary}</summary>
      <JsonTree value={data} />
    </details>
  );
}
