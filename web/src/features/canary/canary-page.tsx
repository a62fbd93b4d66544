// One canary: its runs, its metrics, what it is made of, and where it belongs.

import "../../app/canary.css";

import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import { useEffect, useState } from "react";
import { Link, useNavigate, useParams } from "react-router";

import { ApiError } from "../../api/client";
import { startCanary, startDryRun, stopCanary, type Canary } from "../../api/canary";
import { useCanary, useCanaryChange, useCanaryRuns } from "../../api/canary-hook";
import { AlarmBadge } from "../../app/alarm-badge";
import { CanaryStateText } from "../../app/canary-state";
import { scheduleText } from "../../app/canary-words";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { Notice, type NoticeMessage } from "../../app/notice";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { TimeRangeControl } from "../../app/time-range-control";
import { useUrlState } from "../../app/url-state";
import { PageLoading } from "../../components/page-loading";
import { blueprintOf, isStarted, mayStart, stateOfCanary } from "../../model/canary";
import { canariesPath, editCanaryPath } from "../../path";
import { Availability } from "./availability";
import { CanaryGroups } from "./canary-groups";
import { CanaryTags } from "./canary-tags";
import { Configuration } from "./configuration";
import { DeleteCanaries } from "./delete-canaries";
import { Monitoring } from "./monitoring";
import { Trail } from "./trail";

export function CanaryPage() {
  const text = useText();
  const t = text.canary.detail;
  const { name = "" } = useParams();
  const { printed: range } = useTimeRange();
  const query = useCanary(name);
  const back = (
    <Link to={canariesPath({ range })} className="m-link">
      {t.all}
    </Link>
  );
  if (query.data) return <Body key={name} canary={query.data} />;
  return (
    <SpaceBetween size="m">
      <Header variant="h1">{name}</Header>
      {query.error instanceof ApiError && query.error.status === 404 ? (
        <Alert type="info" header={t.gone(name)}>
          {back}
        </Alert>
      ) : query.error ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} extra={back} />
      ) : (
        <PageLoading label={text.common.loading} />
      )}
    </SpaceBetween>
  );
}

function Body({ canary }: { canary: Canary }) {
  const text = useText();
  const t = text.canary.detail;
  const url = useUrlState();
  const [message, setMessage] = useState<NoticeMessage | undefined>(undefined);
  const state = stateOfCanary(canary);
  return (
    <SpaceBetween size="s">
      <Trail name={canary.Name} />
      <Header
        variant="h1"
        info={
          <span className="m-heading-state" data-testid="canary-state" data-state={state}>
            <CanaryStateText state={state} /> <AlarmBadge scope={[{ CanaryName: canary.Name }]} />
          </span>
        }
        description={`${text.canary.blueprints[blueprintOf(canary)]} · ${scheduleText(text, canary.Schedule?.Expression)}`}
        actions={
          <div className="m-page-actions">
            <TimeRangeControl />
            <Actions canary={canary} onMessage={setMessage} />
          </div>
        }
      >
        {canary.Name}
      </Header>
      {state === "ERROR" && canary.Status?.StateReason && (
        <Alert type="error">{t.stateReason(canary.Status.StateReason)}</Alert>
      )}
      <Notice message={message} onClose={() => setMessage(undefined)} />
      <Tabs
        activeTabId={url.get("tab") ?? "availability"}
        onChange={({ detail }) =>
          url.set({ tab: detail.activeTabId === "availability" ? undefined : detail.activeTabId })
        }
        ariaLabel={canary.Name}
        tabs={[
          { id: "availability", label: t.tabs.availability, content: <Availability canary={canary} /> },
          { id: "monitoring", label: t.tabs.monitoring, content: <Monitoring canary={canary} /> },
          {
            id: "configuration",
            label: t.tabs.configuration,
            content: <Configuration canary={canary} />,
          },
          { id: "groups", label: t.tabs.groups, content: <CanaryGroups canary={canary} /> },
          { id: "tags", label: t.tabs.tags, content: <CanaryTags canary={canary} /> },
        ]}
      />
    </SpaceBetween>
  );
}

function Actions({
  canary,
  onMessage,
}: {
  canary: Canary;
  onMessage: (message: NoticeMessage | undefined) => void;
}) {
  const text = useText();
  const t = text.canary.detail;
  const url = useUrlState();
  const navigate = useNavigate();
  const { printed: range, window, refresh } = useTimeRange();
  const [deleting, setDeleting] = useState(false);
  const [awaited, setAwaited] = useState<string | undefined>(undefined);
  const state = stateOfCanary(canary);
  const start = useCanaryChange(startCanary, () => onMessage({ type: "success", content: t.started(canary.Name) }));
  const stop = useCanaryChange(stopCanary, () => onMessage({ type: "success", content: t.stopped(canary.Name) }));
  const dryRun = useCanaryChange(startDryRun, (id) => {
    setAwaited(id);
    onMessage({ type: "info", content: t.running, loading: true });
  });
  const runs = useCanaryRuns(canary.Name, window.start);
  const begun = awaited && runs.data?.find((run) => run.DryRunConfig?.DryRunId === awaited);
  useEffect(() => {
    if (awaited === undefined || begun) return;
    const timer = setInterval(() => void runs.refetch(), 700);
    return () => clearInterval(timer);
  }, [awaited, begun, runs.refetch]);
  useEffect(() => {
    if (!begun) return;
    setAwaited(undefined);
    onMessage(undefined);
    // The time range ends before it began.
    refresh();
    url.set({ run: begun.Id, tab: undefined });
  }, [begun]);
  const error = start.error ?? stop.error ?? dryRun.error;
  return (
    <>
      <SpaceBetween direction="horizontal" size="xs">
        <ChangeButton
          iconName="play"
          loading={dryRun.isPending || awaited !== undefined}
          onClick={() => dryRun.mutate(canary.Name)}
        >
          <span title={t.runNowHelp}>{t.runNow}</span>
        </ChangeButton>
        {isStarted(state) ? (
          <ChangeButton loading={stop.isPending} onClick={() => stop.mutate(canary.Name)}>
            {t.stop}
          </ChangeButton>
        ) : (
          <ChangeButton
            variant="primary"
            loading={start.isPending}
            disabled={!mayStart(state)}
            onClick={() => start.mutate(canary.Name)}
          >
            {t.start}
          </ChangeButton>
        )}
        <Button onClick={() => void navigate(editCanaryPath(canary.Name, { range }))}>{t.edit}</Button>
        <ChangeButton onClick={() => setDeleting(true)}>{t.delete}</ChangeButton>
      </SpaceBetween>
      {error && (
        <div className="m-page-actions-error">
          <ErrorState error={error} />
        </div>
      )}
      {deleting && (
        <DeleteCanaries
          canaries={[canary]}
          onDone={() => void navigate(canariesPath({ range }))}
          onClose={() => setDeleting(false)}
        />
      )}
    </>
  );
}
