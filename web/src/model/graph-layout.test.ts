import Elk from "elkjs/lib/elk.bundled.js";
import { expect, test } from "vitest";

import type { Service } from "../api/xray";
import { toServiceMap } from "./graph";
import {
  bringIntoView,
  extendLayout,
  extentOf,
  fitViewport,
  isInView,
  layOut,
  nodeSize,
  readableZoom,
  type Layout,
} from "./graph-layout";

const engine = (graph: Parameters<InstanceType<typeof Elk>["layout"]>[0]) =>
  new Elk().layout(graph);

const services: Service[] = [
  { ReferenceId: 0, Name: "a", Type: "client", Edges: [{ ReferenceId: 1 }] },
  { ReferenceId: 1, Name: "a", Edges: [{ ReferenceId: 2 }, { ReferenceId: 3 }] },
  { ReferenceId: 2, Name: "b", Edges: [{ ReferenceId: 1 }] },
  { ReferenceId: 3, Name: "c", Edges: [{ ReferenceId: 3 }] },
];

/** The map above with more: each new node with the names it calls and is called by. */
function withMore(...more: { name: string; calls?: string[]; calledBy?: string[] }[]) {
  const all = structuredClone(services);
  for (const { name } of more)
    all.push({ ReferenceId: all.length, Name: name, Edges: [] });
  const find = (name: string) => all.find((s) => s.Name === name && s.Type !== "client")!;
  for (const { name, calls = [], calledBy = [] } of more) {
    for (const other of calls) find(name).Edges!.push({ ReferenceId: find(other).ReferenceId });
    for (const other of calledBy)
      (find(other).Edges ??= []).push({ ReferenceId: find(name).ReferenceId });
  }
  return toServiceMap(all);
}

function overlaps(layout: Layout): boolean {
  const points = [...layout.placed.values()];
  return points.some((a, i) =>
    points
      .slice(i + 1)
      .some(
        (b) =>
          Math.abs(a.x - b.x) < nodeSize.width && Math.abs(a.y - b.y) < nodeSize.height,
      ),
  );
}

test("calls go left to right, loops included, and the layout is repeatable", async () => {
  const { placed } = await layOut(toServiceMap(services), engine);
  const again = await layOut(toServiceMap([...services].reverse()), engine);
  expect(placed.get("a|client")!.x).toBeLessThan(placed.get("a|")!.x);
  expect(placed.get("a|")!.x).toBeLessThan(placed.get("c|")!.x);
  expect([...again.placed]).toEqual([...placed]);
});

test("new nodes stand beside their neighbours and nothing else moves", async () => {
  const old = await layOut(toServiceMap(services), engine);
  const map = withMore(
    { name: "d", calledBy: ["c"] },
    { name: "e", calledBy: ["d"] },
    { name: "f", calledBy: ["c"] },
    { name: "g", calls: ["a"] },
  );
  const next = extendLayout(old, map)!;
  for (const [id, at] of old.placed) expect(next.placed.get(id)).toEqual(at);
  const x = (id: string) => next.placed.get(id)!.x;
  expect(x("c|")).toBeLessThan(x("d|"));
  expect(x("d|")).toBeLessThan(x("e|"));
  expect(x("f|")).toBe(x("d|"));
  expect(x("g|")).toBeLessThan(x("a|"));
  expect(overlaps(next)).toBe(false);
});

test("a node without neighbours stands below the others", async () => {
  const old = await layOut(toServiceMap(services), engine);
  const next = extendLayout(old, withMore({ name: "alone" }))!;
  const bottom = Math.max(...[...old.placed.values()].map((p) => p.y));
  expect(next.placed.get("alone|")!.y).toBeGreaterThanOrEqual(bottom + nodeSize.height);
});

test("a node that left comes back to its place", async () => {
  const old = await layOut(toServiceMap(services), engine);
  const without = extendLayout(old, toServiceMap(services.slice(0, 3)))!;
  expect(without.placed.has("c|")).toBe(false);
  const back = extendLayout(without, toServiceMap(services))!;
  expect(back.placed.get("c|")).toEqual(old.placed.get("c|"));
});

test("without the engine every node has a place all the same", async () => {
  const silent = console.error;
  console.error = () => {};
  const layout = await layOut(toServiceMap(services), () => Promise.reject(new Error("no worker")));
  console.error = silent;
  expect(layout.placed.size).toBe(4);
  expect(layout.placed.get("a|client")!.x).toBeLessThan(layout.placed.get("a|")!.x);
  expect(overlaps(layout)).toBe(false);
});

test("another map is not built on the old one", async () => {
  const old = await layOut(toServiceMap(services), engine);
  const other = toServiceMap([
    services[3]!,
    ...[10, 11].map((i) => ({ ReferenceId: i, Name: `x${i}` })),
  ]);
  expect(extendLayout(old, other)).toBeUndefined();
  expect(extendLayout(old, toServiceMap(services.slice(3)))).toBeUndefined();
});

test("the map fits its frame, yet never below a size that can be read", () => {
  const frame = { width: 1000, height: 600, left: 56, right: 10, margin: 10 };
  const small = fitViewport({ x: 0, y: 0, width: 400, height: 300 }, frame);
  expect(small.zoom).toBe(1.1);
  expect(small.whole).toBe(true);
  const large = fitViewport({ x: -100, y: 50, width: 4000, height: 300 }, frame);
  expect(large.zoom).toBe(readableZoom);
  expect(large.whole).toBe(false);
  // The left edge, where calls begin, stands right of the buttons.
  expect(-100 * large.zoom + large.x).toBeCloseTo(56);
});

test("what is in view is told from what is not", () => {
  const frame = { width: 1000, height: 600, left: 56, right: 10, margin: 10 };
  const viewport = { x: 0, y: 0, zoom: 1 };
  const extent = extentOf(new Map([["a", { x: 10, y: 10 }]]));
  expect(extent).toEqual({ x: 10, y: 10, ...nodeSize });
  expect(isInView(extent, viewport, frame)).toBe(true);
  expect(isInView(extent, { ...viewport, x: -20 }, frame)).toBe(false);
});

test("a part is brought into view by the shortest way", () => {
  const frame = { width: 1000, height: 600, left: 50, right: 10, margin: 10 };
  const viewport = { x: 0, y: 0, zoom: 1 };
  const part = (x: number, y: number) => ({ x, y, width: 100, height: 100 });
  expect(bringIntoView(viewport, part(60, 20), frame)).toEqual(viewport);
  expect(bringIntoView(viewport, part(1200, -50), frame)).toEqual({ x: -310, y: 60, zoom: 1 });
  expect(bringIntoView(viewport, { ...part(0, 0), width: 5000 }, frame).x).toBe(50);
});
