// Canaries: how they stand, which are slow, and all of them.

import "../../app/canary.css";

import Box from "@cloudscape-design/components/box";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo, useState } from "react";
import { useNavigate } from "react-router";

import { useAlarms } from "../../api/alarm-hook";
import { useCanaries, useCanaryFigures, useCanaryGroups, useLastRuns } from "../../api/canary-hook";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { Notice, type NoticeMessage } from "../../app/notice";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { TimeRangeControl } from "../../app/time-range-control";
import { useUrlState } from "../../app/url-state";
import { PageLoading } from "../../components/page-loading";
import { resultOf, standings } from "../../model/canary";
import { newCanaryPath } from "../../path";
import { BlueprintCards } from "./blueprint-cards";
import { CanaryTable } from "./canary-table";
import { rowsOf } from "./canary-rows";
import { Summary } from "./summary";
import { useFollowing } from "./use-following";

export function CanariesPage() {
  const text = useText();
  const t = text.canary;
  const navigate = useNavigate();
  const { window, printed: range } = useTimeRange();
  const canaries = useCanaries();
  const lastRuns = useLastRuns();
  const groups = useCanaryGroups();
  const alarms = useAlarms();
  const [message, setMessage] = useState<NoticeMessage | undefined>(undefined);
  const names = useMemo(() => (canaries.data ?? []).map((canary) => canary.Name).sort(), [canaries.data]);
  const figures = useCanaryFigures(names, window);
  const rows = useMemo(
    () => rowsOf(canaries.data ?? [], lastRuns.data, figures.data, groups.data ?? [], alarms.data ?? []),
    [canaries.data, lastRuns.data, figures.data, groups.data, alarms.data],
  );
  useFollowing(lastRuns.data && [...lastRuns.data.values()].map((run) => `${run.Id} ${resultOf(run)}`).join());
  const error = canaries.error ?? lastRuns.error;
  const isEmpty = canaries.data?.length === 0;
  return (
    <SpaceBetween size="m">
      <Header
        variant="h1"
        description={t.description}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <TimeRangeControl />
            <ChangeButton variant="primary" onClick={() => void navigate(newCanaryPath({ range }))}>
              {t.create}
            </ChangeButton>
          </SpaceBetween>
        }
      >
        {t.title}
      </Header>
      <Notice message={message} onClose={() => setMessage(undefined)} />
      {error && !canaries.data ? (
        <ErrorState
          error={error}
          onRetry={() => void Promise.all([canaries.refetch(), lastRuns.refetch()])}
        />
      ) : canaries.isPending || lastRuns.isPending ? (
        <PageLoading label={text.common.loading} />
      ) : isEmpty ? (
        <Beginning />
      ) : (
        <List rows={rows} groups={groups.data ?? []} onMessage={setMessage} />
      )}
    </SpaceBetween>
  );
}

interface ListProps {
  rows: ReturnType<typeof rowsOf>;
  groups: NonNullable<ReturnType<typeof useCanaryGroups>["data"]>;
  onMessage: (message: NoticeMessage) => void;
}

function List({ rows, groups, onMessage }: ListProps) {
  const url = useUrlState();
  const result = standings.find((each) => each === url.get("result"));
  const group = groups.find((each) => each.Name === url.get("group"))?.Name;
  return (
    <SpaceBetween size="m">
      <Summary
        rows={rows}
        groups={groups}
        result={result}
        onResult={(next) => url.set({ result: next })}
        group={group}
        onGroup={(next) => url.set({ group: next })}
      />
      <CanaryTable
        rows={rows}
        groups={groups}
        result={result}
        onResult={(next) => url.set({ result: next })}
        group={group}
        onGroup={(next) => url.set({ group: next })}
        onMessage={onMessage}
      />
    </SpaceBetween>
  );
}

/** No canary yet: what they are for, and the ways to begin. */
function Beginning() {
  const t = useText().canary;
  const navigate = useNavigate();
  const { printed: range } = useTimeRange();
  return (
    <div data-testid="no-canaries">
      <SpaceBetween size="m">
        <div>
          <Box variant="h2">{t.empty.title}</Box>
          <div className="m-canary-intro">
            <Box color="text-body-secondary">{t.empty.text}</Box>
          </div>
        </div>
        <BlueprintCards
          label={t.form.blueprint}
          onChoose={(blueprint) => void navigate(newCanaryPath({ range, blueprint }))}
        />
      </SpaceBetween>
    </div>
  );
}
