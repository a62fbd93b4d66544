// Metric filters of a group: events that match become values of a metric as they come.

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";

import { useMetricFilters } from "../../api/hook";
import { deleteMetricFilter, putMetricFilter, type MetricFilter } from "../../api/logs";
import { ChangeButton } from "../../app/change-button";
import { CreateAlarmButton } from "../../app/create-alarm";
import { ErrorState } from "../../app/error-state";
import { useSettings, useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { PageLoading } from "../../components/page-loading";
import { printPrefill } from "../../model/alarm-form";
import { formatCount, formatTime } from "../../model/format";
import { dimensionsOf, metricFilterGraph, printDimensions } from "../../model/metric-filter";
import { logGroupPath, metricsPath } from "../../path";
import { DeleteDialog, FilterForm, isFilterName } from "./filter-dialogs";
import { PatternField } from "./pattern-field";

export function MetricFilters({ group }: { group: string }) {
  const { text, zone } = useSettings();
  const t = text.log.metricFilters;
  const { printed: range } = useTimeRange();
  const filters = useMetricFilters(group);
  /** Null: a new one. */
  const [edited, setEdited] = useState<MetricFilter | null | undefined>(undefined);
  const [deleted, setDeleted] = useState<MetricFilter | undefined>(undefined);
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
            id: "metric",
            header: text.metric.name,
            cell: (filter) =>
              filter.metricTransformations.map((each) => (
                <div key={`${each.metricNamespace} ${each.metricName}`}>
                  <Link className="m-link" to={metricsPath({ range, graph: metricFilterGraph(each) })}>
                    {`${each.metricNamespace} › ${each.metricName}`}
                  </Link>
                </div>
              )),
          },
          {
            id: "value",
            header: t.value,
            cell: (filter) =>
              filter.metricTransformations.map((each) => (
                <div key={`${each.metricNamespace} ${each.metricName}`} className="m-mono">
                  {[each.metricValue, printDimensions(each.dimensions)].filter(Boolean).join(" · ")}
                </div>
              )),
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
                {filter.metricTransformations.slice(0, 1).map((each) => (
                  <CreateAlarmButton
                    key={each.metricName}
                    variant="inline-link"
                    ariaLabel={`${text.alarm.create}: ${filter.filterName}`}
                    // With dimensions, there are as many metrics as values: which of them is chosen in the form.
                    prefill={printPrefill(
                      { namespace: each.metricNamespace, name: each.metricName, dimensions: [] },
                      { stat: "Sum", period: "60", threshold: "0", comparison: ">" },
                    )}
                  />
                ))}
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
        <MetricFilterForm
          group={group}
          filter={edited ?? undefined}
          onDone={done}
          onCancel={() => setEdited(undefined)}
        />
      )}
      {deleted && (
        <DeleteDialog
          title={t.deleteTitle(deleted.filterName)}
          remove={() => deleteMetricFilter({ logGroupName: group, filterName: deleted.filterName })}
          onDone={done}
          onCancel={() => setDeleted(undefined)}
        >
          {t.deleteText}
        </DeleteDialog>
      )}
    </>
  );
}

function MetricFilterForm({
  group,
  filter,
  onDone,
  onCancel,
}: {
  group: string;
  filter: MetricFilter | undefined;
  onDone: () => void;
  onCancel: () => void;
}) {
  const text = useText();
  const t = text.log.metricFilters;
  const first = filter?.metricTransformations[0];
  const [draft, setDraft] = useState({
    name: filter?.filterName ?? "",
    pattern: filter?.filterPattern ?? "",
    namespace: first?.metricNamespace ?? "",
    metric: first?.metricName ?? "",
    value: first?.metricValue ?? "1",
    otherwise: first?.defaultValue === undefined ? "" : String(first.defaultValue),
    dimensions: printDimensions(first?.dimensions),
    unit: first?.unit ?? "",
  });
  const [checked, setChecked] = useState(false);
  const dimensions = dimensionsOf(draft.dimensions);
  const otherwise = draft.otherwise.trim() === "" ? undefined : Number(draft.otherwise);
  const wrong = {
    name: isFilterName(draft.name) ? undefined : t.badName,
    namespace: draft.namespace.trim() ? undefined : t.missing,
    metric: draft.metric.trim() ? undefined : t.missing,
    value: draft.value.trim() ? undefined : t.missing,
    otherwise:
      otherwise !== undefined && Number.isNaN(otherwise)
        ? t.badNumber
        : otherwise !== undefined && dimensions && Object.keys(dimensions).length > 0
          ? t.notWithDimensions
          : undefined,
    dimensions: dimensions ? undefined : t.badDimensions,
  };
  const save = useMutation({
    mutationFn: () =>
      putMetricFilter({
        logGroupName: group,
        filterName: draft.name.trim(),
        filterPattern: draft.pattern.trim(),
        ...(filter?.emitSystemFieldDimensions
          ? { emitSystemFieldDimensions: filter.emitSystemFieldDimensions }
          : {}),
        metricTransformations: [
          {
            metricNamespace: draft.namespace.trim(),
            metricName: draft.metric.trim(),
            metricValue: draft.value.trim(),
            ...(otherwise === undefined ? {} : { defaultValue: otherwise }),
            ...(dimensions && Object.keys(dimensions).length > 0 ? { dimensions } : {}),
            ...(draft.unit.trim() ? { unit: draft.unit.trim() } : {}),
          },
        ],
      }),
    onSuccess: onDone,
  });
  const field = (
    name: keyof typeof draft,
    label: string,
    help?: string,
    options: { disabled?: boolean; placeholder?: string } = {},
  ) => (
    <FormField
      label={label}
      description={help}
      errorText={checked && name in wrong ? wrong[name as keyof typeof wrong] : undefined}
    >
      <Input
        value={draft[name]}
        {...options}
        onChange={({ detail }) => setDraft({ ...draft, [name]: detail.value })}
      />
    </FormField>
  );
  return (
    <FilterForm
      title={filter ? t.editTitle(filter.filterName) : t.create}
      error={save.error}
      isSaving={save.isPending}
      onCancel={onCancel}
      onSubmit={() => {
        setChecked(true);
        if (Object.values(wrong).every((each) => each === undefined)) save.mutate();
      }}
    >
      {(filter?.metricTransformations.length ?? 0) > 1 && <Alert type="warning">{t.onlyOne}</Alert>}
      {field("name", t.name, undefined, { disabled: filter !== undefined })}
      <PatternField
        group={group}
        value={draft.pattern}
        onChange={(pattern) => setDraft((old) => ({ ...old, pattern }))}
      />
      <div className="m-form-columns">
        {field("namespace", t.namespace, t.namespaceHelp, { placeholder: "Shop" })}
        {field("metric", text.metric.name, t.metricHelp, { placeholder: "Errors" })}
        {field("value", t.value, t.valueHelp, { placeholder: "1, $.took_ms, $size" })}
        {field("otherwise", t.otherwise, t.otherwiseHelp, { placeholder: "0" })}
        {field("dimensions", t.dimensions, t.dimensionsHelp, { placeholder: "Path=$.path, Method=$.method" })}
        {field("unit", t.unit, t.unitHelp, { placeholder: "Milliseconds" })}
      </div>
    </FilterForm>
  );
}
