// What happened, the newest first.

import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import { Link } from "react-router";

import type { StateChange } from "../../api/ecs";
import { changeText, isBad } from "../../app/container-words";
import { useSettings } from "../../app/settings";
import { shortId } from "../../model/container";
import { formatCount, formatTime } from "../../model/format";
import { usePlacePath } from "./use-place-path";

export function Changes({ changes }: { changes: readonly StateChange[] }) {
  const { text, zone } = useSettings();
  const pathOf = usePlacePath();
  const t = text.container;
  return (
    <Container
      header={
        <Header variant="h2" counter={`(${formatCount(changes.length)})`} description={t.changesText}>
          {t.changesTitle}
        </Header>
      }
    >
      {changes.length === 0 ? (
        <div className="m-text-quiet">{t.noChanges}</div>
      ) : (
        <ul className="m-changes" tabIndex={0} aria-label={t.changesTitle} data-testid="changes">
          {[...changes].reverse().map((change, i) => (
            <li key={`${change.time} ${i}`} data-change={change.change}>
              <span className="m-number">{formatTime(change.time, zone)}</span>
              <StatusIndicator type={isBad(change) ? "error" : "info"}>
                {changeText(text, change.change)}
              </StatusIndicator>
              <span className="m-wrap">
                {change.service && (
                  <>
                    <Link
                      className="m-link"
                      to={pathOf({ cluster: change.cluster, service: change.service })}
                    >
                      {change.service}
                    </Link>
                    {" / "}
                  </>
                )}
                <Link
                  className="m-link"
                  to={pathOf({ cluster: change.cluster, task: change.task })}
                >
                  {shortId(change.task)}
                </Link>
                {" / "}
                {change.container}
                {change.exitCode !== null && ` · ${t.exitCode} ${change.exitCode}`}
                {change.reason && ` · ${change.reason}`}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Container>
  );
}
