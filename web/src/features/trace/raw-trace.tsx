import Button from "@cloudscape-design/components/button";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo, useState } from "react";

import type { Trace } from "../../api/xray";
import { useText } from "../../app/settings";
import { downloadText } from "../../components/clipboard";
import { CopyButton } from "../../components/copy-button";
import type { Waterfall } from "../../model/waterfall";

const shownLimit = 200_000;

/** All segment documents, parsed, as one JSON text. Rendered only when asked for. */
export function RawTrace({ trace, waterfall }: { trace: Trace; waterfall: Waterfall }) {
  const text = useText();
  const [open, setOpen] = useState(false);
  const json = useMemo(() => {
    if (!open) return "";
    return JSON.stringify(
      {
        Id: trace.Id,
        Duration: trace.Duration,
        LimitExceeded: trace.LimitExceeded,
        Segments: waterfall.documents,
      },
      null,
      2,
    );
  }, [open, trace, waterfall]);
  return (
    <ExpandableSection
      variant="container"
      headerText={text.trace.rawTrace}
      expanded={open}
      onChange={({ detail }) => setOpen(detail.expanded)}
    >
      {open && (
        <SpaceBetween size="xs">
          <SpaceBetween direction="horizontal" size="xs">
            <CopyButton
              label={text.common.copy}
              done={text.common.copied}
              failed={text.common.copyFailed}
              value={() => json}
            />
            <Button iconName="download" onClick={() => downloadText(`${trace.Id}.json`, json)}>
              {text.common.download}
            </Button>
          </SpaceBetween>
          <pre className="m-code" tabIndex={0} aria-label={text.trace.rawTrace}>
            {json.length > shownLimit ? `${json.slice(0, shownLimit)}\n…` : json}
          </pre>
        </SpaceBetween>
      )}
    </ExpandableSection>
  );
}
