// Where the time of the critical path went, per service and entity; each leads to its row.

import Button from "@cloudscape-design/components/button";
import { useMemo, useState } from "react";

import { EntityName } from "../../app/entity-name";
import { useText } from "../../app/settings";
import { ShareBar } from "../../components/share-bar";
import { pathEntries, type CriticalPath } from "../../model/critical-path";
import { formatDuration, formatPercent } from "../../model/format";

const few = 6;

export function PathSummary({
  path,
  onSelect,
}: {
  path: CriticalPath;
  onSelect: (key: string) => void;
}) {
  const text = useText();
  const t = text.criticalPath;
  const [all, setAll] = useState(false);
  const entries = useMemo(() => pathEntries(path), [path]);
  const total = formatDuration(path.seconds);
  return (
    <section className="m-path-summary" aria-label={t.title} data-testid="path-summary">
      <table className="m-table m-table-wide">
        <caption>
          {t.summary} <span>{path.running ? t.ofSoFar(total) : t.ofResponse(total)}</span>
        </caption>
        <thead>
          <tr>
            <th scope="col">{t.entity}</th>
            <th scope="col" className="m-number-cell-end">
              {t.time}
            </th>
            <th scope="col" className="m-number-cell-end">
              {t.share}
            </th>
            <td />
          </tr>
        </thead>
        <tbody>
          {entries.slice(0, all ? undefined : few).map((entry) => (
            <tr key={entry.key} data-testid="path-entry" data-name={entry.name}>
              <th scope="row">
                <button
                  type="button"
                  className="m-link-button"
                  title={t.goTo(entry.name)}
                  onClick={() => onSelect(entry.longest.key)}
                >
                  <EntityName entity={entry} />
                </button>
                {entry.count > 1 && <span className="m-row-type"> {t.times(entry.count)}</span>}
              </th>
              <td className="m-number-cell-end">{formatDuration(entry.seconds)}</td>
              <td className="m-number-cell-end">{formatPercent(entry.share)}</td>
              <td className="m-bar-cell">
                <ShareBar share={entry.share} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <div className="m-links">
        {entries.length > few && (
          <Button variant="inline-link" onClick={() => setAll(!all)} ariaExpanded={all}>
            {all ? t.showFewer : t.showAll(entries.length)}
          </Button>
        )}
        {path.apart > 0 && <span className="m-live-none">{t.apart(path.apart)}</span>}
      </div>
    </section>
  );
}
