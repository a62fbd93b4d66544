// What a canary can do, to choose from: in the form, and where there is no canary yet.

import type { ReactNode } from "react";

import { useText } from "../../app/settings";
import { blueprints, type Blueprint } from "../../model/canary";

const drawings: Record<Blueprint, ReactNode> = {
  heartbeat: <path d="M2 12h5l2-6 4 12 3-9 1.5 3H22" />,
  api: <path d="M8 5c-3 0-2 6-5 7 3 1 2 7 5 7M16 5c3 0 2 6 5 7-3 1-2 7-5 7M10.5 12h3" />,
  "multi-checks": <path d="M3 6l2 2 3-4M3 13l2 2 3-4M3 20l2 2 3-4M12 6h9M12 13h9M12 20h9" />,
  "broken-links": <path d="M9 7H7a5 5 0 000 10h2M15 7h2a5 5 0 014 8M8 12h4M14 14l6 6M20 14l-6 6" />,
  visual: <path d="M2 4h12v12H2zM10 8h12v12H10z" />,
  workflow: <path d="M5 3l7 16 2.3-6.7L21 10zM15 15l5 5" />,
  script: <path d="M4 3h11l5 5v13H4zM15 3v5h5M10 12l-2.5 2.5L10 17M14 12l2.5 2.5L14 17" />,
};

export function BlueprintMark({ blueprint, size = 24 }: { blueprint: Blueprint; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" className="m-blueprint-mark" aria-hidden="true">
      {drawings[blueprint]}
    </svg>
  );
}

export function BlueprintCards({
  chosen,
  onChoose,
  label,
}: {
  /** Undefined: they lead to the form, and none of them is chosen. */
  chosen?: Blueprint;
  onChoose: (blueprint: Blueprint) => void;
  label: string;
}) {
  const t = useText().canary;
  return (
    <div className="m-blueprints" role="group" aria-label={label}>
      {blueprints.map((blueprint) => (
        <button
          key={blueprint}
          type="button"
          className="m-blueprint"
          data-blueprint={blueprint}
          {...(chosen ? { "aria-pressed": chosen === blueprint } : {})}
          onClick={() => onChoose(blueprint)}
        >
          <BlueprintMark blueprint={blueprint} />
          <span>
            <b>{t.blueprints[blueprint]}</b>
            <span>{t.blueprintHelp[blueprint]}</span>
          </span>
        </button>
      ))}
    </div>
  );
}
