import { describe, expect, it } from "vitest";

import { areaOf, areasOf, parseArea, printArea, withAreas, withBaseline } from "./visual-reference";

const canary = {
  VisualReferences: [
    { BaseCanaryRunId: "r1", BaseScreenshots: [{ ScreenshotName: "01-home.png", IgnoreCoordinates: ["1,2,30,40"] }] },
  ],
};
const size = { width: 100, height: 100 };

describe("areas", () => {
  it("are written as numbers with commas", () => {
    expect(parseArea("1,2,30,40")).toEqual({ x: 1, y: 2, width: 30, height: 40 });
    expect(parseArea("1,2,3")).toBeUndefined();
    expect(printArea({ x: 1.4, y: 2, width: 30, height: 40 })).toBe("1,2,30,40");
  });

  it("are drawn from any corner, within the picture", () => {
    expect(areaOf({ x: 50, y: 60 }, { x: 10, y: -5 }, size)).toEqual({ x: 10, y: 0, width: 40, height: 60 });
    expect(areaOf({ x: 50, y: 60 }, { x: 51, y: 61 }, size)).toBeUndefined();
  });
});

describe("references", () => {
  it("keep areas when another run becomes the baseline", () => {
    const step = { stepNumber: 1, stepName: "home", status: "FAILED" as const, visual: { current: "01-home.png" } };
    const next = withBaseline(canary, "r2", step);
    expect(next[0]!.BaseCanaryRunId).toBe("r2");
    expect(areasOf({ VisualReferences: next }, "01-home.png")).toHaveLength(1);
    expect(withBaseline({}, "r2", step)[0]!.BaseScreenshots).toEqual([{ ScreenshotName: "01-home.png" }]);
  });

  it("keep the baseline when areas change", () => {
    expect(withAreas(canary, "01-home.png", [])[0]).toMatchObject({ BaseCanaryRunId: "r1" });
    expect(withAreas({}, "02-cart.png", [{ x: 0, y: 0, width: 5, height: 5 }])[0]).toEqual({
      BaseCanaryRunId: "nextrun",
      BaseScreenshots: [{ ScreenshotName: "02-cart.png", IgnoreCoordinates: ["0,0,5,5"] }],
    });
  });
});
