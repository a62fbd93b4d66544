// What has just been done, until somebody closes it.

import Flashbar from "@cloudscape-design/components/flashbar";

import { useText } from "./settings";

export interface NoticeMessage {
  type: "success" | "warning" | "info";
  content: string;
  /** It goes on. */
  loading?: boolean;
}

export function Notice({ message, onClose }: { message: NoticeMessage | undefined; onClose: () => void }) {
  const text = useText();
  if (!message) return null;
  return (
    <Flashbar
      items={[
        { id: "notice", ...message, dismissible: true, dismissLabel: text.common.close, onDismiss: onClose },
      ]}
    />
  );
}
