// Mute rules: times in which alarms change their states, but tell nobody.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import Modal from "@cloudscape-design/components/modal";
import { useState } from "react";
import { Link } from "react-router";

import { deleteMuteRule, type MuteRule, type MuteStatus } from "../../api/alarm";
import { useAlarmChange, useMuteRules } from "../../api/alarm-hook";
import { muteText } from "../../app/alarm-words";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { useSettings, useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { useUrlState } from "../../app/url-state";
import { PageLoading } from "../../components/page-loading";
import { formatCount, formatTime } from "../../model/format";
import { nextStart, parseMuteSchedule } from "../../model/mute-rule";
import { alarmPath } from "../../path";
import { MuteForm } from "./mute-form";
import { Trail } from "./trail";

const kinds: Record<MuteStatus, StatusIndicatorProps.Type> = {
  ACTIVE: "in-progress",
  SCHEDULED: "pending",
  EXPIRED: "stopped",
};

export function MuteRulesPage() {
  const { text } = useSettings();
  const t = text.alarm.muteRule;
  const url = useUrlState();
  const rules = useMuteRules();
  /** Null: a new one. A link may open it, over an alarm. */
  const [edited, setEdited] = useState<MuteRule | null | undefined>(url.get("alarm") ? null : undefined);
  const [deleted, setDeleted] = useState<MuteRule | undefined>(undefined);
  const close = () => {
    setEdited(undefined);
    url.set({ alarm: undefined });
  };
  const all = rules.data ?? [];
  return (
    <SpaceBetween size="s">
      <Trail name={t.title} />
      <Header variant="h1" description={t.description}>
        {t.title}
      </Header>
      {rules.error ? (
        <ErrorState error={rules.error} onRetry={() => void rules.refetch()} />
      ) : rules.isPending ? (
        <PageLoading label={text.common.loading} />
      ) : (
        <RuleTable rules={all} onCreate={() => setEdited(null)} onEdit={setEdited} onDelete={setDeleted} />
      )}
      {edited !== undefined && (
        <MuteForm
          rule={edited ?? undefined}
          alarm={url.get("alarm")}
          taken={all.map((rule) => rule.Name)}
          onDone={close}
          onCancel={close}
        />
      )}
      {deleted && <DeleteRule rule={deleted} onClose={() => setDeleted(undefined)} />}
    </SpaceBetween>
  );
}

interface RuleTableProps {
  rules: readonly MuteRule[];
  onCreate: () => void;
  onEdit: (rule: MuteRule) => void;
  onDelete: (rule: MuteRule) => void;
}

function RuleTable({ rules, onCreate, onEdit, onDelete }: RuleTableProps) {
  const { text, zone } = useSettings();
  const t = text.alarm.muteRule;
  const { now, printed: range } = useTimeRange();
  return (
    <Table
      items={rules}
      trackBy="Name"
      variant="container"
      wrapLines
      ariaLabels={{ tableLabel: t.title }}
      header={
        <Header
          variant="h2"
          counter={`(${formatCount(rules.length)})`}
          actions={
            <ChangeButton variant="primary" onClick={onCreate}>
              {t.create}
            </ChangeButton>
          }
        >
          {t.title}
        </Header>
      }
      empty={
        <Box textAlign="center" padding="m">
          <strong>{t.none}</strong>
          <Box color="text-body-secondary">{t.noneText}</Box>
        </Box>
      }
      columnDefinitions={[
        {
          id: "name",
          header: t.name,
          isRowHeader: true,
          minWidth: 110,
          cell: (rule) => (
            <span data-testid="mute-row" data-status={rule.Status}>
              {rule.Name}
              {rule.Description && <div className="m-text-quiet m-pre-line">{rule.Description}</div>}
            </span>
          ),
        },
        {
          id: "status",
          header: t.status,
          minWidth: 130,
          cell: (rule) => (
            <>
              <StatusIndicator type={kinds[rule.Status]}>{t.statuses[rule.Status]}</StatusIndicator>
              {rule.ActiveUntil !== undefined && (
                <div className="m-text-quiet">{t.until(formatTime(rule.ActiveUntil, zone).slice(0, 16))}</div>
              )}
            </>
          ),
        },
        {
          id: "when",
          header: t.when,
          minWidth: 190,
          cell: (rule) => muteText(text, rule.Rule),
        },
        {
          id: "next",
          header: t.next,
          minWidth: 140,
          cell: (rule) => <span className="m-number">{formatTime(nextOf(rule, now), zone).slice(0, 16)}</span>,
        },
        {
          id: "targets",
          header: t.targets,
          minWidth: 130,
          cell: (rule) => {
            const names = rule.MuteTargets?.AlarmNames ?? [];
            if (names.length === 0) return <span className="m-text-quiet">{t.noTargets}</span>;
            return names.map((name) => (
              <div key={name}>
                <Link className="m-link" to={alarmPath(name, { range })}>
                  {name}
                </Link>
              </div>
            ));
          },
        },
        {
          id: "actions",
          header: <span className="m-visually-hidden">{text.group.actions}</span>,
          minWidth: 120,
          cell: (rule) => (
            <SpaceBetween direction="horizontal" size="xs">
              <ChangeButton
                variant="inline-link"
                ariaLabel={`${text.common.edit}: ${rule.Name}`}
                onClick={() => onEdit(rule)}
              >
                {text.common.edit}
              </ChangeButton>
              <ChangeButton
                variant="inline-link"
                ariaLabel={`${text.common.delete}: ${rule.Name}`}
                onClick={() => onDelete(rule)}
              >
                {text.common.delete}
              </ChangeButton>
            </SpaceBetween>
          ),
        },
      ]}
    />
  );
}

function nextOf(rule: MuteRule, now: number): number | undefined {
  if (rule.Status === "EXPIRED") return undefined;
  const { Expression, Timezone } = rule.Rule.Schedule;
  const schedule = parseMuteSchedule(Expression);
  const next = schedule && nextStart(schedule, Timezone ?? "UTC", Math.max(now, rule.StartDate ?? 0));
  return next !== undefined && next > (rule.ExpireDate ?? Infinity) ? undefined : next;
}

function DeleteRule({ rule, onClose }: { rule: MuteRule; onClose: () => void }) {
  const text = useText();
  const t = text.alarm.muteRule;
  const deletion = useAlarmChange(() => deleteMuteRule(rule.Name), onClose);
  return (
    <Modal
      visible
      onDismiss={onClose}
      closeAriaLabel={text.common.close}
      header={t.deleteTitle(rule.Name)}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>
              {text.common.cancel}
            </Button>
            <ChangeButton
              variant="primary"
              loading={deletion.isPending}
              loadingText={text.common.loading}
              onClick={() => deletion.mutate(undefined)}
            >
              {text.common.delete}
            </ChangeButton>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="s">
        {deletion.error && <ErrorState error={deletion.error} />}
        <div>{t.deleteText}</div>
      </SpaceBetween>
    </Modal>
  );
}
