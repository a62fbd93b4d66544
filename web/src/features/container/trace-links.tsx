// From what runs to what it did: the services of the trace map that these containers are, and their traces in the time on screen.

import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import { Link } from "react-router";

import { useRuntimes } from "../../api/hook";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { runtimesOf, type Place } from "../../model/container";
import { serviceSelector } from "../../model/filter";
import { nodeIdOf } from "../../model/graph";
import { traceMapPath, tracesPath } from "../../path";

export function TraceLinks({ place }: { place: Place }) {
  const text = useText();
  const t = text.container;
  const { window, printed: range } = useTimeRange();
  const runtimes = useRuntimes(window);
  const found = runtimesOf(runtimes.data ?? [], place);
  return (
    <Container header={<Header variant="h2">{t.tracesTitle}</Header>}>
      {found.length === 0 ? (
        <div className="m-text-quiet" data-testid="no-runtimes">
          {runtimes.isPending ? text.common.loading : t.noTraces}
        </div>
      ) : (
        <ul className="m-notes" data-testid="runtimes">
          {found.map((node) => (
            <li key={nodeIdOf(node)} className="m-links">
              <strong>{node.name}</strong>
              <Link className="m-link" to={tracesPath({ range, filter: serviceSelector(node) })}>
                {text.map.viewTraces}
              </Link>
              <Link
                className="m-link"
                to={tracesPath({ range, filter: `${serviceSelector(node)} { fault }` })}
              >
                {t.faultyTraces}
              </Link>
              <Link className="m-link" to={traceMapPath({ range, node: nodeIdOf(node) })}>
                {text.group.viewMap}
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Container>
  );
}
