// What is drawn, row by row: statistic, period, label, what expressions call it. Expressions are added here.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useEffect, useState } from "react";

import { CreateAlarmButton } from "../../app/create-alarm";
import { useText } from "../../app/settings";
import { spanText } from "../../app/time-range-control";
import { printPrefill } from "../../model/alarm-form";
import {
  freeId,
  periods,
  statistics,
  type MetricWidget,
  type WidgetMetric,
} from "../../model/widget";

interface GraphedProps {
  widget: MetricWidget;
  onChange: (widget: MetricWidget) => void;
}

export function Graphed({ widget, onChange }: GraphedProps) {
  const text = useText();
  const t = text.metric;
  const set = (place: number, part: Partial<WidgetMetric>) =>
    onChange({
      ...widget,
      metrics: widget.metrics.map((metric, i) => (i === place ? { ...metric, ...part } : metric)),
    });
  const addExpression = (expression: string) => {
    // Expressions call other rows by ids: from here on, all have one.
    const named: WidgetMetric[] = [];
    for (const metric of widget.metrics) {
      const letter = metric.expression === undefined ? "m" : "e";
      named.push({ ...metric, id: metric.id ?? freeId([...widget.metrics, ...named], letter) });
    }
    const metric: WidgetMetric = {
      id: freeId(named, "e"),
      expression,
      namespace: "",
      name: "",
      dimensions: [],
      label: undefined,
      stat: undefined,
      period: undefined,
      visible: true,
      color: undefined,
      right: false,
      rest: {},
    };
    onChange({ ...widget, metrics: [...named, metric] });
  };
  const rows = widget.metrics.map((metric, place) => ({ metric, place }));
  const first = widget.metrics.find((metric) => metric.expression === undefined);
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button onClick={() => addExpression(first ? `RATE(${first.id ?? "m1"})` : "TIME_SERIES(1)")}>
                {t.addMath}
              </Button>
              <Button
                onClick={() =>
                  addExpression(
                    `SEARCH('{${first?.namespace ?? "ECS/ContainerInsights"},ClusterName} MetricName="${first?.name ?? "CpuUtilized"}"', 'Average')`,
                  )
                }
              >
                {t.addSearch}
              </Button>
              <Button
                disabled={rows.length === 0}
                onClick={() => onChange({ ...widget, metrics: [] })}
              >
                {t.removeAll}
              </Button>
            </SpaceBetween>
          }
        >
          {t.graphed(widget.metrics.length)}
        </Header>
      }
    >
      <Table
        variant="embedded"
        items={rows}
        trackBy={({ place }) => String(place)}
        empty={<Box textAlign="center">{t.nothingChosen}</Box>}
        ariaLabels={{ tableLabel: t.graphed(widget.metrics.length) }}
        columnDefinitions={[
          {
            id: "visible",
            header: <span className="m-visually-hidden">{t.visible}</span>,
            cell: ({ metric, place }) => (
              <Checkbox
                checked={metric.visible}
                onChange={({ detail }) => set(place, { visible: detail.checked })}
                ariaLabel={`${t.visible}: ${metric.id ?? place + 1}`}
              >
                <span className="m-look" style={{ background: `var(--m-series-${place % 10})` }} />
              </Checkbox>
            ),
            width: 76,
          },
          {
            id: "id",
            header: t.id,
            cell: ({ metric, place }) => (
              <span className="m-mono">{metric.id ?? `q${place + 1}`}</span>
            ),
            width: 64,
          },
          {
            id: "what",
            header: t.what,
            isRowHeader: true,
            cell: ({ metric, place }) =>
              metric.expression !== undefined ? (
                <Typed
                  value={metric.expression}
                  label={t.expression}
                  onChange={(expression) => set(place, { expression })}
                  mono
                />
              ) : (
                <>
                  <div className="m-wrap">{metric.name}</div>
                  <div className="m-text-quiet m-wrap">
                    {[metric.namespace, ...metric.dimensions.map(([, value]) => value)].join(" · ")}
                  </div>
                </>
              ),
            minWidth: 260,
          },
          {
            id: "label",
            header: t.label,
            cell: ({ metric, place }) => (
              <Typed
                value={metric.label ?? ""}
                label={t.label}
                onChange={(label) => set(place, { label: label || undefined })}
              />
            ),
            minWidth: 140,
          },
          {
            id: "stat",
            header: t.statistic,
            cell: ({ metric, place }) =>
              metric.expression === undefined && (
                <Select
                  ariaLabel={t.statistic}
                  options={[
                    { value: "", label: `${t.asAbove} (${widget.stat})` },
                    ...statistics.map((value) => ({ value, label: value })),
                  ]}
                  selectedOption={{ value: metric.stat ?? "", label: metric.stat ?? widget.stat }}
                  onChange={({ detail }) =>
                    set(place, { stat: detail.selectedOption.value || undefined })
                  }
                  expandToViewport
                />
              ),
            minWidth: 130,
          },
          {
            id: "period",
            header: t.period,
            cell: ({ metric, place }) => (
              <Select
                ariaLabel={t.period}
                options={[
                  { value: "", label: t.asAbove },
                  ...periods.map((seconds) => ({
                    value: String(seconds),
                    label: spanText(text, seconds),
                  })),
                ]}
                selectedOption={{
                  value: String(metric.period ?? ""),
                  label: metric.period ? spanText(text, metric.period) : t.asAbove,
                }}
                onChange={({ detail }) =>
                  set(place, { period: Number(detail.selectedOption.value) || undefined })
                }
                expandToViewport
              />
            ),
            minWidth: 130,
          },
          {
            id: "axis",
            header: t.rightAxis,
            cell: ({ metric, place }) => (
              <Checkbox
                checked={metric.right}
                onChange={({ detail }) => set(place, { right: detail.checked })}
                ariaLabel={`${t.rightAxis}: ${metric.id ?? place + 1}`}
              />
            ),
            width: 80,
          },
          {
            id: "alarm",
            header: text.alarm.one,
            cell: ({ metric }) =>
              metric.expression === undefined && (
                <span className="m-nowrap">
                  <CreateAlarmButton
                    variant="inline-link"
                    ariaLabel={`${text.alarm.create}: ${metric.name}`}
                    prefill={printPrefill(
                      {
                        namespace: metric.namespace,
                        name: metric.name,
                        dimensions: metric.dimensions.map(([Name, Value]) => ({ Name, Value })),
                      },
                      {
                        stat: metric.stat ?? widget.stat,
                        period: String(metric.period ?? widget.period ?? 60),
                      },
                    )}
                  />
                </span>
              ),
            minWidth: 130,
          },
          {
            id: "remove",
            header: <span className="m-visually-hidden">{t.remove}</span>,
            cell: ({ metric, place }) => (
              <Button
                variant="icon"
                iconName="remove"
                ariaLabel={`${t.remove}: ${metric.id ?? place + 1}`}
                onClick={() =>
                  onChange({ ...widget, metrics: widget.metrics.filter((_, i) => i !== place) })
                }
              />
            ),
            width: 60,
          },
        ]}
      />
    </Container>
  );
}

/** A text that counts when it is left, or with Enter: half a word is no expression. */
function Typed({
  value,
  label,
  onChange,
  mono = false,
}: {
  value: string;
  label: string;
  onChange: (value: string) => void;
  mono?: boolean;
}) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  const done = () => typed !== value && onChange(typed);
  return (
    <span className={mono ? "m-mono" : ""}>
      <Input
        value={typed}
        ariaLabel={label}
        spellcheck={false}
        onChange={({ detail }) => setTyped(detail.value)}
        onBlur={done}
        onKeyDown={({ detail }) => detail.key === "Enter" && done()}
      />
    </span>
  );
}
