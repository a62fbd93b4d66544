// All dashboards.

import { useCollection } from "@cloudscape-design/collection-hooks";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate } from "react-router";

import { deleteDashboards, putDashboard, type DashboardEntry } from "../../api/cloudwatch";
import { useDashboards } from "../../api/hook";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { useSettings, useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { PageLoading } from "../../components/page-loading";
import { formatBytes, formatCount, formatTime } from "../../model/format";
import { dashboardPath } from "../../path";

export function DashboardsPage() {
  const text = useText();
  const t = text.dashboard;
  const dashboards = useDashboards();
  const [action, setAction] = useState<"create" | { remove: string } | undefined>(undefined);
  return (
    <SpaceBetween size="s">
      <Header
        variant="h1"
        description={t.description}
        actions={
          <ChangeButton variant="primary" onClick={() => setAction("create")}>
            {t.create}
          </ChangeButton>
        }
      >
        {t.title}
      </Header>
      {dashboards.error ? (
        <ErrorState error={dashboards.error} onRetry={() => void dashboards.refetch()} />
      ) : dashboards.isPending ? (
        <PageLoading label={text.common.loading} />
      ) : (
        <DashboardTable entries={dashboards.data} onRemove={(name) => setAction({ remove: name })} />
      )}
      {action === "create" && (
        <Create
          taken={(dashboards.data ?? []).map((each) => each.DashboardName)}
          onCancel={() => setAction(undefined)}
        />
      )}
      {typeof action === "object" && (
        <Remove name={action.remove} onDone={() => setAction(undefined)} />
      )}
    </SpaceBetween>
  );
}

function DashboardTable({
  entries,
  onRemove,
}: {
  entries: readonly DashboardEntry[];
  onRemove: (name: string) => void;
}) {
  const { text, zone } = useSettings();
  const t = text.dashboard;
  const { printed: range } = useTimeRange();
  const { items, collectionProps, filterProps } = useCollection(entries, {
    filtering: {
      filteringFunction: (entry, typed) =>
        entry.DashboardName.toLowerCase().includes(typed.toLowerCase()),
      noMatch: <Box textAlign="center">{text.container.noMatch}</Box>,
    },
    sorting: { defaultState: { sortingColumn: { sortingField: "DashboardName" } } },
  });
  return (
    <Table
      {...collectionProps}
      items={items}
      trackBy="DashboardName"
      variant="container"
      header={
        <Header variant="h2" counter={`(${formatCount(entries.length)})`}>
          {t.title}
        </Header>
      }
      filter={
        entries.length > 8 && (
          <TextFilter {...filterProps} filteringPlaceholder={t.find} filteringAriaLabel={t.find} />
        )
      }
      empty={
        <Box textAlign="center" padding="m">
          <Box variant="h3">{t.none}</Box>
          <Box color="text-body-secondary">{t.noneText}</Box>
        </Box>
      }
      ariaLabels={{ tableLabel: t.title }}
      columnDefinitions={[
        {
          id: "name",
          header: t.name,
          cell: (entry) => (
            <Link
              to={dashboardPath(entry.DashboardName, { range })}
              className="m-link"
              data-testid="dashboard-row"
            >
              {entry.DashboardName}
            </Link>
          ),
          sortingField: "DashboardName",
          isRowHeader: true,
        },
        {
          id: "modified",
          header: t.modified,
          cell: (entry) => <span className="m-number">{formatTime(entry.LastModified, zone)}</span>,
          sortingField: "LastModified",
        },
        {
          id: "size",
          header: t.size,
          cell: (entry) => formatBytes(entry.Size),
          sortingField: "Size",
        },
        {
          id: "actions",
          header: <span className="m-visually-hidden">{text.common.delete}</span>,
          cell: (entry) => (
            <ChangeButton
              variant="icon"
              iconName="remove"
              ariaLabel={`${text.common.delete}: ${entry.DashboardName}`}
              onClick={() => onRemove(entry.DashboardName)}
            />
          ),
          width: 70,
        },
      ]}
    />
  );
}

function Create({ taken, onCancel }: { taken: readonly string[]; onCancel: () => void }) {
  const text = useText();
  const t = text.dashboard;
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { printed: range } = useTimeRange();
  const [name, setName] = useState("");
  const create = useMutation({
    mutationFn: () => putDashboard({ DashboardName: name, DashboardBody: '{"widgets":[]}' }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["Dashboards"] });
      void navigate(dashboardPath(name, { range }));
    },
  });
  const isGood = /^[A-Za-z0-9_-]{1,255}$/.test(name) && !taken.includes(name);
  return (
    <Modal
      visible
      onDismiss={onCancel}
      closeAriaLabel={text.common.close}
      header={t.create}
      footer={
        <SpaceBetween direction="horizontal" size="xs" className="m-end">
          <Button variant="link" onClick={onCancel}>
            {text.common.cancel}
          </Button>
          <ChangeButton
            variant="primary"
            disabled={!isGood}
            loading={create.isPending}
            onClick={() => create.mutate()}
          >
            {text.common.create}
          </ChangeButton>
        </SpaceBetween>
      }
    >
      <SpaceBetween size="s">
        {create.error && <ErrorState error={create.error} />}
        <FormField label={t.name} description={t.nameHelp}>
          <Input
            value={name}
            onChange={({ detail }) => setName(detail.value)}
            onKeyDown={({ detail }) => detail.key === "Enter" && isGood && create.mutate()}
            ariaRequired
          />
        </FormField>
      </SpaceBetween>
    </Modal>
  );
}

function Remove({ name, onDone }: { name: string; onDone: () => void }) {
  const text = useText();
  const t = text.dashboard;
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => deleteDashboards([name]),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["Dashboards"] });
      onDone();
    },
  });
  return (
    <Modal
      visible
      onDismiss={onDone}
      closeAriaLabel={text.common.close}
      header={t.deleteTitle(name)}
      footer={
        <SpaceBetween direction="horizontal" size="xs" className="m-end">
          <Button variant="link" onClick={onDone}>
            {text.common.cancel}
          </Button>
          <ChangeButton variant="primary" loading={remove.isPending} onClick={() => remove.mutate()}>
            {text.common.delete}
          </ChangeButton>
        </SpaceBetween>
      }
    >
      <SpaceBetween size="s">
        {remove.error && <ErrorState error={remove.error} />}
        <div>{t.deleteText}</div>
      </SpaceBetween>
    </Modal>
  );
}
