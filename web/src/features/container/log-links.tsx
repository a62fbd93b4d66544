// From what runs to what it wrote: its own lines, where they come here, and the performance log of its cluster.

import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import { Link } from "react-router";

import { useTaskDefinition } from "../../api/hook";
import type { Task } from "../../api/ecs";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { logsOf, performanceFilter, performanceGroup, type Place } from "../../model/container";
import { logGroupPath } from "../../path";

export function LogLinks({ place, task }: { place: Place; task: Task | undefined }) {
  const text = useText();
  const t = text.container;
  const { printed: range } = useTimeRange();
  const definition = useTaskDefinition(task?.taskDefinitionArn);
  const own = task && definition.data ? logsOf(task, definition.data, place.container) : [];
  return (
    <Container header={<Header variant="h2">{t.logsTitle}</Header>}>
      <ul className="m-notes" data-testid="log-links">
        {own.map((log) => (
          <li key={log.container} className="m-links">
            <strong>{log.container}</strong>
            <Link className="m-link" to={logGroupPath(log.group, { range, stream: log.stream })}>
              {t.ownLogs}
            </Link>
            <Link
              className="m-link"
              to={logGroupPath(log.group, { range, stream: log.stream, filter: "?ERROR ?Error ?error" })}
            >
              {t.errorLogs}
            </Link>
          </li>
        ))}
        <li className="m-links">
          <strong>Container Insights</strong>
          <Link
            className="m-link"
            to={logGroupPath(performanceGroup(place.cluster), { range, filter: performanceFilter(place) })}
          >
            {t.performanceLog}
          </Link>
        </li>
      </ul>
      {task && own.length === 0 && definition.data && (
        <div className="m-text-quiet">{t.noLogs}</div>
      )}
    </Container>
  );
}
