// From a node of the trace map to the containers that it is.

import { Link } from "react-router";

import { useRuntimes } from "../api/hook";
import { shortId } from "../model/container";
import { containersPath } from "../path";
import { useText } from "./settings";
import { useTimeRange } from "./time-range";

/** More are better looked at on the page of their service. */
const most = 8;

export function RunsIn({ name, type }: { name: string; type: string | undefined }) {
  const text = useText();
  const { window, printed: range } = useTimeRange();
  const runtimes = useRuntimes(window);
  const containers = (runtimes.data ?? [])
    .filter((each) => each.name === name && (each.type ?? "") === (type ?? ""))
    .flatMap((each) => each.containers)
    // What runs comes first.
    .sort((a, b) => Number(b.status === "RUNNING") - Number(a.status === "RUNNING"));
  if (containers.length === 0) return null;
  const services = new Map(
    containers.flatMap((it) =>
      it.service ? [[`${it.cluster}/${it.service}`, { ...it, service: it.service }] as const] : [],
    ),
  );
  return (
    <div className="m-runs-in" data-testid="runs-in">
      <strong>{text.container.runsIn}</strong>
      <ul className="m-row-links">
        {[...services.values()].map((it) => (
          <li key={`${it.cluster}/${it.service}`}>
            {text.container.service}{" "}
            <Link
              className="m-link"
              to={containersPath({ cluster: it.cluster, service: it.service }, { range })}
            >
              {it.cluster} / {it.service}
            </Link>
          </li>
        ))}
        {containers.slice(0, most).map((it) => (
          <li key={`${it.task}/${it.container}`}>
            {text.container.container}{" "}
            <Link
              className="m-link"
              to={containersPath(
                { cluster: it.cluster, task: it.task, container: it.container },
                { range },
              )}
            >
              {it.container} ({shortId(it.task)})
            </Link>
          </li>
        ))}
        {containers.length > most && <li>{text.container.more(containers.length - most)}</li>}
      </ul>
    </div>
  );
}
