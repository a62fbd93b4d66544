// Metrics: choose, draw, compute, keep. What is drawn stands in the URL, in the form in which CloudWatch's dashboards have it.

import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Flashbar, { type FlashbarProps } from "@cloudscape-design/components/flashbar";
import { useCallback, useMemo, useRef, useState } from "react";
import { Link } from "react-router";

import { ChangeButton } from "../../app/change-button";
import { MetricBrowse } from "../../app/metric-browse";
import { MetricGraph } from "../../app/metric-graph";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { spanText, TimeRangeControl } from "../../app/time-range-control";
import { useUrlState } from "../../app/url-state";
import { copyText, download, downloadText } from "../../components/clipboard";
import { toMinutes } from "../../model/time-range";
import {
  emptyWidget,
  parseWidget,
  periods,
  printWidget,
  statistics,
  toCsv,
  type Line,
  type MetricWidget,
} from "../../model/widget";
import { dashboardPath } from "../../path";
import { AddToDashboard } from "./add-to-dashboard";
import { Graphed } from "./graphed";

export function MetricsPage() {
  const text = useText();
  const t = text.metric;
  const url = useUrlState();
  const { window, now, setRange, printed: range } = useTimeRange();
  const graph = url.get("graph");
  const widget = useMemo(() => widgetOf(graph), [graph]);
  const canvas = useRef<HTMLCanvasElement | null>(null);
  const lines = useRef<readonly Line[]>([]);
  const [adding, setAdding] = useState(false);
  const [notice, setNotice] = useState<FlashbarProps.MessageDefinition | undefined>(undefined);
  const change = (next: MetricWidget) =>
    url.set({ graph: next.metrics.length > 0 ? JSON.stringify(printWidget(next)) : undefined });
  const keepLines = useCallback((found: readonly Line[]) => {
    lines.current = found;
  }, []);
  const keepCanvas = useCallback((found: HTMLCanvasElement | null) => {
    canvas.current = found;
  }, []);
  const tab = url.get("tab") === "graphed" ? "graphed" : "browse";
  const isEmpty = widget.metrics.length === 0;
  const exported = (id: string) => {
    if (id === "csv")
      downloadText("metrics.csv", toCsv(lines.current, text.common.time), "text/csv");
    if (id === "png") toPicture(canvas.current, (blob) => download("metrics.png", blob));
    if (id === "json") void copyText(JSON.stringify(printWidget(widget), null, 2));
  };
  return (
    <SpaceBetween size="s">
      <Header variant="h1" description={t.description} actions={<TimeRangeControl />}>
        {t.title}
      </Header>
      {notice && <Flashbar items={[notice]} />}
      <Container>
        <SpaceBetween size="s">
          <div className="m-toolbar">
            <SegmentedControl
              label={t.view}
              selectedId={widget.view === "timeSeries" ? (widget.stacked ? "stacked" : "lines") : widget.view}
              options={[
                { id: "lines", text: t.views.lines },
                { id: "stacked", text: t.views.stacked },
                { id: "singleValue", text: t.views.singleValue },
                { id: "bar", text: t.views.bar },
              ]}
              onChange={({ detail: { selectedId: id } }) =>
                change({
                  ...widget,
                  view: id === "singleValue" || id === "bar" ? id : "timeSeries",
                  stacked: id === "stacked",
                })
              }
            />
            <Select
              ariaLabel={t.statistic}
              inlineLabelText={t.statistic}
              options={statistics.map((value) => ({ value, label: value }))}
              selectedOption={{ value: widget.stat, label: widget.stat }}
              onChange={({ detail }) => change({ ...widget, stat: detail.selectedOption.value! })}
              expandToViewport
            />
            <Select
              ariaLabel={t.period}
              inlineLabelText={t.period}
              options={[
                { value: "", label: t.automatic },
                ...periods.map((seconds) => ({
                  value: String(seconds),
                  label: spanText(text, seconds),
                })),
              ]}
              selectedOption={{
                value: String(widget.period ?? ""),
                label: widget.period ? spanText(text, widget.period) : t.automatic,
              }}
              onChange={({ detail }) =>
                change({ ...widget, period: Number(detail.selectedOption.value) || undefined })
              }
              expandToViewport
            />
            <span className="m-toolbar-end m-row-links">
              <ButtonDropdown
                disabled={isEmpty}
                items={[
                  { id: "csv", text: t.csv },
                  { id: "png", text: t.png, disabled: widget.view !== "timeSeries" },
                  { id: "json", text: t.json },
                ]}
                onItemClick={({ detail }) => exported(detail.id)}
                expandToViewport
              >
                {t.export}
              </ButtonDropdown>
              <ChangeButton disabled={isEmpty} onClick={() => setAdding(true)}>
                {t.toDashboard}
              </ChangeButton>
            </span>
          </div>
          <MetricGraph
            widget={widget}
            window={window}
            now={now}
            onZoom={(part) => setRange({ kind: "absolute", ...toMinutes(part) })}
            onCanvas={keepCanvas}
            onLines={keepLines}
          />
        </SpaceBetween>
      </Container>
      <Tabs
        activeTabId={tab}
        onChange={({ detail }) =>
          url.set({ tab: detail.activeTabId === "graphed" ? "graphed" : undefined })
        }
        tabs={[
          {
            id: "browse",
            label: t.browse,
            content: (
              <MetricBrowse
                widget={widget}
                onChange={change}
                place={{ namespace: url.get("namespace"), dimensions: url.get("dimensions") }}
                onPlace={({ namespace, dimensions }) => url.set({ namespace, dimensions })}
              />
            ),
          },
          {
            id: "graphed",
            label: t.graphed(widget.metrics.length),
            content: <Graphed widget={widget} onChange={change} />,
          },
        ]}
      />
      {adding && (
        <AddToDashboard
          widget={widget}
          onCancel={() => setAdding(false)}
          onDone={(name) => {
            setAdding(false);
            setNotice({
              type: "success",
              dismissible: true,
              onDismiss: () => setNotice(undefined),
              content: (
                <>
                  {t.added}{" "}
                  <Link className="m-link-inverse" to={dashboardPath(name, { range })}>
                    {name}
                  </Link>
                </>
              ),
            });
          }}
        />
      )}
    </SpaceBetween>
  );
}

function widgetOf(graph: string | undefined): MetricWidget {
  if (!graph) return emptyWidget;
  try {
    return parseWidget(JSON.parse(graph));
  } catch {
    // A link that was cut off says nothing.
    return emptyWidget;
  }
}

/** On the page's own background: pictures are looked at elsewhere. */
function toPicture(canvas: HTMLCanvasElement | null, done: (blob: Blob) => void) {
  if (!canvas) return;
  const copy = document.createElement("canvas");
  copy.width = canvas.width;
  copy.height = canvas.height;
  const context = copy.getContext("2d");
  if (!context) return;
  context.fillStyle = getComputedStyle(canvas).getPropertyValue("--m-surface");
  context.fillRect(0, 0, copy.width, copy.height);
  context.drawImage(canvas, 0, 0);
  copy.toBlob((blob) => blob && done(blob), "image/png");
}
