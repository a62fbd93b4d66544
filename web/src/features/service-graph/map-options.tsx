import ButtonDropdown from "@cloudscape-design/components/button-dropdown";

import { useText } from "../../app/settings";
import type { NodeStyle } from "../../components/graph-node";

export function MapOptions({
  style,
  onChange,
}: {
  style: NodeStyle;
  onChange: (style: NodeStyle) => void;
}) {
  const text = useText();
  const option = (id: string, label: string, checked: boolean) => ({
    id,
    text: label,
    itemType: "checkbox" as const,
    checked,
  });
  return (
    <ButtonDropdown
      items={[
        {
          text: text.map.inside,
          items: [
            option("inside:metrics", text.map.insideMetrics, style.inside === "metrics"),
            option("inside:icons", text.map.insideIcons, style.inside === "icons"),
          ],
        },
        {
          text: text.map.size,
          items: (["none", "health", "traffic"] as const).map((size) =>
            option(`size:${size}`, text.map.sizes[size], style.size === size),
          ),
        },
      ]}
      onItemClick={({ detail }) => {
        const [what, value] = detail.id.split(":");
        onChange({ ...style, [what!]: value } as NodeStyle);
      }}
    >
      {text.common.options}
    </ButtonDropdown>
  );
}
