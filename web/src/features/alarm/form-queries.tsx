// What is watched: metrics that are browsed to, and expressions over them. One of them is compared.

import Button from "@cloudscape-design/components/button";
import Box from "@cloudscape-design/components/box";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useState } from "react";

import { MetricBrowse, type BrowsePlace } from "../../app/metric-browse";
import { useText } from "../../app/settings";
import { spanText } from "../../app/time-range-control";
import {
  expressionQuery,
  freeQueryId,
  metricQuery,
  type AlarmDraft,
  type DraftMistake,
  type QueryDraft,
} from "../../model/alarm-form";
import { emptyWidget, periods, statistics, toWidgetMetric, type MetricWidget } from "../../model/widget";

interface QueryFieldsProps {
  draft: AlarmDraft;
  onChange: (part: Partial<AlarmDraft>) => void;
  errorOf: (mistake: DraftMistake) => string | undefined;
}

export function QueryFields({ draft, onChange, errorOf }: QueryFieldsProps) {
  const text = useText();
  const t = text.alarm.form;
  const [browsing, setBrowsing] = useState(false);
  const { queries } = draft;
  const setAll = (next: QueryDraft[]) =>
    onChange({
      queries: next,
      watched: next.some((query) => query.id === draft.watched) ? draft.watched : (next.at(-1)?.id ?? ""),
    });
  const set = (id: string, part: Partial<QueryDraft>) =>
    setAll(queries.map((query) => (query.id === id ? { ...query, ...part } : query)));
  const addExpression = () => {
    const first = queries.find((query) => query.metric);
    const id = freeQueryId(queries, "e");
    const expression = first ? `${first.id} * 100` : "";
    // Whoever computes something wants that compared.
    onChange({ queries: [...queries, expressionQuery(id, expression, first?.period ?? 60)], watched: id });
  };
  const buttons = (
    <SpaceBetween direction="horizontal" size="xs">
      <Button formAction="none" onClick={() => setBrowsing(true)}>
        {queries.length === 0 ? t.chooseMetric : t.changeMetrics}
      </Button>
      <Button formAction="none" onClick={addExpression}>
        {t.addExpression}
      </Button>
    </SpaceBetween>
  );
  return (
    <SpaceBetween size="s">
      {queries.length === 0 ? (
        <FormField errorText={errorOf("metric")}>{buttons}</FormField>
      ) : (
        <>
          <QueryTable draft={draft} onSet={set} onSetAll={setAll} onWatch={(watched) => onChange({ watched })} />
          {errorOf("expression") && (
            <Box color="text-status-error" fontSize="body-s">
              {errorOf("expression")}
            </Box>
          )}
          {buttons}
        </>
      )}
      {browsing && (
        <BrowseDialog queries={queries} onChange={setAll} onClose={() => setBrowsing(false)} />
      )}
    </SpaceBetween>
  );
}

interface QueryTableProps {
  draft: AlarmDraft;
  onSet: (id: string, part: Partial<QueryDraft>) => void;
  onSetAll: (queries: QueryDraft[]) => void;
  onWatch: (id: string) => void;
}

function QueryTable({ draft, onSet, onSetAll, onWatch }: QueryTableProps) {
  const text = useText();
  const t = text.alarm.form;
  const { queries } = draft;
  const many = queries.length > 1;
  // Statistics that other programs wrote are offered as well.
  const options = (stat: string) =>
    [...new Set([...statistics, ...(stat ? [stat] : [])])].map((value) => ({ value, label: value }));
  return (
    <Table
      variant="embedded"
      wrapLines
      items={queries}
      trackBy="id"
      ariaLabels={{ tableLabel: t.metric }}
      columnDefinitions={[
        ...(many
          ? [
              {
                id: "watched",
                header: <span title={t.compareHelp}>{t.compare}</span>,
                cell: (query: QueryDraft) => (
                  <input
                    type="radio"
                    name="watched"
                    checked={query.id === draft.watched}
                    aria-label={`${t.compare}: ${query.id}`}
                    onChange={() => onWatch(query.id)}
                  />
                ),
                width: 84,
              },
            ]
          : []),
        ...(many || queries[0]?.expression !== undefined
          ? [
              {
                id: "id",
                header: text.metric.id,
                cell: (query: QueryDraft) => <span className="m-mono">{query.id}</span>,
                width: 56,
              },
            ]
          : []),
        {
          id: "what",
          header: t.query,
          isRowHeader: true,
          minWidth: 180,
          cell: (query) =>
            query.metric ? (
              <div className="m-wrap">
                <div>{query.label ?? query.metric.name}</div>
                <div className="m-text-quiet">
                  {[query.metric.namespace, ...query.metric.dimensions.map((each) => `${each.Name}=${each.Value}`)].join(
                    " · ",
                  )}
                </div>
              </div>
            ) : (
              <span className="m-mono">
                <Input
                  value={query.expression ?? ""}
                  ariaLabel={`${text.metric.expression}: ${query.id}`}
                  placeholder={t.expressionHelp}
                  spellcheck={false}
                  onChange={({ detail }) => onSet(query.id, { expression: detail.value })}
                />
              </span>
            ),
        },
        {
          id: "stat",
          header: text.metric.statistic,
          width: 140,
          cell: (query) =>
            query.metric && (
              <Select
                ariaLabel={`${text.metric.statistic}: ${query.id}`}
                options={options(query.stat)}
                selectedOption={{ value: query.stat, label: query.stat }}
                onChange={({ detail }) => onSet(query.id, { stat: detail.selectedOption.value! })}
                expandToViewport
              />
            ),
        },
        {
          id: "period",
          header: text.metric.period,
          width: 140,
          cell: (query) => (
            <Select
              ariaLabel={`${text.metric.period}: ${query.id}`}
              options={[...new Set([...periods, query.period])]
                .sort((a, b) => a - b)
                .map((seconds) => ({ value: String(seconds), label: spanText(text, seconds) }))}
              selectedOption={{ value: String(query.period), label: spanText(text, query.period) }}
              onChange={({ detail }) => onSet(query.id, { period: Number(detail.selectedOption.value) })}
              expandToViewport
            />
          ),
        },
        {
          id: "remove",
          header: <span className="m-visually-hidden">{text.metric.remove}</span>,
          width: 56,
          cell: (query) => (
            <Button
              variant="icon"
              iconName="remove"
              formAction="none"
              ariaLabel={`${text.metric.remove}: ${query.id}`}
              onClick={() => onSetAll(queries.filter((each) => each.id !== query.id))}
            />
          ),
        },
      ]}
    />
  );
}

function BrowseDialog({
  queries,
  onChange,
  onClose,
}: {
  queries: readonly QueryDraft[];
  onChange: (queries: QueryDraft[]) => void;
  onClose: () => void;
}) {
  const text = useText();
  const [place, setPlace] = useState<BrowsePlace>({ namespace: undefined, dimensions: undefined });
  const widget: MetricWidget = {
    ...emptyWidget,
    metrics: queries.flatMap(({ id, metric }) =>
      metric
        ? [
            {
              ...toWidgetMetric({
                Namespace: metric.namespace,
                MetricName: metric.name,
                Dimensions: [...metric.dimensions],
              }),
              id,
            },
          ]
        : [],
    ),
  };
  return (
    <Modal
      visible
      size="max"
      onDismiss={onClose}
      closeAriaLabel={text.common.close}
      header={text.alarm.form.chooseMetric}
      footer={
        <Box float="right">
          <Button variant="primary" formAction="none" onClick={onClose}>
            {text.alarm.form.done}
          </Button>
        </Box>
      }
    >
      <MetricBrowse
        widget={widget}
        place={place}
        onPlace={setPlace}
        onChange={(next) => onChange(withMetrics(queries, next))}
      />
    </Modal>
  );
}

/** What is chosen now; what was there stays as it is set. */
function withMetrics(queries: readonly QueryDraft[], widget: MetricWidget): QueryDraft[] {
  const kept = queries.filter(
    (query) => query.expression !== undefined || widget.metrics.some((metric) => metric.id === query.id),
  );
  const first = queries.find((query) => query.metric);
  for (const metric of widget.metrics.filter((each) => each.id === undefined)) {
    const dimensions = metric.dimensions.map(([Name, Value]) => ({ Name, Value }));
    const at = kept.findIndex((query) => query.expression !== undefined);
    const id = freeQueryId(kept, "m");
    const query = metricQuery(id, { namespace: metric.namespace, name: metric.name, dimensions }, first?.stat, first?.period);
    // Expressions stand below what they are computed of.
    kept.splice(at < 0 ? kept.length : at, 0, query);
  }
  return kept;
}
