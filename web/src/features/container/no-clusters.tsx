// Nothing was found: what is looked for, and how to let it be found.

import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import SpaceBetween from "@cloudscape-design/components/space-between";

import { useText } from "../../app/settings";

export function NoClusters() {
  const t = useText().container;
  return (
    <Container data-testid="empty-state">
      <SpaceBetween size="s">
        <Box variant="h2">{t.emptyTitle}</Box>
        <Box color="text-body-secondary">{t.emptyText}</Box>
        <ul>
          {t.emptyWays.map((way) => (
            <li key={way}>{way}</li>
          ))}
        </ul>
        <pre className="m-code">docker run -d --name web nginx</pre>
      </SpaceBetween>
    </Container>
  );
}
