// A group: its events, its streams, and what is made of its events as they come.

import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import { useNavigate } from "react-router";

import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { TimeRangeControl } from "../../app/time-range-control";
import { useUrlState } from "../../app/url-state";
import { CopyButton } from "../../components/copy-button";
import { logQueryPath, logTailPath } from "../../path";
import { GroupEvents } from "./group-events";
import { GroupStreams } from "./group-streams";
import { MetricFilters } from "./metric-filters";
import { SubscriptionFilters } from "./subscription-filters";
import { Trail } from "./trail";

export function LogGroupPage() {
  const text = useText();
  const t = text.log;
  const url = useUrlState();
  const group = url.get("group") ?? "";
  const filter = url.get("filter");
  const navigate = useNavigate();
  const { printed: range } = useTimeRange();
  return (
    <SpaceBetween size="s">
      <Trail name={group} />
      <Header
        variant="h1"
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <CopyButton
              label={text.trace.copyLink}
              done={text.common.copied}
              failed={text.common.copyFailed}
              value={() => location.href}
            />
            <Button onClick={() => void navigate(logTailPath({ range, groups: group, filter }))}>{t.tail.title}</Button>
            <Button onClick={() => void navigate(logQueryPath({ range, groups: group }))}>Logs Insights</Button>
            <TimeRangeControl />
          </SpaceBetween>
        }
      >
        {group}
      </Header>
      <Tabs
        activeTabId={url.get("tab") ?? "events"}
        onChange={({ detail }) =>
          url.set({ tab: detail.activeTabId === "events" ? undefined : detail.activeTabId }, { push: true })
        }
        ariaLabel={group}
        tabs={[
          { id: "events", label: t.events, content: <GroupEvents group={group} /> },
          { id: "streams", label: t.streams, content: <GroupStreams group={group} /> },
          { id: "metric-filters", label: t.metricFilters.title, content: <MetricFilters group={group} /> },
          {
            id: "subscription-filters",
            label: t.subscriptions.title,
            content: <SubscriptionFilters group={group} />,
          },
        ]}
      />
    </SpaceBetween>
  );
}
