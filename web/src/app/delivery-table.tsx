// What became of messages: of an alarm, of a topic, or of all.

import Box from "@cloudscape-design/components/box";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import { useState, type ReactNode } from "react";
import { Link } from "react-router";

import { useDeliveries } from "../api/alarm-hook";
import type { Delivery } from "../api/topic";
import { topicNameOf } from "../model/alarm";
import { formatClock, formatCount, formatTime } from "../model/format";
import { alarmPath } from "../path";
import { ErrorState } from "./error-state";
import { paginationLabels } from "./page-labels";
import { useSettings } from "./settings";
import { useTimeRange } from "./time-range";

const pageSize = 20;

const kinds: Record<Delivery["State"], StatusIndicatorProps.Type> = {
  PENDING: "pending",
  DELIVERED: "success",
  FAILED: "error",
};

interface DeliveryTableProps {
  of: { alarm?: string | undefined; topic?: string | undefined };
  actions?: ReactNode;
}

export function DeliveryTable({ of, actions }: DeliveryTableProps) {
  const { text, zone } = useSettings();
  const t = text.alarm.notification;
  const { printed: range } = useTimeRange();
  const deliveries = useDeliveries(of);
  const [page, setPage] = useState(1);
  const all = deliveries.data ?? [];
  const pages = Math.max(1, Math.ceil(all.length / pageSize));
  const at = Math.min(page, pages);
  if (deliveries.error)
    return <ErrorState error={deliveries.error} onRetry={() => void deliveries.refetch()} />;
  return (
    <Table
      items={all.slice((at - 1) * pageSize, at * pageSize)}
      trackBy="Id"
      variant="container"
      wrapLines
      loading={deliveries.isPending}
      loadingText={text.common.loading}
      header={
        <Header
          variant="h2"
          counter={`(${formatCount(all.length)})`}
          description={t.deliveriesText}
          actions={actions}
        >
          {t.deliveries}
        </Header>
      }
      empty={
        <Box textAlign="center" padding="m" color="text-body-secondary">
          {t.noDeliveries}
        </Box>
      }
      ariaLabels={{ tableLabel: t.deliveries }}
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
          header: t.time,
          cell: (it) => <span className="m-number">{formatTime(it.Time, zone)}</span>,
          minWidth: 150,
        },
        {
          id: "subject",
          header: t.subject,
          isRowHeader: true,
          cell: (it) =>
            it.AlarmName && it.AlarmName !== of.alarm ? (
              <>
                {it.Subject ?? "–"}
                <div>
                  <Link className="m-link" to={alarmPath(it.AlarmName, { range })}>
                    {it.AlarmName}
                  </Link>
                </div>
              </>
            ) : (
              (it.Subject ?? "–")
            ),
          minWidth: 150,
        },
        {
          id: "to",
          header: t.to,
          cell: (it) => (
            <>
              {t.protocols[it.Protocol] ?? it.Protocol}
              <div className="m-text-quiet m-wrap">{it.Endpoint}</div>
              {!of.topic && <div className="m-text-quiet">{topicNameOf(it.TopicArn)}</div>}
            </>
          ),
          minWidth: 150,
        },
        {
          id: "state",
          header: t.state,
          cell: (it) => (
            <span data-testid="delivery" data-state={it.State}>
              <StatusIndicator type={kinds[it.State]}>{t.states[it.State]}</StatusIndicator>
              {it.NextTryTime !== null && it.State === "PENDING" && it.Tries > 0 && (
                <div className="m-text-quiet">{t.nextTry(formatClock(it.NextTryTime, zone, true))}</div>
              )}
            </span>
          ),
          minWidth: 120,
        },
        {
          id: "tries",
          header: <span className="m-number-cell">{t.tries}</span>,
          cell: (it) => <span className="m-number-cell">{it.Tries}</span>,
          minWidth: 70,
        },
        {
          id: "error",
          header: t.error,
          cell: (it) => <span className="m-wrap">{it.Error ?? "–"}</span>,
          minWidth: 120,
        },
      ]}
    />
  );
}
