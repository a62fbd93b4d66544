// The grid of a dashboard. While it is edited, widgets are moved and resized with the pointer or with arrow keys.

import Button from "@cloudscape-design/components/button";
import Icon from "@cloudscape-design/components/icon";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useState, type KeyboardEvent, type PointerEvent } from "react";
import { useNavigate } from "react-router";

import { MetricGraph } from "../../app/metric-graph";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { useWidth } from "../../components/use-width";
import {
  columns,
  heightOf,
  placed,
  type DashboardWidget,
  type Place,
} from "../../model/dashboard";
import { toMinutes } from "../../model/time-range";
import { parseWidget, printWidget } from "../../model/widget";
import { metricsPath } from "../../path";

const rowPixels = 50;
const gap = 10;

interface BoardProps {
  widgets: readonly DashboardWidget[];
  /** Present: the board is edited. */
  onChange: ((widgets: DashboardWidget[]) => void) | undefined;
}

interface Drag {
  key: string;
  resize: boolean;
  fromX: number;
  fromY: number;
  start: Place;
  /** Where it would stand if it were let go. */
  to: Partial<Place>;
}

export function Board({ widgets, onChange }: BoardProps) {
  const [ref, width] = useWidth<HTMLDivElement>(1000);
  const [drag, setDrag] = useState<Drag | undefined>(undefined);
  const unit = width / columns;
  const shown = drag ? placed(widgets, drag.key, drag.to) : widgets;
  const begin = (event: PointerEvent<HTMLElement>, widget: DashboardWidget, resize: boolean) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    const { x, y, width: w, height } = widget;
    const start = { x, y, width: w, height };
    setDrag({ key: widget.key, resize, fromX: event.clientX, fromY: event.clientY, start, to: start });
  };
  const move = (event: PointerEvent<HTMLElement>) => {
    if (!drag) return;
    const dx = Math.round((event.clientX - drag.fromX) / unit);
    const dy = Math.round((event.clientY - drag.fromY) / rowPixels);
    const { start } = drag;
    const to = drag.resize
      ? { width: Math.max(1, start.width + dx), height: Math.max(1, start.height + dy) }
      : { x: start.x + dx, y: start.y + dy };
    setDrag({ ...drag, to });
  };
  const end = () => {
    if (drag) onChange?.(placed(widgets, drag.key, drag.to));
    setDrag(undefined);
  };
  const key = (event: KeyboardEvent, widget: DashboardWidget, resize: boolean) => {
    const steps: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    const to = resize
      ? { width: Math.max(1, widget.width + step[0]), height: Math.max(1, widget.height + step[1]) }
      : { x: widget.x + step[0], y: widget.y + step[1] };
    onChange?.(placed(widgets, widget.key, to));
  };
  return (
    <div
      ref={ref}
      className={`m-board ${onChange ? "m-board-edited" : ""}`}
      style={{ height: heightOf(shown) * rowPixels }}
      data-testid="board"
    >
      {shown.map((widget) => (
        <div
          key={widget.key}
          className={`m-board-widget ${drag?.key === widget.key ? "m-board-moved" : ""}`}
          style={{
            width: widget.width * unit - gap,
            height: widget.height * rowPixels - gap,
            transform: `translate(${widget.x * unit}px, ${widget.y * rowPixels}px)`,
          }}
          data-testid="board-widget"
        >
          <Widget
            widget={widget}
            edit={
              onChange && {
                onProperties: (properties) =>
                  onChange(
                    widgets.map((each) => (each.key === widget.key ? { ...each, properties } : each)),
                  ),
                onRemove: () => onChange(widgets.filter((each) => each.key !== widget.key)),
                handle: (label, resize) => (
                  <button
                    type="button"
                    className={`m-board-handle ${resize ? "m-board-resize" : ""}`}
                    aria-label={label}
                    title={label}
                    onPointerDown={(event) => begin(event, widget, resize)}
                    onPointerMove={move}
                    onPointerUp={end}
                    onPointerCancel={() => setDrag(undefined)}
                    onKeyDown={(event) => key(event, widget, resize)}
                  >
                    {resize ? (
                      <Icon name="resize-area" size="small" />
                    ) : (
                      <Icon name="drag-indicator" size="small" />
                    )}
                  </button>
                ),
              }
            }
          />
        </div>
      ))}
    </div>
  );
}

interface Edit {
  onProperties: (properties: Record<string, unknown>) => void;
  onRemove: () => void;
  handle: (label: string, resize: boolean) => React.ReactNode;
}

function Widget({ widget, edit }: { widget: DashboardWidget; edit: Edit | undefined }) {
  const text = useText();
  const t = text.dashboard;
  const navigate = useNavigate();
  const { window, now, setRange, printed: range } = useTimeRange();
  const [typing, setTyping] = useState(false);
  const metrics = widget.type === "metric" ? parseWidget(widget.properties) : undefined;
  const title = metrics?.title ?? (widget.type === "text" ? t.text : text.metric.graph);
  const tools = (
    <span className="m-board-tools">
      {metrics && !edit && (
        <Button
          variant="inline-icon"
          iconName="external"
          ariaLabel={t.openInMetrics(title)}
          onClick={() => void navigate(metricsPath({ range, graph: JSON.stringify(printWidget(metrics)) }))}
        />
      )}
      {edit && widget.type === "text" && (
        <Button
          variant="inline-icon"
          iconName="edit"
          ariaLabel={t.editText(title)}
          onClick={() => setTyping(true)}
        />
      )}
      {edit && (
        <Button
          variant="inline-icon"
          iconName="remove"
          ariaLabel={t.remove(title)}
          onClick={edit.onRemove}
        />
      )}
      {edit?.handle(t.move(title), false)}
    </span>
  );
  const markdown = typeof widget.properties.markdown === "string" ? widget.properties.markdown : "";
  return (
    <>
      {metrics ? (
        <MetricGraph
          widget={metrics}
          window={window}
          now={now}
          onZoom={(part) => setRange({ kind: "absolute", ...toMinutes(part) })}
          height={Math.max(70, widget.height * rowPixels - gap - 88)}
          action={tools}
        />
      ) : (
        <>
          {edit && <div className="m-chart-head m-end">{tools}</div>}
          {widget.type === "text" ? (
            <Markdown source={markdown} />
          ) : (
            <div className="m-text-quiet">{t.unknown(widget.type)}</div>
          )}
        </>
      )}
      {edit?.handle(t.resize(title), true)}
      {typing && (
        <TextEditor
          source={markdown}
          onCancel={() => setTyping(false)}
          onDone={(source) => {
            setTyping(false);
            edit?.onProperties({ ...widget.properties, markdown: source });
          }}
        />
      )}
    </>
  );
}

/** Headings, and links in their own form; the rest stands as it was written. */
function Markdown({ source }: { source: string }) {
  return (
    <div className="m-markdown">
      {source.split("\n").map((line, i) => {
        const heading = /^(#{1,6})\s+(.*)$/.exec(line);
        return heading ? (
          <strong key={i} style={{ fontSize: 22 - heading[1]!.length * 2, display: "block" }}>
            {heading[2]}
          </strong>
        ) : (
          <div key={i}>{linked(line)}</div>
        );
      })}
    </div>
  );
}

function linked(line: string): React.ReactNode[] {
  return line.split(/(\[[^\]]+\]\(https?:\/\/[^\s)]+\))/).map((part, i) => {
    const link = /^\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)$/.exec(part);
    return link ? (
      <a key={i} className="m-link" href={link[2]} target="_blank" rel="noreferrer">
        {link[1]}
      </a>
    ) : (
      part
    );
  });
}

function TextEditor({
  source,
  onDone,
  onCancel,
}: {
  source: string;
  onDone: (source: string) => void;
  onCancel: () => void;
}) {
  const text = useText();
  const [typed, setTyped] = useState(source);
  return (
    <Modal
      visible
      onDismiss={onCancel}
      closeAriaLabel={text.common.close}
      header={text.dashboard.text}
      footer={
        <SpaceBetween direction="horizontal" size="xs" className="m-end">
          <Button variant="link" onClick={onCancel}>
            {text.common.cancel}
          </Button>
          <Button variant="primary" onClick={() => onDone(typed)}>
            {text.dashboard.use}
          </Button>
        </SpaceBetween>
      }
    >
      <Textarea
        value={typed}
        rows={10}
        ariaLabel={text.dashboard.text}
        onChange={({ detail }) => setTyped(detail.value)}
      />
    </Modal>
  );
}
