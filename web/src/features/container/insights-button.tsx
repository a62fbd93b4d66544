// How much is measured: of a cluster, or of those to come.

import ButtonDropdown from "@cloudscape-design/components/button-dropdown";

import { useMayChange } from "../../api/hook";
import type { InsightsMode } from "../../api/ecs";
import { useText } from "../../app/settings";

const modes: readonly InsightsMode[] = ["disabled", "enabled", "enhanced"];

export function InsightsButton({
  label,
  mode,
  busy,
  onChange,
}: {
  label: string;
  mode: InsightsMode | undefined;
  busy: boolean;
  onChange: (mode: InsightsMode) => void;
}) {
  const text = useText();
  const t = text.container;
  const may = useMayChange();
  return (
    <ButtonDropdown
      loading={busy}
      disabled={!may || mode === undefined}
      {...(may ? {} : { disabledReason: text.session.readOnly })}
      expandToViewport
      items={modes.map((each) => ({
        id: each,
        itemType: "checkbox" as const,
        checked: each === mode,
        text: t.modes[each],
        description: t.modeHelp[each],
      }))}
      onItemClick={({ detail }) => onChange(detail.id as InsightsMode)}
    >
      {label}: {mode ? t.modes[mode] : "…"}
    </ButtonDropdown>
  );
}
