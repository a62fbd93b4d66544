// Insights: when services failed more than they used to.

import Header from "@cloudscape-design/components/header";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useEffect, useRef } from "react";
import { Link } from "react-router";

import type { Group } from "../../api/group";
import { useActiveInsights, useGroups, useInsights } from "../../api/hook";
import type { InsightState } from "../../api/insight";
import { CliButton } from "../../app/cli-button";
import { ErrorState } from "../../app/error-state";
import { GroupPicker } from "../../app/group-picker";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { TimeRangeControl } from "../../app/time-range-control";
import { useUrlState } from "../../app/url-state";
import { InsightMark } from "../../components/insight-mark";
import { PageLoading } from "../../components/page-loading";
import { defaultGroup, narrowingGroup } from "../../model/group";
import { insightsPath } from "../../path";
import { InsightTable } from "./insight-table";
import { NoInsights } from "./no-insights";

/** Instead of the name of a group, which has no such character. */
const everyGroup = "*";

export function InsightsPage() {
  const text = useText();
  const t = text.insight;
  const url = useUrlState();
  const { window } = useTimeRange();
  const group = url.get("group") ?? defaultGroup;
  const state = stateOf(url.get("state"));
  const all = useGroups();
  const names = namesOf(group, all.data);
  const insights = useInsights(names, window, state);
  useFollowing();
  const error = all.error ?? insights.error;
  return (
    <SpaceBetween size="s">
      <Header
        variant="h1"
        description={t.description}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            {/* No one command asks for every group. */}
            {group !== everyGroup && (
              <CliButton
                operation="get-insight-summaries"
                options={[
                  ["group-name", group],
                  ["states", state],
                  ["start-time", window.start],
                  ["end-time", window.end],
                ]}
              />
            )}
            <TimeRangeControl />
          </SpaceBetween>
        }
      >
        {t.title}
      </Header>
      <div className="m-toolbar">
        <GroupPicker
          value={group}
          more={[{ value: everyGroup, label: t.everyGroup }]}
          onChange={(name) => url.set({ group: narrowingGroup(name) }, { push: true })}
        />
        <SegmentedControl
          label={t.state}
          selectedId={state ?? "all"}
          options={[
            { id: "all", text: t.all },
            { id: "ACTIVE", text: t.active },
            { id: "CLOSED", text: t.closed },
          ]}
          onChange={({ detail }) =>
            url.set({
              state: detail.selectedId === "all" ? undefined : detail.selectedId.toLowerCase(),
            })
          }
        />
        <Elsewhere group={group} />
      </div>
      {error ? (
        <ErrorState
          error={error}
          onRetry={() => void Promise.all([all.refetch(), insights.refetch()])}
        />
      ) : all.isPending || insights.isPending ? (
        <PageLoading label={text.common.loading} />
      ) : (insights.data ?? []).length === 0 ? (
        <NoInsights
          group={all.data?.find((each) => each.GroupName === group)}
          state={state}
          onEveryState={() => url.set({ state: undefined })}
        />
      ) : (
        <InsightTable insights={insights.data ?? []} />
      )}
    </SpaceBetween>
  );
}

function stateOf(text: string | undefined): InsightState | undefined {
  return text === "active" ? "ACTIVE" : text === "closed" ? "CLOSED" : undefined;
}

function namesOf(group: string, groups: readonly Group[] | undefined): string[] {
  if (group !== everyGroup) return [group];
  return (groups ?? []).map((each) => each.GroupName);
}

/** An insight that begins or ends shows at once, as in the list of pages. */
function useFollowing() {
  const { refresh } = useTimeRange();
  const ids = useActiveInsights()
    .data?.map((insight) => insight.InsightId)
    .join();
  const seen = useRef(ids);
  useEffect(() => {
    if (seen.current !== undefined && ids !== undefined && ids !== seen.current) refresh();
    seen.current = ids;
  }, [ids, refresh]);
}

/** Active insights of groups that the page does not show: the number in the list of pages counts them. */
function Elsewhere({ group }: { group: string }) {
  const text = useText();
  const { printed: range } = useTimeRange();
  const others = (useActiveInsights().data ?? []).filter((each) => each.GroupName !== group);
  if (group === everyGroup || others.length === 0) return null;
  return (
    <span className="m-toolbar-end m-state" data-testid="insights-elsewhere">
      <InsightMark />
      <Link to={insightsPath({ range, group: everyGroup, state: "active" })} className="m-link">
        {text.insight.elsewhere(others.length)}
      </Link>
    </span>
  );
}
