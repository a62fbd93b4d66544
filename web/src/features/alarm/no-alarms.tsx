// Nothing is watched yet: what alarms are for, and how the first is made.

import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import SpaceBetween from "@cloudscape-design/components/space-between";

import { CreateAlarmButton } from "../../app/create-alarm";
import { useText } from "../../app/settings";

export function NoAlarms() {
  const t = useText().alarm;
  return (
    <Container>
      <div data-testid="no-alarms">
        <SpaceBetween size="s">
          <Box variant="h2">{t.emptyTitle}</Box>
          <div>{t.emptyText}</div>
          <ul className="m-ways">
            {t.emptyWays.map((way) => (
              <li key={way}>{way}</li>
            ))}
          </ul>
          <CreateAlarmButton variant="primary" />
        </SpaceBetween>
      </div>
    </Container>
  );
}
