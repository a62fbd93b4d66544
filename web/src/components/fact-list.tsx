// Labels and what they stand for.

import type { ReactNode } from "react";

export type Fact = [label: string, value: ReactNode];

export function FactList({ facts, grid = false }: { facts: readonly Fact[]; grid?: boolean }) {
  return (
    <dl className={`m-facts${grid ? " m-facts-grid" : ""}`}>
      {facts.map(([label, value]) => (
        <div key={label} className="m-fact">
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
