// How many requests a run made, how they were answered, and by whom.

import Box from "@cloudscape-design/components/box";

import { useHar } from "../../api/canary-hook";
import { useText } from "../../app/settings";
import { StateMark } from "../../components/state-mark";
import { requestKinds, type CanaryReport } from "../../model/canary-report";
import { formatBytes, formatCount, formatDuration } from "../../model/format";
import { hostsOf } from "../../model/har";

const marks = { "4xx": "error", "5xx": "fault", failed: "fault" } as const;

export function RunRequests({ report, harKey }: { report: CanaryReport | null; harKey: string | undefined }) {
  const text = useText();
  const t = text.canary.run.requests;
  const har = useHar(harKey);
  const counts = report?.requests;
  const hosts = hostsOf(har.data?.rows ?? []);
  if (!counts && hosts.length === 0) return <Box color="text-body-secondary">{t.none}</Box>;
  return (
    <div className="m-two-tables">
      {counts && (
        <table className="m-table">
          <thead>
            <tr>
              <th scope="col">{t.kind}</th>
              <th scope="col" className="m-number-cell">
                {t.count}
              </th>
            </tr>
          </thead>
          <tbody>
            {requestKinds.map((kind) => {
              const count = counts[kind] ?? 0;
              const mark = kind in marks && count > 0 ? marks[kind as keyof typeof marks] : undefined;
              return (
                <tr key={kind}>
                  <th scope="row">
                    <span className="m-state">
                      {mark && <StateMark state={mark} size={14} />}
                      {t.names[kind]}
                    </span>
                  </th>
                  <td className="m-number-cell">{formatCount(count)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
      {hosts.length > 0 && (
        <div className="m-scroll-x">
          <table className="m-table" aria-label={t.hosts}>
            <thead>
              <tr>
                <th scope="col">{t.host}</th>
                <th scope="col" className="m-number-cell">
                  {t.count}
                </th>
                <th scope="col" className="m-number-cell">
                  {t.bytes}
                </th>
                <th scope="col" className="m-number-cell">
                  {t.total}
                </th>
                <th scope="col">{t.slowest}</th>
              </tr>
            </thead>
            <tbody>
              {hosts.map((host) => (
                <tr key={host.host}>
                  <th scope="row">
                    <span className="m-state">
                      {host.failed > 0 && <StateMark state="fault" size={14} label={`${text.canary.run.har.kinds.failed} ${host.failed}`} />}
                      {host.host || "–"}
                    </span>
                  </th>
                  <td className="m-number-cell">{formatCount(host.count)}</td>
                  <td className="m-number-cell">{formatBytes(host.bytes)}</td>
                  <td className="m-number-cell">{formatDuration(host.ms / 1000)}</td>
                  <td className="m-slowest-cell" title={host.slowest.url}>
                    {formatDuration(host.slowest.ms / 1000)} {host.slowest.path}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}
