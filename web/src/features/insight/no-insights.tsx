// No insights: what they are, and why there are none.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useNavigate } from "react-router";

import type { Group } from "../../api/group";
import type { InsightState } from "../../api/insight";
import { ChangeButton } from "../../app/change-button";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { spanText } from "../../app/time-range-control";
import { insightDays } from "../../model/insight";
import { nextWider } from "../../model/time-range";
import { groupsPath } from "../../path";

interface NoInsightsProps {
  group: Group | undefined;
  state: InsightState | undefined;
  onEveryState: () => void;
}

export function NoInsights({ group, state, onEveryState }: NoInsightsProps) {
  const text = useText();
  const t = text.insight;
  const navigate = useNavigate();
  const { window, setRange, printed } = useTimeRange();
  const off = group?.InsightsConfiguration?.InsightsEnabled === false;
  const wider = nextWider(window.end - window.start, insightDays * 86400);
  return (
    <Box padding={{ vertical: "xxl" }} textAlign="center" data-testid="no-insights">
      <SpaceBetween size="s">
        <Box variant="h3" tagOverride="h2">
          {off ? t.off(group.GroupName) : state ? t.noneOfState : t.none}
        </Box>
        <div className="m-prose">
          <Box color="text-body-secondary">{t.whatTheyAre}</Box>
        </div>
        <SpaceBetween direction="horizontal" size="xs" className="m-center">
          {off && (
            <ChangeButton
              variant="primary"
              onClick={() =>
                void navigate(
                  groupsPath({ range: printed, action: "edit", name: group.GroupName }),
                )
              }
            >
              {t.turnOn}
            </ChangeButton>
          )}
          {state && <Button onClick={onEveryState}>{t.everyState}</Button>}
          {wider && (
            <Button onClick={() => setRange({ kind: "relative", seconds: wider })}>
              {text.empty.widen(spanText(text, wider))}
            </Button>
          )}
        </SpaceBetween>
      </SpaceBetween>
    </Box>
  );
}
