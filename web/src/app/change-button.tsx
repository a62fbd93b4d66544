// Buttons that create, edit or delete: for those who may only read they stand there, with the reason why they do nothing.

import Button, { type ButtonProps } from "@cloudscape-design/components/button";

import { useMayChange } from "../api/hook";
import { useText } from "./settings";

export function ChangeButton(props: ButtonProps) {
  const text = useText();
  const may = useMayChange();
  return (
    <Button
      {...props}
      {...(may ? {} : { disabled: true, disabledReason: text.session.readOnly })}
    />
  );
}
