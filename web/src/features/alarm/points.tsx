// The datapoints that decided, and those that were not there.

import Box from "@cloudscape-design/components/box";
import Header from "@cloudscape-design/components/header";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";

import type { MetricAlarm } from "../../api/alarm";
import { useSettings } from "../../app/settings";
import { periodOf } from "../../model/alarm";
import { pointRows, reasonOf, type DecidingPoint, type PointRow } from "../../model/alarm-reason";
import { formatCount, formatTime } from "../../model/format";

export function Points({ alarm }: { alarm: MetricAlarm }) {
  const { text, zone } = useSettings();
  const t = text.alarm.points;
  const reason = reasonOf(alarm);
  if (!reason || reason.points.length === 0) return null;
  const rows = pointRows(reason, periodOf(alarm), alarm.EvaluationPeriods ?? 1);
  const number = (value: string) => <span className="m-number-cell">{value}</span>;
  const hasSamples = reason.points.some((point) => point.samples !== undefined);
  return (
    <Table
      items={rows}
      trackBy={(row) => String(row.time)}
      variant="container"
      header={
        <Header variant="h2" description={reason.at === undefined ? undefined : t.at(formatTime(reason.at, zone))}>
          {t.title}
        </Header>
      }
      ariaLabels={{ tableLabel: t.title }}
      empty={<Box textAlign="center">{t.missing}</Box>}
      columnDefinitions={[
        {
          id: "time",
          header: text.common.time,
          cell: (row) => <span className="m-number">{formatTime(row.time, zone)}</span>,
          isRowHeader: true,
        },
        { id: "value", header: number(t.value), cell: ({ point }) => number(formatCount(point?.value)) },
        { id: "limit", header: number(t.limit), cell: ({ point }) => number(limitText(point)) },
        ...(hasSamples
          ? [
              {
                id: "samples",
                header: number(t.samples),
                cell: ({ point }: PointRow) => number(formatCount(point?.samples)),
              },
            ]
          : []),
        {
          id: "verdict",
          header: t.verdict,
          cell: ({ point }) =>
            point === undefined ? (
              <StatusIndicator type="stopped">{t.missing}</StatusIndicator>
            ) : point.isBreaching ? (
              <StatusIndicator type="warning" colorOverride="red">
                {t.bad}
              </StatusIndicator>
            ) : (
              <StatusIndicator type="success">{t.good}</StatusIndicator>
            ),
        },
      ]}
    />
  );
}

function limitText(point: DecidingPoint | undefined): string {
  if (!point) return "–";
  if (point.lower === undefined && point.upper === undefined) return formatCount(point.threshold);
  return [point.lower, point.upper].map(formatCount).join(" – ");
}
