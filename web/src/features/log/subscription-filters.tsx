// Subscription filters of a group: events that match are sent on as they come.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";

import { useLogGroups, useSubscriptionFilters } from "../../api/hook";
import {
  deleteSubscriptionFilter,
  putSubscriptionFilter,
  type Distribution,
  type SubscriptionFilter,
} from "../../api/logs";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { useSettings, useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { PageLoading } from "../../components/page-loading";
import { formatCount, formatTime } from "../../model/format";
import { destinationOf, isDestination, type DestinationKind } from "../../model/subscription";
import { logGroupPath } from "../../path";
import { DeleteDialog, FilterForm, isFilterName } from "./filter-dialogs";
import { PatternField } from "./pattern-field";

export function SubscriptionFilters({ group }: { group: string }) {
  const { text, zone } = useSettings();
  const t = text.log.subscriptions;
  const { printed: range } = useTimeRange();
  const filters = useSubscriptionFilters(group);
  /** Null: a new one. */
  const [edited, setEdited] = useState<SubscriptionFilter | null | undefined>(undefined);
  const [deleted, setDeleted] = useState<SubscriptionFilter | undefined>(undefined);
  const done = () => {
    setEdited(undefined);
    setDeleted(undefined);
    void filters.refetch();
  };
  if (filters.error) return <ErrorState error={filters.error} onRetry={() => void filters.refetch()} />;
  if (filters.isPending) return <PageLoading label={text.common.loading} />;
  return (
    <>
      <Table
        items={filters.data}
        trackBy="filterName"
        variant="container"
        header={
          <Header
            variant="h2"
            counter={`(${formatCount(filters.data.length)})`}
            description={t.description}
            actions={<ChangeButton onClick={() => setEdited(null)}>{t.create}</ChangeButton>}
          >
            {t.title}
          </Header>
        }
        empty={
          <Box textAlign="center" padding="m" color="text-body-secondary">
            {t.none}
          </Box>
        }
        columnDefinitions={[
          { id: "name", header: t.name, cell: (filter) => filter.filterName, isRowHeader: true },
          {
            id: "pattern",
            header: text.log.filter,
            cell: (filter) => (
              <Link className="m-link m-mono" to={logGroupPath(group, { range, filter: filter.filterPattern })}>
                {filter.filterPattern || text.log.everyEvent}
              </Link>
            ),
          },
          {
            id: "destination",
            header: t.destination,
            cell: (filter) => <Destination filter={filter} range={range} />,
          },
          {
            id: "distribution",
            header: t.distribution,
            cell: (filter) => t.distributions[filter.distribution ?? "ByLogStream"],
          },
          {
            id: "created",
            header: text.log.created,
            cell: (filter) => formatTime(filter.creationTime && filter.creationTime / 1000, zone),
          },
          {
            id: "actions",
            header: <span className="m-visually-hidden">{text.group.actions}</span>,
            cell: (filter) => (
              <SpaceBetween direction="horizontal" size="xs">
                <Button
                  variant="inline-link"
                  ariaLabel={`${text.common.edit}: ${filter.filterName}`}
                  onClick={() => setEdited(filter)}
                >
                  {text.common.edit}
                </Button>
                <ChangeButton
                  variant="inline-link"
                  ariaLabel={`${text.common.delete}: ${filter.filterName}`}
                  onClick={() => setDeleted(filter)}
                >
                  {text.common.delete}
                </ChangeButton>
              </SpaceBetween>
            ),
          },
        ]}
      />
      {edited !== undefined && (
        <SubscriptionForm
          group={group}
          filter={edited ?? undefined}
          onDone={done}
          onCancel={() => setEdited(undefined)}
        />
      )}
      {deleted && (
        <DeleteDialog
          title={t.deleteTitle(deleted.filterName)}
          remove={() => deleteSubscriptionFilter({ logGroupName: group, filterName: deleted.filterName })}
          onDone={done}
          onCancel={() => setDeleted(undefined)}
        >
          {t.deleteText}
        </DeleteDialog>
      )}
    </>
  );
}

function Destination({ filter, range }: { filter: SubscriptionFilter; range: string | undefined }) {
  const t = useText().log.subscriptions;
  const { kind, group } = destinationOf(filter.destinationArn);
  return (
    <div>
      <div className="m-text-quiet">{t.kinds[kind]}</div>
      {group ? (
        <Link className="m-link" to={logGroupPath(group, { range })}>
          {group}
        </Link>
      ) : (
        <span className="m-mono m-break">{filter.destinationArn}</span>
      )}
    </div>
  );
}

const kinds: readonly Exclude<DestinationKind, "other">[] = ["group", "webhook", "otlp"];
const distributions: readonly Distribution[] = ["ByLogStream", "Random"];

function SubscriptionForm({
  group,
  filter,
  onDone,
  onCancel,
}: {
  group: string;
  filter: SubscriptionFilter | undefined;
  onDone: () => void;
  onCancel: () => void;
}) {
  const text = useText();
  const t = text.log.subscriptions;
  const groups = useLogGroups();
  const [name, setName] = useState(filter?.filterName ?? "");
  const [pattern, setPattern] = useState(filter?.filterPattern ?? "");
  const [destination, setDestination] = useState(filter?.destinationArn ?? "");
  const known = destinationOf(destination).kind;
  const [kind, setKind] = useState<(typeof kinds)[number]>(filter && known !== "other" ? known : "group");
  const [distribution, setDistribution] = useState<Distribution>(filter?.distribution ?? "ByLogStream");
  const [checked, setChecked] = useState(false);
  const badName = isFilterName(name) ? undefined : text.log.metricFilters.badName;
  const badDestination = isDestination(destination.trim(), kind) ? undefined : t.badDestination[kind];
  const save = useMutation({
    mutationFn: () =>
      putSubscriptionFilter({
        logGroupName: group,
        filterName: name.trim(),
        filterPattern: pattern.trim(),
        destinationArn: destination.trim(),
        distribution,
        ...(filter?.roleArn ? { roleArn: filter.roleArn } : {}),
      }),
    onSuccess: onDone,
  });
  const kindOptions = kinds.map((value) => ({ value, label: t.kinds[value] }));
  // A group cannot be its own destination; the API's names of groups end with `:*`.
  const groupOptions = (groups.data ?? [])
    .filter((each) => each.logGroupName !== group)
    .flatMap((each) => {
      const arn = each.logGroupArn ?? each.arn?.replace(/:\*$/, "");
      return arn ? [{ value: arn, label: each.logGroupName }] : [];
    });
  const distributionOptions = distributions.map((value) => ({ value, label: t.distributions[value] }));
  return (
    <FilterForm
      title={filter ? t.editTitle(filter.filterName) : t.create}
      error={save.error}
      isSaving={save.isPending}
      onCancel={onCancel}
      onSubmit={() => {
        setChecked(true);
        if (!badName && !badDestination) save.mutate();
      }}
    >
      <FormField label={t.name} errorText={checked ? badName : undefined}>
        <Input value={name} disabled={filter !== undefined} onChange={({ detail }) => setName(detail.value)} />
      </FormField>
      <PatternField group={group} value={pattern} onChange={setPattern} />
      <div className="m-form-columns">
        <FormField label={t.destination} description={t.kindHelp[kind]}>
          <Select
            options={kindOptions}
            selectedOption={kindOptions.find(({ value }) => value === kind)!}
            onChange={({ detail }) => {
              setKind(detail.selectedOption.value as typeof kind);
              setDestination("");
            }}
          />
        </FormField>
        {kind === "group" ? (
          <FormField label={text.log.group} description={t.placeHelp} errorText={checked ? badDestination : undefined}>
            <Select
              options={groupOptions}
              filteringType="auto"
              filteringAriaLabel={text.log.findGroup}
              placeholder={text.log.findGroup}
              empty={text.container.noMatch}
              selectedOption={groupOptions.find(({ value }) => value === destination) ?? null}
              onChange={({ detail }) => setDestination(detail.selectedOption.value ?? "")}
            />
          </FormField>
        ) : (
          <FormField label={t.address} description={t.placeHelp} errorText={checked ? badDestination : undefined}>
            <Input
              value={destination}
              type="text"
              spellcheck={false}
              placeholder={kind === "otlp" ? "otlp+http://127.0.0.1:4318/v1/logs" : "https://hooks.example.com/logs"}
              onChange={({ detail }) => setDestination(detail.value)}
            />
          </FormField>
        )}
        <FormField label={t.distribution} description={t.distributionHelp}>
          <Select
            options={distributionOptions}
            selectedOption={distributionOptions.find(({ value }) => value === distribution)!}
            onChange={({ detail }) => setDistribution(detail.selectedOption.value as Distribution)}
          />
        </FormField>
      </div>
    </FilterForm>
  );
}
