// From namespaces over the names of dimensions to metrics, or straight to them by a word.

import Box from "@cloudscape-design/components/box";
import BreadcrumbGroup from "@cloudscape-design/components/breadcrumb-group";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Pagination from "@cloudscape-design/components/pagination";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useMemo, useState } from "react";

import type { Metric } from "../api/cloudwatch";
import { useMetrics } from "../api/hook";
import { ErrorState } from "./error-state";
import { useText } from "./settings";
import { PageLoading } from "../components/page-loading";
import { formatCount } from "../model/format";
import { isSameMetric, schemasOf, toWidgetMetric, type MetricWidget } from "../model/widget";

const pageSize = 20;

/** How far someone has gone; with `dimensions`, all the way. */
export interface BrowsePlace {
  namespace: string | undefined;
  /** Their names with commas between them, `-` for none. */
  dimensions: string | undefined;
}

interface BrowseProps {
  widget: MetricWidget;
  onChange: (widget: MetricWidget) => void;
}

interface MetricBrowseProps extends BrowseProps {
  place: BrowsePlace;
  onPlace: (place: BrowsePlace) => void;
}

export function MetricBrowse({ widget, onChange, place, onPlace }: MetricBrowseProps) {
  const text = useText();
  const t = text.metric;
  const { namespace, dimensions: schema } = place;
  const [typed, setTyped] = useState("");
  const metrics = useMetrics();
  const found = useMemo(() => matching(metrics.data ?? [], typed), [metrics.data, typed]);
  const namespaces = useMemo(() => countsOf(found), [found]);
  const schemas = useMemo(
    () => (namespace ? schemasOf(found.filter((metric) => metric.Namespace === namespace)) : []),
    [found, namespace],
  );
  const chosen = schemas.find((each) => each.names.join(",") === schema);
  const trail = [
    { text: t.namespaces, href: "#" },
    ...(namespace ? [{ text: namespace, href: "#namespace" }] : []),
    ...(namespace && schema !== undefined ? [{ text: namesText(chosen?.names ?? [], t.noDimensions), href: "#schema" }] : []),
  ];
  return (
    <Container
      header={
        <Header variant="h2" counter={`(${formatCount(found.length)})`} description={t.browseText}>
          {t.browse}
        </Header>
      }
    >
      {metrics.error ? (
        <ErrorState error={metrics.error} onRetry={() => void metrics.refetch()} />
      ) : metrics.isPending ? (
        <PageLoading label={text.common.loading} rows={3} />
      ) : (
        <SpaceBetween size="s">
          <Input
            type="search"
            value={typed}
            onChange={({ detail }) => setTyped(detail.value)}
            placeholder={t.search}
            ariaLabel={t.search}
          />
          {namespace && (
            <BreadcrumbGroup
              items={trail}
              ariaLabel={t.browse}
              onFollow={(event) => {
                event.preventDefault();
                const { href } = event.detail;
                onPlace({ namespace: href === "#" ? undefined : namespace, dimensions: undefined });
              }}
            />
          )}
          {found.length === 0 ? (
            <Box color="text-body-secondary" textAlign="center">
              {typed ? t.noMatch : t.noMetrics}
            </Box>
          ) : !namespace ? (
            <Choices
              choices={namespaces.map(([name, count]) => ({ key: name, name, count }))}
              onChoose={(name) => onPlace({ namespace: name, dimensions: undefined })}
            />
          ) : schema === undefined ? (
            <Choices
              choices={schemas.map((each) => ({
                key: each.names.join(","),
                name: namesText(each.names, t.noDimensions),
                count: each.metrics.length,
              }))}
              onChoose={(key) => onPlace({ namespace, dimensions: key === "" ? "-" : key })}
            />
          ) : (
            <MetricTable
              metrics={
                (chosen ?? schemas.find((each) => each.names.length === 0 && schema === "-"))?.metrics ?? []
              }
              widget={widget}
              onChange={onChange}
            />
          )}
        </SpaceBetween>
      )}
    </Container>
  );
}

function namesText(names: readonly string[], none: string): string {
  return names.length > 0 ? names.join(", ") : none;
}

/** All words have to be in it somewhere. */
function matching(metrics: readonly Metric[], typed: string): readonly Metric[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return metrics;
  return metrics.filter((metric) => {
    const values = (metric.Dimensions ?? []).map((each) => `${each.Name} ${each.Value}`);
    const all = [metric.Namespace, metric.MetricName, ...values].join(" ").toLowerCase();
    return words.every((word) => all.includes(word));
  });
}

function countsOf(metrics: readonly Metric[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const metric of metrics) counts.set(metric.Namespace, (counts.get(metric.Namespace) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => a.localeCompare(b));
}

function Choices({
  choices,
  onChoose,
}: {
  choices: readonly { key: string; name: string; count: number }[];
  onChoose: (key: string) => void;
}) {
  return (
    <ul className="m-browse">
      {choices.map((choice) => (
        <li key={choice.key}>
          <button type="button" onClick={() => onChoose(choice.key)} data-testid="browse-choice">
            <span>{choice.name}</span>
            <span className="m-browse-count">{formatCount(choice.count)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function MetricTable({
  metrics,
  widget,
  onChange,
}: BrowseProps & { metrics: readonly Metric[] }) {
  const text = useText();
  const t = text.metric;
  const [page, setPage] = useState(1);
  const rows = useMemo(
    () =>
      metrics.map((metric) => ({
        metric,
        key: JSON.stringify([metric.MetricName, metric.Dimensions]),
        row: toWidgetMetric(metric),
      })),
    [metrics],
  );
  const pages = Math.max(1, Math.ceil(rows.length / pageSize));
  const shown = rows.slice((Math.min(page, pages) - 1) * pageSize, Math.min(page, pages) * pageSize);
  const names = (metrics[0]?.Dimensions ?? []).map((each) => each.Name).sort();
  const selected = shown.filter(({ row }) => widget.metrics.some((each) => isSameMetric(each, row)));
  return (
    <Table
      variant="embedded"
      items={shown}
      trackBy="key"
      selectionType="multi"
      selectedItems={selected}
      onSelectionChange={({ detail }) => {
        const wanted = new Set(detail.selectedItems.map(({ key }) => key));
        const there = new Set(selected.map(({ key }) => key));
        const kept = widget.metrics.filter(
          (each) => !shown.some(({ row, key }) => isSameMetric(row, each) && !wanted.has(key)),
        );
        const more = shown.filter(({ key }) => wanted.has(key) && !there.has(key)).map(({ row }) => row);
        onChange({ ...widget, metrics: [...kept, ...more] });
      }}
      ariaLabels={{
        tableLabel: t.browse,
        allItemsSelectionLabel: () => t.chooseAll,
        itemSelectionLabel: (_, { metric }) => `${metric.MetricName} ${valuesText(metric)}`,
      }}
      columnDefinitions={[
        ...names.map((name) => ({
          id: name,
          header: name,
          cell: ({ metric }: (typeof rows)[number]) =>
            metric.Dimensions?.find((each) => each.Name === name)?.Value,
        })),
        {
          id: "metric",
          header: t.name,
          cell: ({ metric }) => metric.MetricName,
          isRowHeader: true,
        },
      ]}
      pagination={
        pages > 1 && (
          <Pagination
            currentPageIndex={Math.min(page, pages)}
            pagesCount={pages}
            onChange={({ detail }) => setPage(detail.currentPageIndex)}
            ariaLabels={{
              nextPageLabel: text.traces.nextPage,
              previousPageLabel: text.traces.previousPage,
              pageLabel: text.traces.page,
            }}
          />
        )
      }
    />
  );
}

function valuesText(metric: Metric): string {
  return (metric.Dimensions ?? []).map((each) => each.Value).join(" ");
}
