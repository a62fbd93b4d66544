import Button, { type ButtonProps } from "@cloudscape-design/components/button";
import { useRef, useState } from "react";

import { copyText } from "./clipboard";

interface CopyButtonProps {
  label: string;
  done: string;
  failed: string;
  value: () => string;
  iconOnly?: boolean;
  variant?: ButtonProps.Variant;
}

/** The label itself tells the outcome for two seconds, so nothing pops up or moves. */
export function CopyButton({ label, done, failed, value, iconOnly, variant }: CopyButtonProps) {
  const [outcome, setOutcome] = useState<"done" | "failed" | undefined>(undefined);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const shown = outcome === "done" ? done : outcome === "failed" ? failed : label;
  const copy = () => {
    void copyText(value()).then((ok) => {
      setOutcome(ok ? "done" : "failed");
      clearTimeout(timer.current);
      timer.current = setTimeout(() => setOutcome(undefined), 2000);
    });
  };
  return (
    <>
      <Button
        iconName={outcome === "done" ? "check" : outcome === "failed" ? "close" : "copy"}
        variant={variant ?? (iconOnly ? "inline-icon" : "normal")}
        ariaLabel={shown}
        onClick={copy}
      >
        {iconOnly ? undefined : shown}
      </Button>
      <span className="m-visually-hidden" role="status">
        {outcome ? shown : ""}
      </span>
    </>
  );
}
