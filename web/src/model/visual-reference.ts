// What screenshots are compared with, and the areas of them that are not.

import type { BaseScreenshot, Canary, VisualReference } from "../api/canary";
import type { ReportStep } from "./canary-report";

export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

export function printArea({ x, y, width, height }: Area): string {
  return [x, y, width, height].map(Math.round).join(",");
}

export function parseArea(text: string): Area | undefined {
  const [x, y, width, height] = text.split(",").map(Number);
  if (![x, y, width, height].every((each) => each !== undefined && Number.isFinite(each))) return undefined;
  return { x: x!, y: y!, width: width!, height: height! };
}

const smallest = 4;

/** Between two corners, within the picture; undefined where it is a mere click. */
export function areaOf(
  a: { x: number; y: number },
  b: { x: number; y: number },
  size: { width: number; height: number },
): Area | undefined {
  const within = (value: number, most: number) => Math.round(Math.min(most, Math.max(0, value)));
  const [left, right] = [a.x, b.x].map((x) => within(x, size.width)).sort((p, q) => p - q);
  const [top, bottom] = [a.y, b.y].map((y) => within(y, size.height)).sort((p, q) => p - q);
  const area = { x: left!, y: top!, width: right! - left!, height: bottom! - top! };
  return area.width < smallest || area.height < smallest ? undefined : area;
}

function referenceOf(canary: Pick<Canary, "VisualReference" | "VisualReferences">): VisualReference {
  return canary.VisualReferences?.[0] ?? canary.VisualReference ?? {};
}

export function areasOf(canary: Pick<Canary, "VisualReference" | "VisualReferences">, screenshot: string): Area[] {
  const found = referenceOf(canary).BaseScreenshots?.find((each) => each.ScreenshotName === screenshot);
  return (found?.IgnoreCoordinates ?? []).flatMap((text) => parseArea(text) ?? []);
}

/** The run becomes the baseline; areas stay. */
export function withBaseline(
  canary: Pick<Canary, "VisualReference" | "VisualReferences">,
  runId: string,
  step: ReportStep,
): VisualReference[] {
  const reference = referenceOf(canary);
  const name = step.visual?.current;
  const screenshots = reference.BaseScreenshots ?? [];
  const isKnown = !name || screenshots.some((each) => each.ScreenshotName === name);
  return [
    {
      ...reference,
      BaseCanaryRunId: runId,
      BaseScreenshots: isKnown ? screenshots : [...screenshots, { ScreenshotName: name }],
    },
  ];
}

/** The baseline stays; where there is none, the next run becomes it. */
export function withAreas(
  canary: Pick<Canary, "VisualReference" | "VisualReferences">,
  screenshot: string,
  areas: readonly Area[],
): VisualReference[] {
  const reference = referenceOf(canary);
  const others = (reference.BaseScreenshots ?? []).filter((each) => each.ScreenshotName !== screenshot);
  const own: BaseScreenshot = { ScreenshotName: screenshot, IgnoreCoordinates: areas.map(printArea) };
  return [
    { ...reference, BaseCanaryRunId: reference.BaseCanaryRunId ?? "nextrun", BaseScreenshots: [...others, own] },
  ];
}
