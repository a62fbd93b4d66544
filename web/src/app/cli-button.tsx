// "Copy as AWS CLI command": what the page shows, a terminal can ask for too.

import { useSession } from "../api/hook";
import { CopyButton } from "../components/copy-button";
import { awsCommand } from "../model/aws-cli";
import { useText } from "./settings";

export function CliButton({
  operation,
  options,
  service,
}: {
  operation: string;
  options: Parameters<typeof awsCommand>[2];
  /** Absent: X-Ray. */
  service?: "cloudwatch";
}) {
  const text = useText();
  const signed = useSession().data?.required ?? false;
  return (
    <CopyButton
      label={text.common.copyCommand}
      done={text.common.copied}
      failed={text.common.copyFailed}
      value={() => awsCommand(operation, window.location.origin, options, signed, service)}
    />
  );
}
