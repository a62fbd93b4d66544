// ELK in a worker of its own: a large map must not stop the page. The worker is a file of this
// console, so the content security policy needs no exception for it.

import type { ELK } from "elkjs/lib/elk-api";
import workerUrl from "elkjs/lib/elk-worker.min.js?url";

import type { LayoutEngine } from "../model/graph-layout";

interface Engine {
  elk: ELK;
  /** Never kept when all is well: ELK itself does not notice that its worker did not start. */
  broken: Promise<never>;
}

let engine: Promise<Engine> | undefined;

async function start(): Promise<Engine> {
  const { default: Elk } = await import("elkjs/lib/elk-api.js");
  const worker = new Worker(workerUrl);
  const broken = new Promise<never>((_, reject) => {
    worker.onerror = (event) => reject(new Error(event.message || "the worker did not start"));
  });
  broken.catch(() => undefined);
  return { elk: new Elk({ workerFactory: () => worker }), broken };
}

/** Whoever will need it soon may start it ahead of time. */
export function startLayoutEngine(): Promise<Engine> {
  engine ??= start();
  return engine;
}

export const layoutEngine: LayoutEngine = async (graph) => {
  const { elk, broken } = await startLayoutEngine();
  return Promise.race([elk.layout(graph), broken]);
};
