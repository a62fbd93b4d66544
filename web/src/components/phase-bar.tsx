// Where the time of one request went: a small bar, told in words as well.

import { formatDuration } from "../model/format";

export interface Phase {
  key: string;
  name: string;
  ms: number;
  className: string;
}

export function PhaseBar({ phases }: { phases: readonly Phase[] }) {
  const shown = phases.filter((phase) => phase.ms > 0);
  const told = shown.map((phase) => `${phase.name} ${formatDuration(phase.ms / 1000)}`).join(", ");
  if (shown.length === 0) return null;
  return (
    <span className="m-phase-bar" role="img" aria-label={told} title={told.replaceAll(", ", "\n")}>
      {shown.map((phase) => (
        <span key={phase.key} className={phase.className} style={{ flexGrow: phase.ms }} />
      ))}
    </span>
  );
}
