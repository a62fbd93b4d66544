// Where messages of a topic go: how, and to whom. What the server is not set up for is said here.

import Alert from "@cloudscape-design/components/alert";
import Checkbox from "@cloudscape-design/components/checkbox";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";

import { useNotificationSetup } from "../api/alarm-hook";
import type { NotificationSetup, Protocol } from "../api/topic";
import { isWebhook, type SubscriptionDraft } from "../model/subscription-draft";
import { useText } from "./settings";

/** HTTP and HTTPS are one choice: the address tells which. */
const offered = ["https", "email", "slack", "teams", "command"] as const satisfies readonly Protocol[];

interface SubscriptionFieldsProps {
  draft: SubscriptionDraft;
  onChange: (draft: SubscriptionDraft) => void;
  error: string | undefined;
}

export function SubscriptionFields({ draft, onChange, error }: SubscriptionFieldsProps) {
  const text = useText();
  const t = text.alarm.notification;
  const setup = useNotificationSetup().data;
  const { protocol } = draft;
  const options = offered.map((value) => ({ value, label: value === "https" ? "Webhook" : t.protocols[value] }));
  const commands = setup?.Commands ?? [];
  return (
    <SpaceBetween size="m">
      <FormField label={t.protocol} stretch>
        <Select
          ariaLabel={t.protocol}
          options={options}
          selectedOption={options.find((option) => option.value === protocol) ?? options[0]!}
          onChange={({ detail }) =>
            onChange({ ...draft, protocol: detail.selectedOption.value as Protocol, endpoint: "" })
          }
          expandToViewport
        />
      </FormField>
      <SetupNote setup={setup} protocol={protocol} />
      <FormField
        label={t.endpoints[protocol]}
        description={t.endpointHelp[protocol]}
        errorText={error}
        stretch
      >
        {protocol === "command" ? (
          <Select
            ariaLabel={t.endpoints.command}
            options={commands.map((value) => ({ value, label: value }))}
            selectedOption={draft.endpoint ? { value: draft.endpoint, label: draft.endpoint } : null}
            disabled={commands.length === 0}
            onChange={({ detail }) => onChange({ ...draft, endpoint: detail.selectedOption.value ?? "" })}
            expandToViewport
          />
        ) : (
          <Input
            value={draft.endpoint}
            placeholder={t.placeholders[protocol]}
            type={protocol === "email" ? "email" : "url"}
            spellcheck={false}
            onChange={({ detail }) => onChange({ ...draft, endpoint: detail.value })}
          />
        )}
      </FormField>
      {isWebhook(protocol) && (
        <Checkbox
          checked={draft.raw}
          description={t.rawHelp}
          onChange={({ detail }) => onChange({ ...draft, raw: detail.checked })}
        >
          {t.raw}
        </Checkbox>
      )}
    </SpaceBetween>
  );
}

const smtpExample = `[smtp]
url = "smtps://mitoshi@mail.example.com"
password_file = "/etc/mitoshi/smtp-password"
from = "mitoshi@example.com"`;

const commandExample = `[notifications.commands]
page-on-call = ["/usr/local/bin/page-on-call", "--urgent"]`;

/** Which keys of the configuration are missing; without a protocol, for mails and commands both. */
export function SetupNote({
  setup,
  protocol,
}: {
  setup: NotificationSetup | undefined;
  protocol?: Protocol | undefined;
}) {
  const t = useText().alarm.notification;
  if (!setup) return null;
  const needsSmtp = !setup.Smtp && (protocol === undefined || protocol === "email");
  const needsCommands = setup.Commands.length === 0 && (protocol === undefined || protocol === "command");
  if (!needsSmtp && !needsCommands) return null;
  return (
    <SpaceBetween size="s">
      {needsSmtp && (
        <Alert type={protocol ? "warning" : "info"} header={t.noSmtp}>
          {t.noSmtpText}
          <pre className="m-code">{smtpExample}</pre>
        </Alert>
      )}
      {needsCommands && (
        <Alert type={protocol ? "warning" : "info"} header={t.noCommands}>
          {t.noCommandsText}
          <pre className="m-code">{commandExample}</pre>
        </Alert>
      )}
    </SpaceBetween>
  );
}
