import { useMemo } from "react";

import { useUrlState } from "../../app/url-state";
import type { ChartChoice } from "../../model/trace-summary";

function pair(text: string | undefined): [number, number] | undefined {
  const [a, b] = (text ?? "").split("~").map(Number);
  return a !== undefined && b !== undefined && b > a ? [a, b] : undefined;
}

/** What was chosen in the charts, in the URL as `rt` (seconds) and `box` (epoch seconds). */
export function useChartChoice(): [ChartChoice, (choice: ChartChoice) => void] {
  const url = useUrlState();
  const rt = url.get("rt");
  const box = url.get("box");
  const choice = useMemo<ChartChoice>(() => {
    const values = pair(rt);
    const times = pair(box);
    return {
      responseTime: values && { from: values[0], to: values[1] },
      time: times && { start: times[0], end: times[1] },
    };
  }, [rt, box]);
  const set = ({ responseTime, time }: ChartChoice) =>
    url.set({
      rt:
        responseTime &&
        `${Number(responseTime.from.toPrecision(4))}~${Number(responseTime.to.toPrecision(4))}`,
      box: time && `${time.start.toFixed(1)}~${time.end.toFixed(1)}`,
    });
  return [choice, set];
}
