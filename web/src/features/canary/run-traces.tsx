// The traces of a run, and the way to all traces of its canary.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { Link, useNavigate } from "react-router";

import type { Canary } from "../../api/canary";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { traceFilterOf } from "../../model/canary";
import type { CanaryReport } from "../../model/canary-report";
import { tracePath, tracesPath } from "../../path";

export function RunTraces({ canary, report }: { canary: Canary; report: CanaryReport | null }) {
  const t = useText().canary.run.traces;
  const navigate = useNavigate();
  const { printed: range } = useTimeRange();
  const steps = report?.steps ?? [];
  const ids = [...new Set([...(report?.traceIds ?? []), ...steps.flatMap((step) => step.traceId ?? [])])];
  const stepsOf = (id: string) => steps.filter((step) => step.traceId === id).map((step) => step.stepName);
  return (
    <SpaceBetween size="s">
      {ids.length === 0 ? (
        <Box color="text-body-secondary">{canary.RunConfig?.ActiveTracing ? t.none : t.off}</Box>
      ) : (
        <ul className="m-row-links" data-testid="run-traces">
          {ids.map((id) => (
            <li key={id}>
              <Link to={tracePath(id, { range })} className="m-link m-mono">
                {id}
              </Link>{" "}
              {stepsOf(id).length > 0 && (
                <span className="m-text-quiet">
                  {t.ofStep}: {stepsOf(id).join(", ")}
                </span>
              )}
            </li>
          ))}
        </ul>
      )}
      <div className="m-links">
        <Button onClick={() => void navigate(tracesPath({ range, filter: traceFilterOf(canary.Name) }))}>{t.all}</Button>
        <span className="m-text-quiet">{t.allText}</span>
      </div>
    </SpaceBetween>
  );
}
