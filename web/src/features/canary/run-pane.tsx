// One run: what failed in words, and all that it left behind. What is looked at stays in the address.

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import { useNavigate } from "react-router";

import { artifactUrl, type Artifact, type Canary, type CanaryRun } from "../../api/canary";
import { useWholeRun } from "../../api/canary-hook";
import { failureText } from "../../app/canary-words";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { useUrlState } from "../../app/url-state";
import { PageLoading } from "../../components/page-loading";
import { resultOf } from "../../model/canary";
import { failureOf, fileOf, picturesOf, type CanaryReport } from "../../model/canary-report";
import { formatBytes } from "../../model/format";
import { tracePath } from "../../path";
import { RunHar } from "./run-har";
import { RunLogs } from "./run-logs";
import { RunPictures } from "./run-pictures";
import { RunRequests } from "./run-requests";
import { RunSteps } from "./run-steps";
import { RunTraces } from "./run-traces";
import { VisualTools } from "./visual-tools";

export function RunPane({ canary, run }: { canary: Canary; run: CanaryRun }) {
  const text = useText();
  const t = text.canary.run;
  const url = useUrlState();
  const query = useWholeRun(canary.Name, run);
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <PageLoading label={text.common.loading} rows={4} />;
  const whole = query.data;
  const { Report: report, Artifacts: artifacts } = whole;
  const isRunning = resultOf(whole.Run) === "running";
  const harKey = artifacts.find(({ Key }) => Key.endsWith(".har"))?.Key;
  const pictures = picturesOf(report, artifacts).length;
  const compared = (report?.steps ?? []).filter((step) => step.visual).length;
  const traces = new Set([...(report?.traceIds ?? []), ...(report?.steps ?? []).flatMap((step) => step.traceId ?? [])]);
  const count = (label: string, size: number) => (size > 0 ? `${label} (${size})` : label);
  return (
    <SpaceBetween size="s">
      <Outcome run={whole.Run} report={report} />
      <Tabs
        activeTabId={url.get("part") ?? (compared > 0 ? "screenshots" : "steps")}
        onChange={({ detail }) => url.set({ part: detail.activeTabId })}
        ariaLabel={t.tabs.steps}
        tabs={[
          {
            id: "steps",
            label: count(t.tabs.steps, report?.steps?.length ?? 0),
            content: report ? (
              <RunSteps report={report} />
            ) : (
              <Box color="text-body-secondary">{isRunning ? t.stillRunning : t.noReport}</Box>
            ),
          },
          {
            id: "screenshots",
            label: count(t.tabs.screenshots, pictures + compared),
            content: (
              <RunPictures
                report={report}
                artifacts={artifacts}
                visualTools={(step, currentKey) => (
                  <VisualTools canary={canary} runId={whole.Run.Id} step={step} currentKey={currentKey} />
                )}
              />
            ),
          },
          { id: "har", label: t.tabs.har, content: <RunHar key={harKey} harKey={harKey} /> },
          {
            id: "requests",
            label: t.tabs.requests,
            content: <RunRequests report={report} harKey={harKey} />,
          },
          { id: "logs", label: t.tabs.logs, content: <RunLogs run={whole} /> },
          {
            id: "traces",
            label: count(t.tabs.traces, traces.size),
            content: <RunTraces canary={canary} report={report} />,
          },
          {
            id: "artifacts",
            label: count(t.tabs.artifacts, artifacts.length),
            content: <Files artifacts={artifacts} />,
          },
        ]}
      />
    </SpaceBetween>
  );
}

function Outcome({ run, report }: { run: CanaryRun; report: CanaryReport | null }) {
  const text = useText();
  const t = text.canary.run;
  const navigate = useNavigate();
  const { printed: range } = useTimeRange();
  if (resultOf(run) !== "failed") return null;
  const failure = failureOf(report, run.Status?.StateReason);
  // The trace of what failed; a run without steps may have one all the same.
  const trace = failure && failure.kind !== "run" && failure.step.traceId ? failure.step.traceId : report?.traceIds?.at(-1);
  return (
    <div data-testid="run-failure">
      <Alert
        type="error"
        action={
          trace && (
            <Button onClick={() => void navigate(tracePath(trace, { range }))}>{t.toTrace}</Button>
          )
        }
        {...(run.Status?.StateReasonCode === "EXECUTION_FAILURE" ? { header: t.notExecuted } : {})}
      >
        <span className="m-break">{failure ? failureText(text, failure) : t.failed}</span>
      </Alert>
    </div>
  );
}

function Files({ artifacts }: { artifacts: readonly Artifact[] }) {
  const t = useText().canary.run.artifacts;
  if (artifacts.length === 0) return <Box color="text-body-secondary">{t.none}</Box>;
  return (
    <table className="m-table">
      <thead>
        <tr>
          <th scope="col">{t.name}</th>
          <th scope="col" className="m-number-cell">
            {t.size}
          </th>
        </tr>
      </thead>
      <tbody>
        {artifacts.map(({ Key, Bytes }) => (
          <tr key={Key}>
            <td>
              <a className="m-link m-mono m-break" href={artifactUrl(Key)} download={fileOf(Key)} title={Key}>
                {fileOf(Key)}
              </a>
            </td>
            <td className="m-number-cell">{formatBytes(Bytes)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
