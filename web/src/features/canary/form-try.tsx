// A run of what stands in the form, without keeping anything: its steps, pictures and times, as soon as they are there.

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import { startTry } from "../../api/canary";
import { useCanaryTry } from "../../api/canary-hook";
import { failureText } from "../../app/canary-words";
import { StandingText } from "../../app/canary-state";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { codeOf, runConfigOf, runtimeOf, type CanaryDraft } from "../../model/canary-draft";
import { failureOf } from "../../model/canary-report";
import { RunHar } from "./run-har";
import { RunPictures } from "./run-pictures";
import { RunSteps } from "./run-steps";

export function TryPanel({
  draft,
  isGood,
  onBad,
}: {
  draft: CanaryDraft;
  isGood: boolean;
  /** Somebody wants to try what cannot run. */
  onBad: () => void;
}) {
  const text = useText();
  const t = text.canary.form;
  const [tried, setTried] = useState<{ id: string; what: string } | undefined>(undefined);
  const what = JSON.stringify([codeOf(draft), runtimeOf(draft), runConfigOf(draft)]);
  const start = useMutation({
    mutationFn: () =>
      startTry({
        Code: codeOf(draft) ?? {},
        RunConfig: runConfigOf(draft),
        RuntimeVersion: runtimeOf(draft),
        ...(draft.name ? { Name: draft.name } : {}),
      }),
    onSuccess: (id) => setTried({ id, what }),
  });
  const query = useCanaryTry(tried?.id);
  const outcome = query.data;
  const isRunning = start.isPending || (tried !== undefined && !query.error && (outcome?.State ?? "RUNNING") === "RUNNING");
  const log = useRef<HTMLPreElement>(null);
  useEffect(() => {
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  }, [outcome?.Log]);
  const report = outcome?.Report ?? null;
  const failure = outcome?.State === "FAILED" ? failureOf(report, undefined) : undefined;
  const harKey = outcome?.Artifacts.find(({ Key }) => Key.endsWith(".har"))?.Key;
  const error = start.error ?? query.error;
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={t.tryText}
          info={
            outcome &&
            !isRunning && (
              <span className="m-heading-state" data-testid="try-state" data-state={outcome.State}>
                <StandingText standing={outcome.State === "PASSED" ? "passed" : "failed"} />
              </span>
            )
          }
          actions={
            <ChangeButton
              iconName="play"
              formAction="none"
              loading={isRunning}
              loadingText={t.trying}
              disabled={codeOf(draft) === undefined}
              onClick={() => (isGood ? start.mutate() : onBad())}
            >
              {isRunning ? t.trying : tried ? t.tryAgain : t.try}
            </ChangeButton>
          }
        >
          {t.tryTitle}
        </Header>
      }
    >
      <div className="m-try" data-testid="try-out">
        {(tried || error) && (
          <SpaceBetween size="m">
            {error && <ErrorState error={error} />}
            {tried && !isRunning && tried.what !== what && <Alert type="info">{t.tryChanged}</Alert>}
            {failure && (
              <Alert type="error">
                <span className="m-break">{failureText(text, failure)}</span>
              </Alert>
            )}
            {isRunning && (
              <Box color="text-body-secondary">
                <StandingText standing="running" />
              </Box>
            )}
            {report && <RunSteps report={report} withTraces={false} />}
            {outcome && outcome.Artifacts.some(({ Key }) => Key.endsWith(".png")) && (
              <RunPictures report={report} artifacts={outcome.Artifacts} />
            )}
            {harKey && (
              <ExpandableSection headerText={text.canary.run.tabs.har}>
                <RunHar harKey={harKey} />
              </ExpandableSection>
            )}
            {outcome && outcome.Log !== "" && (
              <ExpandableSection headerText={t.log} defaultExpanded={isRunning || outcome.State === "FAILED"}>
                <pre ref={log} className="m-code m-code-wrap m-try-log" tabIndex={0} aria-label={t.log}>
                  {outcome.Log}
                </pre>
              </ExpandableSection>
            )}
            {!isRunning && outcome?.State === "FAILED" && (
              <Button variant="inline-link" formAction="none" onClick={() => start.mutate()}>
                {t.tryAgain}
              </Button>
            )}
          </SpaceBetween>
        )}
      </div>
    </Container>
  );
}
