import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import { useNavigate } from "react-router";

import { useMayChange } from "../../api/hook";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { createAlarmPath, createCompositeAlarmPath } from "../../path";

export function CreateMenu() {
  const text = useText();
  const t = text.alarm;
  const may = useMayChange();
  const navigate = useNavigate();
  const { printed: range } = useTimeRange();
  return (
    <ButtonDropdown
      variant="primary"
      disabled={!may}
      {...(may ? {} : { disabledReason: text.session.readOnly })}
      expandToViewport
      items={[
        { id: "metric", text: t.createMetric, description: t.createMetricHelp },
        { id: "composite", text: t.createComposite, description: t.createCompositeHelp },
      ]}
      onItemClick={({ detail }) =>
        void navigate(detail.id === "metric" ? createAlarmPath({ range }) : createCompositeAlarmPath({ range }))
      }
    >
      {t.create}
    </ButtonDropdown>
  );
}
