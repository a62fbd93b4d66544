// Nothing to show for this range: nothing ever arrived, or it lies elsewhere.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useEffect, useRef, type ReactNode } from "react";

import { useHealth } from "../api/hook";
import { formatCount } from "../model/format";
import { nextWider } from "../model/time-range";
import { SendingGuide } from "./sending-guide";
import { useText } from "./settings";
import { useTimeRange } from "./time-range";
import { spanText } from "./time-range-control";

interface NoDataProps {
  /** Present when a filter is set: then the filter may be the reason. */
  onClearFilter?: (() => void) | undefined;
  maxSeconds?: number | undefined;
  /** The group that the page is narrowed to. */
  group?: { name: string; onLeave: () => void };
}

export function NoData({ onClearFilter, maxSeconds, group }: NoDataProps) {
  const text = useText();
  const health = useHealth(2000);
  const { window, setRange, refresh } = useTimeRange();
  const stored = health.data?.store?.traces;
  const accepted = health.data?.ingest?.segments_accepted;
  // The page that waits for the first data shows it without being asked.
  const seen = useRef(accepted);
  useEffect(() => {
    if (seen.current !== undefined && accepted !== undefined && accepted > seen.current) refresh();
    seen.current = accepted;
  }, [accepted, refresh]);
  const next = nextWider(window.end - window.start, maxSeconds);
  const buttons: ReactNode[] = [];
  if (next)
    buttons.push(
      <Button key="widen" onClick={() => setRange({ kind: "relative", seconds: next })}>
        {text.empty.widen(spanText(text, next))}
      </Button>,
    );
  if (onClearFilter)
    buttons.push(
      <Button key="clear" onClick={onClearFilter}>
        {text.empty.clearFilter}
      </Button>,
    );

  if (group)
    buttons.push(
      <Button key="leave" onClick={group.onLeave}>
        {text.group.leave}
      </Button>,
    );
  const [title, explanation] = onClearFilter
    ? [text.empty.noMatch, text.empty.noMatchText]
    : group
      ? [text.group.noTraces(group.name), text.group.noTracesText]
      : [text.empty.noData, stored === undefined ? "" : text.empty.noDataText(formatCount(stored))];

  if (stored === 0 && !accepted && !onClearFilter) return <FirstData />;
  return (
    <Box padding={{ vertical: "xxl" }} textAlign="center" data-testid="no-match">
      <SpaceBetween size="s">
        <Box variant="h3" tagOverride="h2">
          {title}
        </Box>
        <Box color="text-body-secondary">{explanation}</Box>
        <SpaceBetween direction="horizontal" size="xs" className="m-center">
          {buttons}
        </SpaceBetween>
      </SpaceBetween>
    </Box>
  );
}

function FirstData() {
  const text = useText();
  return (
    <div data-testid="empty-state">
      <SpaceBetween size="m">
        <div>
          <Box variant="h2">{text.empty.title}</Box>
          <Box color="text-body-secondary">{text.empty.text}</Box>
        </div>
        <SendingGuide />
      </SpaceBetween>
    </div>
  );
}
