// A service, and the entity in it that took the time, in the same words on every page.

import type { EntityKind } from "../model/critical-path";
import { useText } from "./settings";

export interface Entity {
  service: string;
  name: string;
  kind: EntityKind;
}

export function EntityName({ entity }: { entity: Entity }) {
  const text = useText();
  const { service, name, kind } = entity;
  const t = text.criticalPath;
  return (
    <span className="m-entity">
      <span className="m-entity-text">
        {service}
        {name !== service && ` › ${name}`}
      </span>
      <span className="m-tag m-tag-plain" title={t.kindHelp[kind]}>
        {t.kinds[kind]}
      </span>
    </span>
  );
}
