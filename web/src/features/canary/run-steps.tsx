// The steps of a run: how each ended, how long it took, what had to hold, and what went wrong in it.

import Box from "@cloudscape-design/components/box";
import { Fragment } from "react";
import { Link } from "react-router";

import { StepStatusText } from "../../app/canary-state";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { PhaseBar } from "../../components/phase-bar";
import { StateMark } from "../../components/state-mark";
import { actualText, phasesOf, type CanaryReport, type ReportStep } from "../../model/canary-report";
import { formatDuration } from "../../model/format";
import { tracePath } from "../../path";

export const phaseLooks = {
  dnsMs: "m-har-dns",
  connectMs: "m-har-connect",
  tlsMs: "m-har-tls",
  firstByteMs: "m-har-wait",
  downloadMs: "m-har-receive",
} as const;

export function RunSteps({
  report,
  withTraces = true,
}: {
  report: CanaryReport;
  /** Traces of a try-out are not kept. */
  withTraces?: boolean;
}) {
  const text = useText();
  const t = text.canary.run.steps;
  const steps = report.steps ?? [];
  if (steps.length === 0) return <Box color="text-body-secondary">{t.none}</Box>;
  const hasPhases = steps.some((step) => phasesOf(step.timings).length > 0);
  return (
    <div className="m-scroll-x">
      <table className="m-table m-steps-table" data-testid="run-steps">
        <thead>
          <tr>
            <th scope="col" className="m-number-cell">
              #
            </th>
            <th scope="col">{t.step}</th>
            <th scope="col">{t.status}</th>
            <th scope="col" className="m-number-cell">
              {t.duration}
            </th>
            <th scope="col">{t.answer}</th>
            {hasPhases && <th scope="col">{t.time}</th>}
          </tr>
        </thead>
        <tbody>
          {steps.map((step) => (
            <Fragment key={`${step.stepNumber} ${step.stepName}`}>
              <tr data-testid="run-step" data-status={step.status}>
                <td className="m-number-cell">{step.stepNumber}</td>
                <th scope="row">
                  <div>{step.stepName}</div>
                  {step.url && <div className="m-text-quiet m-break">{step.url}</div>}
                  {step.destinationUrl && step.destinationUrl !== step.url && (
                    <div className="m-text-quiet m-break">{t.redirected(step.destinationUrl)}</div>
                  )}
                </th>
                <td>
                  <StepStatusText status={step.status} />
                </td>
                <td className="m-number-cell">
                  {formatDuration(step.durationMs === undefined ? undefined : step.durationMs / 1000)}
                </td>
                <td>{step.statusCode ?? "–"}</td>
                {hasPhases && (
                  <td>
                    <Timings step={step} />
                  </td>
                )}
              </tr>
              <Details step={step} columns={hasPhases ? 6 : 5} trace={withTraces ? step.traceId : undefined} />
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Timings({ step }: { step: ReportStep }) {
  const t = useText().canary.run;
  const { timings } = step;
  const marks = (["domContentLoadedMs", "loadMs", "largestPaintMs"] as const).filter(
    (mark) => timings?.[mark] !== undefined,
  );
  return (
    <div className="m-step-time">
      <PhaseBar
        phases={phasesOf(timings).map(([key, ms]) => ({ key, ms, name: t.phases[key], className: phaseLooks[key] }))}
      />
      <span className="m-step-marks">
        {[...phasesOf(timings).map(([phase]) => phase), ...marks].map((mark) => (
          <span key={mark}>
            {t.phases[mark]} <b>{formatDuration(timings![mark]! / 1000)}</b>
          </span>
        ))}
      </span>
    </div>
  );
}

/** Below a step: its error first, then what did not hold, then what is merely worth knowing. */
function Details({ step, columns, trace }: { step: ReportStep; columns: number; trace: string | undefined }) {
  const text = useText();
  const t = text.canary.run.steps;
  const { printed: range } = useTimeRange();
  const assertions = step.assertions ?? [];
  const lists = [
    [t.failedRequests, (step.failedRequests ?? []).map(({ url, reason }) => `${reason} · ${url}`)],
    [t.consoleErrors, step.consoleErrors ?? []],
  ] as const;
  const isEmpty =
    !step.error && assertions.length === 0 && !trace && lists.every(([, items]) => items.length === 0);
  if (isEmpty) return null;
  // An assertion that does not hold says it better, with what was found.
  const isTold = assertions.some(({ passed, text }) => !passed && text !== "" && step.error?.startsWith(text));
  return (
    <tr className="m-step-details">
      <td />
      <td colSpan={columns - 1}>
        {step.error && !isTold && <div className="m-step-error">{step.error}</div>}
        {assertions.length > 0 && (
          <ul className="m-assertions" aria-label={t.assertions}>
            {assertions.map((assertion, i) => (
              <li key={i} data-passed={assertion.passed}>
                <StateMark
                  state={assertion.passed ? "ok" : "fault"}
                  size={14}
                  label={assertion.passed ? t.holds : t.holdsNot}
                />
                <span>{assertion.text}</span>
                {actualText(assertion.actual) !== "" && (
                  <span className="m-text-quiet">{t.actual(actualText(assertion.actual))}</span>
                )}
              </li>
            ))}
          </ul>
        )}
        {lists.map(
          ([title, items]) =>
            items.length > 0 && (
              <details key={title(2)} className="m-step-list" open={step.status === "FAILED"}>
                <summary>{title(items.length)}</summary>
                <ul>
                  {items.map((item, i) => (
                    <li key={i} className="m-mono m-break">
                      {item}
                    </li>
                  ))}
                </ul>
              </details>
            ),
        )}
        {trace && (
          <div>
            {t.trace}{" "}
            <Link to={tracePath(trace, { range })} className="m-link m-mono">
              {trace}
            </Link>
          </div>
        )}
      </td>
    </tr>
  );
}
