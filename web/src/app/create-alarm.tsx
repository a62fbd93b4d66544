// "Create alarm": the form, with what the page is about filled in.

import type { ButtonProps } from "@cloudscape-design/components/button";
import { useNavigate } from "react-router";

import { createAlarmPath } from "../path";
import { ChangeButton } from "./change-button";
import { useText } from "./settings";
import { useTimeRange } from "./time-range";

interface CreateAlarmProps {
  prefill?: Parameters<typeof createAlarmPath>[0];
  variant?: ButtonProps.Variant;
  ariaLabel?: string;
  disabled?: boolean;
}

export function CreateAlarmButton({ prefill = {}, variant = "normal", ariaLabel, disabled }: CreateAlarmProps) {
  const text = useText();
  const navigate = useNavigate();
  const { printed: range } = useTimeRange();
  return (
    <ChangeButton
      variant={variant}
      {...(ariaLabel ? { ariaLabel } : {})}
      {...(disabled ? { disabled } : {})}
      onClick={() => void navigate(createAlarmPath({ range, ...prefill }))}
    >
      {text.alarm.create}
    </ChangeButton>
  );
}
