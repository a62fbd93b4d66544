import Button from "@cloudscape-design/components/button";
import ProgressBar from "@cloudscape-design/components/progress-bar";

import { useText } from "./settings";
import { formatCount } from "../model/format";
import type { Scan } from "./use-scan";

/** One line of fixed height, so the page below does not jump when the scan ends. */
export function ScanProgress({ scan, filtered }: { scan: Scan; filtered: boolean }) {
  const text = useText();
  const found = formatCount(scan.summaries.length);
  const scanned = filtered
    ? text.traces.scanned(found, formatCount(scan.processed))
    : text.traces.found(found);
  return (
    <div className="m-scan" data-testid="scan-progress">
      {scan.running ? (
        <>
          <div className="m-scan-bar">
            <ProgressBar value={Math.round(scan.progress * 100)} ariaLabel={text.traces.scanning} />
          </div>
          <span>{scanned}</span>
          <Button variant="inline-link" onClick={scan.stop}>
            {text.traces.stop}
          </Button>
        </>
      ) : (
        <>
          <span role="status">
            {scanned} {scan.paused ? text.traces.stopped : text.traces.all}
          </span>
          {scan.paused && (
            <Button variant="inline-link" onClick={scan.more}>
              {text.traces.loadMore}
            </Button>
          )}
        </>
      )}
    </div>
  );
}
