// Ctrl/⌘ K: go to a page, a trace id, or a service of the current time range.

import Box from "@cloudscape-design/components/box";
import Input, { type InputProps } from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import { useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";

import { useAlarms } from "../api/alarm-hook";
import { useCanaries } from "../api/canary-hook";
import { useServiceGraph } from "../api/hook";
import { nodeIdOf, nodeSelector, toServiceMap } from "../model/graph";
import { normalizeTraceId } from "../model/trace-id";
import {
  alarmPath,
  alarmsPath,
  analyticsPath,
  canariesPath,
  canaryPath,
  containersPath,
  createAlarmPath,
  createCompositeAlarmPath,
  dashboardsPath,
  groupsPath,
  insightsPath,
  logQueryPath,
  logsPath,
  logTailPath,
  metricsPath,
  muteRulesPath,
  newCanaryPath,
  notificationsPath,
  samplingPath,
  sendingPath,
  statusPagePath,
  traceMapPath,
  tracePath,
  tracesPath,
} from "../path";
import { useText } from "./settings";
import { useTimeRange } from "./time-range";
import { typeText } from "./type-text";

interface Entry {
  label: string;
  kind: string;
  path: string;
}

function useEntries(typed: string): Entry[] {
  const text = useText();
  const { printed: range, window } = useTimeRange();
  const graph = useServiceGraph(window);
  const canaries = useCanaries();
  const alarms = useAlarms();
  const traceId = normalizeTraceId(typed);
  if (traceId)
    return [{ label: traceId, kind: text.palette.trace, path: tracePath(traceId, { range }) }];
  const entries: Entry[] = [
    { label: text.app.traceMap, kind: text.palette.pages, path: traceMapPath({ range }) },
    { label: text.app.traces, kind: text.palette.pages, path: tracesPath({ range }) },
    { label: text.container.title, kind: text.palette.pages, path: containersPath({}, { range }) },
    { label: text.metric.title, kind: text.palette.pages, path: metricsPath({ range }) },
    { label: text.log.title, kind: text.palette.pages, path: logsPath({ range }) },
    { label: "Logs Insights", kind: text.palette.pages, path: logQueryPath({ range }) },
    { label: text.log.tail.title, kind: text.palette.pages, path: logTailPath({ range }) },
    { label: text.dashboard.title, kind: text.palette.pages, path: dashboardsPath({ range }) },
    { label: text.analytics.title, kind: text.palette.pages, path: analyticsPath({ range }) },
    { label: text.insight.title, kind: text.palette.pages, path: insightsPath({ range }) },
    { label: text.alarm.title, kind: text.palette.pages, path: alarmsPath({ range }) },
    { label: text.alarm.form.createMetric, kind: text.palette.pages, path: createAlarmPath({ range }) },
    { label: text.alarm.form.createComposite, kind: text.palette.pages, path: createCompositeAlarmPath({ range }) },
    { label: text.alarm.muteRule.title, kind: text.palette.pages, path: muteRulesPath({ range }) },
    { label: text.alarm.notification.title, kind: text.palette.pages, path: notificationsPath({ range }) },
    { label: text.canary.title, kind: text.palette.pages, path: canariesPath({ range }) },
    { label: text.canary.create, kind: text.palette.pages, path: newCanaryPath({ range }) },
    { label: text.canary.statusPage.title, kind: text.palette.pages, path: statusPagePath({ range }) },
    { label: text.group.title, kind: text.palette.pages, path: groupsPath({ range }) },
    { label: text.app.sampling, kind: text.palette.pages, path: samplingPath({ range }) },
    { label: text.app.sending, kind: text.palette.pages, path: sendingPath({ range }) },
  ];
  for (const { AlarmName } of alarms.data ?? [])
    entries.push({ label: AlarmName, kind: text.alarm.one, path: alarmPath(AlarmName, { range }) });
  for (const { Name } of canaries.data ?? [])
    entries.push({ label: Name, kind: text.canary.palette, path: canaryPath(Name, { range }) });
  const map = graph.data ? toServiceMap(graph.data) : undefined;
  for (const node of map?.nodes ?? []) {
    if (node.kind === "client") continue;
    const id = nodeIdOf({ Name: node.name, ...(node.type ? { Type: node.type } : {}) });
    const label = node.type ? `${node.name} (${typeText(text, node.type)})` : node.name;
    entries.push({ label, kind: text.palette.service, path: traceMapPath({ range, node: id }) });
    entries.push({
      label: `${text.palette.serviceTraces} ${label}`,
      kind: text.app.traces,
      path: tracesPath({ range, filter: nodeSelector(node) }),
    });
  }
  const wanted = typed.trim().toLowerCase();
  const begins = (entry: Entry) => Number(entry.label.toLowerCase().startsWith(wanted));
  return entries
    .filter((entry) => entry.label.toLowerCase().includes(wanted))
    .sort((a, b) => begins(b) - begins(a))
    .slice(0, 30);
}

export function Palette({ onClose }: { onClose: () => void }) {
  const text = useText();
  const navigate = useNavigate();
  const [typed, setTyped] = useState("");
  const [index, setIndex] = useState(0);
  const entries = useEntries(typed);
  const input = useRef<InputProps.Ref>(null);
  useEffect(() => {
    // The dialog puts the focus on its close button first; typing should start at once.
    const timer = setTimeout(() => input.current?.focus(), 30);
    return () => clearTimeout(timer);
  }, []);
  const chosen = Math.min(index, entries.length - 1);
  const go = (entry: Entry | undefined) => {
    if (!entry) return;
    onClose();
    void navigate(entry.path);
  };
  const key = (name: string): boolean => {
    if (name === "ArrowDown") setIndex(Math.min(chosen + 1, entries.length - 1));
    else if (name === "ArrowUp") setIndex(Math.max(chosen - 1, 0));
    else if (name === "Enter") go(entries[chosen]);
    else return false;
    return true;
  };
  return (
    <Modal
      visible
      onDismiss={onClose}
      header={text.palette.title}
      closeAriaLabel={text.common.close}
      footer={<Box color="text-body-secondary">{text.palette.hint}</Box>}
    >
      <Input
        type="search"
        ref={input}
        autoFocus
        value={typed}
        placeholder={text.palette.placeholder}
        ariaLabel={text.palette.placeholder}
        nativeInputAttributes={{
          role: "combobox",
          "aria-expanded": true,
          "aria-controls": "palette-list",
          "aria-activedescendant": entries.length > 0 ? `palette-${chosen}` : undefined,
        }}
        onChange={({ detail }) => {
          setTyped(detail.value);
          setIndex(0);
        }}
        onKeyDown={(event) => {
          if (!event.detail.isComposing && key(event.detail.key)) event.preventDefault();
        }}
      />
      <div id="palette-list" role="listbox" aria-label={text.palette.title} className="m-palette">
        {entries.map((entry, i) => (
          <div
            key={entry.kind + entry.path}
            id={`palette-${i}`}
            role="option"
            aria-selected={i === chosen}
            className="m-option"
            ref={(element) => {
              if (i === chosen) element?.scrollIntoView({ block: "nearest" });
            }}
            onMouseMove={() => setIndex(i)}
            onClick={() => go(entry)}
          >
            <span className="m-option-text">{entry.label}</span>
            <span className="m-option-kind">{entry.kind}</span>
          </div>
        ))}
      </div>
      {entries.length === 0 && <Box padding="s">{text.palette.nothing}</Box>}
    </Modal>
  );
}
