// How to send data here. Also what an empty map and an empty list of traces show.

import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";

import { useHealth } from "../api/hook";
import { CopyButton } from "../components/copy-button";
import * as snippets from "../model/snippets";
import { useStored, useText } from "./settings";

export function useAddresses(): snippets.Addresses {
  const health = useHealth();
  return {
    api: window.location.origin,
    daemon: reachable(health.data?.listeners?.daemon ?? "127.0.0.1:2000"),
    otlp: reachable(health.data?.listeners?.otlp_http ?? "127.0.0.1:4318"),
  };
}

/** "All addresses" is nothing to send to: the name in the address bar is. */
function reachable(address: string): string {
  return address.replace(/^(0\.0\.0\.0|\[::\])(?=:)/, window.location.hostname);
}

export function Snippet({ code, label }: { code: string; label: string }) {
  const text = useText();
  return (
    <div className="m-snippet">
      <pre className="m-code" tabIndex={0} aria-label={label}>
        {code}
      </pre>
      <span className="m-snippet-copy">
        <CopyButton
          iconOnly
          label={`${text.common.copy}: ${label}`}
          done={text.common.copied}
          failed={text.common.copyFailed}
          value={() => code}
        />
      </span>
    </div>
  );
}

export function SendingGuide() {
  const text = useText();
  const t = text.sending;
  const at = useAddresses();
  const [tab, setTab] = useStored("sending-tab", "node");
  const install = (command: string) => (
    <div>
      {t.install} <Snippet code={command} label={t.install} />
    </div>
  );
  const environment = (
    <div>
      {t.environment} <Snippet code={snippets.environmentSnippet(at)} label={t.environment} />
    </div>
  );
  return (
    <Tabs
      activeTabId={tab}
      onChange={({ detail }) => setTab(detail.activeTabId)}
      ariaLabel={t.title}
      tabs={[
        {
          id: "node",
          label: t.node,
          content: (
            <SpaceBetween size="s">
              <div>{t.nodeText}</div>
              {install("npm install aws-xray-sdk express")}
              <Snippet code={snippets.nodeSnippet()} label={t.node} />
              {environment}
            </SpaceBetween>
          ),
        },
        {
          id: "python",
          label: t.python,
          content: (
            <SpaceBetween size="s">
              {install("pip install aws-xray-sdk flask")}
              <div>{t.flaskText}</div>
              <Snippet code={snippets.flaskSnippet(at)} label="Flask" />
              <div>{t.djangoText}</div>
              <Snippet code={snippets.djangoSnippet(at)} label="Django" />
            </SpaceBetween>
          ),
        },
        {
          id: "otel",
          label: t.otel,
          content: (
            <SpaceBetween size="s">
              <div>{t.otelText}</div>
              <Snippet code={snippets.otelSnippet(at)} label={t.otel} />
              <div>{t.collectorText}</div>
              <Snippet code={snippets.collectorSnippet(at)} label={t.collectorText} />
            </SpaceBetween>
          ),
        },
        {
          id: "daemon",
          label: t.daemon,
          content: (
            <SpaceBetween size="s">
              <div>{t.daemonText}</div>
              <Snippet code={snippets.daemonSnippet(at)} label="cfg.yaml" />
              <div>{t.daemonNote}</div>
              <Snippet code={snippets.anyCredentials} label={t.environment} />
            </SpaceBetween>
          ),
        },
        {
          id: "cli",
          label: t.cli,
          content: (
            <SpaceBetween size="s">
              <div>{t.cliText}</div>
              <Snippet code={snippets.cliSnippet(at)} label={t.cli} />
            </SpaceBetween>
          ),
        },
      ]}
    />
  );
}
