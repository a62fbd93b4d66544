// An error: what happened, what was kept, what to do.

import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import type { ReactNode } from "react";

import { ApiError } from "../api/client";
import { useText } from "./settings";

export function ErrorState({
  error,
  onRetry,
  extra,
}: {
  error: Error;
  onRetry?: () => void;
  extra?: ReactNode;
}) {
  const text = useText();
  const api = error instanceof ApiError ? error : undefined;
  const unreachable = api?.status === 0;
  const refused = api !== undefined && api.status >= 400 && api.status < 500;
  const header = unreachable
    ? text.error.unreachable
    : refused
      ? text.error.refused
      : text.error.failed;
  return (
    <Alert
      type="error"
      header={header}
      action={onRetry && <Button onClick={onRetry}>{text.common.retry}</Button>}
    >
      {!refused && <div>{unreachable ? text.error.unreachableText : text.error.failedText}</div>}
      {error.message && !unreachable && (
        <div>
          {text.error.detail}:{" "}
          <span className="m-mono">
            {api && api.status > 0 ? `${api.type}: ` : ""}
            {error.message}
          </span>
        </div>
      )}
      {extra}
    </Alert>
  );
}
