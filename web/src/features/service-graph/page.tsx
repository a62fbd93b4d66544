// Trace map: who calls whom, how fast, and where it fails.

import Alert from "@cloudscape-design/components/alert";
import Autosuggest from "@cloudscape-design/components/autosuggest";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { lazy, Suspense, useMemo, useState, useSyncExternalStore } from "react";

import { ApiError } from "../../api/client";
import { useAlarms } from "../../api/alarm-hook";
import { useActiveInsights, useServiceGraph } from "../../api/hook";
import { CliButton } from "../../app/cli-button";
import { ErrorState } from "../../app/error-state";
import { useGraphWords } from "../../app/graph-words";
import { GroupPicker } from "../../app/group-picker";
import { NoData } from "../../app/no-data";
import { useStored, useText } from "../../app/settings";
import { SidePane } from "../../app/side-pane";
import { useTimeRange } from "../../app/time-range";
import { TimeRangeControl } from "../../app/time-range-control";
import { nodeText } from "../../app/type-text";
import { useUrlState } from "../../app/url-state";
import type { NodeStyle } from "../../components/graph-node";
import type { LayoutMemory } from "../../components/graph-view";
import { PageLoading } from "../../components/page-loading";
import { inScope, nodeScope } from "../../model/alarm";
import { toServiceMap, type ServiceMap } from "../../model/graph";
import { drawableNodes } from "../../model/graph-layout";
import { defaultGroup, narrowingGroup } from "../../model/group";
import { insightsByNode } from "../../model/insight";
import { Legend } from "./legend";
import { MapOptions } from "./map-options";
import { NodeList } from "./node-list";
import { Pane } from "./pane";

// Fetched beside the data rather than after it: the map is what this page is for.
const graphView = import("../../components/graph-view");
const GraphView = lazy(() => graphView.then((m) => ({ default: m.GraphView })));

const sixHours = 6 * 3600;
// Who comes back to the map finds it as it was.
const layoutMemory: LayoutMemory = {};

export function TraceMapPage() {
  const text = useText();
  const url = useUrlState();
  const { window, setRange } = useTimeRange();
  const group = narrowingGroup(url.get("group"));
  const graph = useServiceGraph(window, group);
  const map = useMemo(() => toServiceMap(graph.data ?? []), [graph.data]);
  const list = url.get("view") === "list";
  const tooLong =
    graph.error instanceof ApiError &&
    graph.error.status === 400 &&
    window.end - window.start > sixHours;
  return (
    <SpaceBetween size="s">
      <Header
        variant="h1"
        description={text.map.description}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <CliButton
              operation="get-service-graph"
              options={[
                ["start-time", window.start],
                ["end-time", window.end],
                ["group-name", group],
              ]}
            />
            <GroupPicker
              value={group ?? defaultGroup}
              onChange={(name) => url.set({ group: narrowingGroup(name) }, { push: true })}
            />
            <TimeRangeControl />
          </SpaceBetween>
        }
      >
        {text.map.title}
      </Header>
      {graph.error ? (
        <ErrorState
          error={graph.error}
          onRetry={() => void graph.refetch()}
          extra={
            graph.error instanceof ApiError && group && !tooLong ? (
              <Button variant="inline-link" onClick={() => url.set({ group: undefined })}>
                {text.group.leave}
              </Button>
            ) : (
              tooLong && (
                <div>
                  {text.error.tooLong}{" "}
                  <Button
                    variant="inline-link"
                    onClick={() =>
                      setRange({ kind: "absolute", start: window.end - sixHours, end: window.end })
                    }
                  >
                    {text.error.lastHours}
                  </Button>
                </div>
              )
            )
          }
        />
      ) : graph.isPending ? (
        <PageLoading label={text.common.loading} />
      ) : map.nodes.length === 0 ? (
        <NoData
          maxSeconds={sixHours}
          {...(group ? { group: { name: group, onLeave: () => url.set({ group: undefined }) } } : {})}
        />
      ) : (
        <MapBody map={map} group={group} list={list || map.nodes.length > drawableNodes} />
      )}
    </SpaceBetween>
  );
}

function MapBody({
  map,
  group,
  list,
}: {
  map: ServiceMap;
  group: string | undefined;
  list: boolean;
}) {
  const text = useText();
  const url = useUrlState();
  const { window } = useTimeRange();
  const minutes = Math.max(1 / 60, (window.end - window.start) / 60);
  const [style, setStyle] = useStored<NodeStyle>("map-style", { inside: "metrics", size: "none" });
  const [focus, setFocus] = useState<{ id: string; at: number } | undefined>(undefined);
  const words = useGraphWords(map, minutes);
  const active = useActiveInsights().data;
  const insights = useMemo(
    () => insightsByNode(active ?? [], window, group),
    [active, window, group],
  );
  const marks = useMemo(
    () => new Map([...insights.keys()].map((id) => [id, text.insight.markOf])),
    [insights, text],
  );
  const found = useAlarms().data;
  const alarms = useMemo(() => {
    const ringing = (found ?? []).filter((alarm) => alarm.StateValue === "ALARM");
    const counts = map.nodes.map((node) => [node.id, inScope(ringing, nodeScope(node)).length] as const);
    return new Map(
      counts.flatMap(([id, count]) => (count > 0 ? [[id, text.alarm.badge(count)] as const] : [])),
    );
  }, [found, map, text]);
  const selected = url.get("node") ?? url.get("edge");
  const select = (id: string | undefined, what: "node" | "edge") =>
    url.set({
      node: what === "node" ? id : undefined,
      edge: what === "edge" ? id : undefined,
      rt: undefined,
      only: undefined,
    });
  // Beside the map the details would leave it too little width to be read.
  const narrow = useNarrow();
  const node = map.nodes.find((n) => n.id === url.get("node"));
  const edge = map.edges.find((e) => e.id === url.get("edge"));
  const height = narrow && (node ?? edge) ? besidePane : mapHeight;
  return (
    <SpaceBetween size="xs">
      <div className="m-toolbar">
        <SegmentedControl
          label={text.map.view}
          selectedId={list ? "list" : "map"}
          options={[
            { id: "map", text: text.map.graph },
            { id: "list", text: text.map.list },
          ]}
          onChange={({ detail }) =>
            url.set({ view: detail.selectedId === "list" ? "list" : undefined })
          }
        />
        <NodeSearch
          map={map}
          onFind={(id) => {
            select(id, "node");
            setFocus({ id, at: Date.now() });
          }}
        />
        {!list && <MapOptions style={style} onChange={setStyle} />}
        <span className="m-toolbar-end">{text.map.nodes(map.nodes.length)}</span>
      </div>
      {map.nodes.length > drawableNodes && <Alert type="info">{text.map.tooMany}</Alert>}
      {selected && !node && !edge && <Alert type="info">{text.map.gone}</Alert>}
      {list ? (
        <NodeList
          map={map}
          minutes={minutes}
          selected={selected}
          marks={marks}
          onSelect={(id) => select(id, "node")}
        />
      ) : (
        <div>
          <Suspense fallback={<div className="m-graph" style={{ height }} />}>
            <GraphView
              map={map}
              minutes={minutes}
              style={style}
              selected={selected}
              onSelect={select}
              focus={focus}
              words={words}
              marks={marks}
              alarms={alarms}
              height={height}
              growTo={narrow && (node ?? edge) ? undefined : "calc(100vh - 100px)"}
              memory={layoutMemory}
            />
          </Suspense>
          <Legend insights={marks.size > 0} alarms={alarms.size > 0} />
        </div>
      )}
      {(node ?? edge) && (
        <SidePane
          title={node ? node.name : paneTitle(map, edge!)}
          position={narrow ? "bottom" : "side"}
          onClose={() => select(undefined, "node")}
        >
          <Pane
            key={selected}
            map={map}
            node={node}
            edge={edge}
            minutes={minutes}
            group={group}
            insights={insights.get(node?.id ?? "") ?? []}
          />
        </SidePane>
      )}
    </SpaceBetween>
  );
}

const mapHeight = "max(380px, calc(100vh - 270px))";
const besidePane = "max(260px, calc(100vh - 540px))";
const narrowQuery = matchMedia("(max-width: 1199px)");

function useNarrow(): boolean {
  return useSyncExternalStore(
    (changed) => {
      narrowQuery.addEventListener("change", changed);
      return () => narrowQuery.removeEventListener("change", changed);
    },
    () => narrowQuery.matches,
  );
}

function paneTitle(map: ServiceMap, edge: { source: string; target: string }): string {
  const name = (id: string) => map.nodes.find((n) => n.id === id)?.name ?? id;
  return `${name(edge.source)} → ${name(edge.target)}`;
}

function NodeSearch({ map, onFind }: { map: ServiceMap; onFind: (id: string) => void }) {
  const text = useText();
  const [typed, setTyped] = useState("");
  const find = (value: string) => {
    const wanted = value.trim().toLowerCase();
    const hit =
      map.nodes.find((n) => n.id === value) ??
      map.nodes.find((n) => n.kind !== "client" && n.name.toLowerCase() === wanted) ??
      map.nodes.find((n) => wanted !== "" && n.name.toLowerCase().includes(wanted));
    if (!hit) return;
    setTyped(hit.name);
    onFind(hit.id);
  };
  return (
    <div className="m-search">
      <Autosuggest
        value={typed}
        onChange={({ detail }) => setTyped(detail.value)}
        onSelect={({ detail }) => find(detail.value)}
        onKeyDown={({ detail }) => detail.key === "Enter" && find(typed)}
        options={map.nodes.map((n) => ({
          value: n.id,
          label: n.name,
          description: nodeText(text, n),
        }))}
        enteredTextLabel={(value) => `${text.map.find}: ${value}`}
        placeholder={text.map.find}
        ariaLabel={text.map.find}
        empty={text.map.findEmpty}
      />
    </div>
  );
}
