// Sending data: addresses, snippets, and whether anything arrives.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useNavigate } from "react-router";

import { useHealth, useSession } from "../../api/hook";
import type { Health } from "../../api/server";
import { ErrorState } from "../../app/error-state";
import { SendingGuide } from "../../app/sending-guide";
import { useSettings, useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { CopyButton } from "../../components/copy-button";
import { PageLoading } from "../../components/page-loading";
import { formatBytes, formatCount, formatDuration, formatTime } from "../../model/format";
import { traceMapPath } from "../../path";

export function SendingPage() {
  const text = useText();
  const health = useHealth(5000);
  const session = useSession().data;
  return (
    <ContentLayout
      header={
        <Header variant="h1" description={session?.required ? text.session.sending : text.sending.description}>
          {text.sending.title}
        </Header>
      }
    >
      <SpaceBetween size="l">
        {health.error && <ErrorState error={health.error} onRetry={() => void health.refetch()} />}
        {health.isPending && <PageLoading label={text.common.loading} rows={3} />}
        {health.data && <AddressBox health={health.data} />}
        <Container>
          <SendingGuide />
        </Container>
        {health.data && <Counters health={health.data} />}
      </SpaceBetween>
    </ContentLayout>
  );
}

function AddressBox({ health }: { health: Health }) {
  const text = useText();
  const t = text.sending;
  const daemon = health.listeners?.daemon ?? "–";
  const copyable = (label: string, value: string) => (
    <span className="m-wrap">
      <span className="m-mono">{value}</span>{" "}
      <CopyButton
        iconOnly
        label={`${text.common.copy}: ${label}`}
        done={text.common.copied}
        failed={text.common.copyFailed}
        value={() => value}
      />
    </span>
  );
  const otlp = [health.listeners?.otlp_grpc, health.listeners?.otlp_http].filter((address) => address != null);
  return (
    <Container header={<Header variant="h2">{t.addresses}</Header>}>
      <SpaceBetween size="s">
        <KeyValuePairs
          columns={5}
          items={[
            { label: t.udp, value: copyable(t.udp, daemon) },
            { label: t.otlp, value: otlp.length > 0 ? otlp.map((address) => <div key={address}>{copyable(t.otlp, address)}</div>) : t.off },
            { label: t.http, value: copyable(t.http, window.location.origin) },
            { label: t.region, value: health.region ?? "–" },
            { label: t.version, value: health.version ?? "–" },
          ]}
        />
        {/^(127\.|localhost|\[::1\])/.test(daemon) && (
          <Box color="text-body-secondary" fontSize="body-s">
            {t.loopback}
          </Box>
        )}
      </SpaceBetween>
    </Container>
  );
}

function sum(counts: Record<string, number> | undefined): number {
  return Object.values(counts ?? {}).reduce((a, b) => a + b, 0);
}

function Counters({ health }: { health: Health }) {
  const { text, zone } = useSettings();
  const navigate = useNavigate();
  const { printed } = useTimeRange();
  const t = text.sending;
  const { ingest, store } = health;
  const arrived = (ingest?.segments_accepted ?? 0) > 0 || (store?.traces ?? 0) > 0;
  const dropped = ingest?.datagrams_kernel_dropped ?? 0;
  const reasons = (counts: Record<string, number> | undefined) => {
    const list = Object.entries(counts ?? {}).filter(([, count]) => count > 0);
    return (
      <>
        {sum(counts) > 0 ? (
          <StatusIndicator type="warning">{formatCount(sum(counts))}</StatusIndicator>
        ) : (
          "0"
        )}
        {list.map(([reason, count]) => (
          <div key={reason} className="m-mono">
            {reason}: {formatCount(count)}
          </div>
        ))}
      </>
    );
  };
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            arrived && (
              <Button onClick={() => void navigate(traceMapPath({ range: printed }))}>
                {t.look}
              </Button>
            )
          }
        >
          {t.counters}
        </Header>
      }
    >
      <SpaceBetween size="m">
        <div role="status">
          <StatusIndicator type={arrived ? "success" : "pending"}>
            {arrived ? t.arrived : t.waiting}
          </StatusIndicator>
        </div>
        <KeyValuePairs
          columns={5}
          items={[
            { label: t.accepted, value: formatCount(ingest?.segments_accepted) },
            { label: t.rejected, value: reasons(ingest?.segments_rejected) },
            { label: t.datagrams, value: formatCount(ingest?.datagrams_received) },
            { label: t.datagramsRejected, value: reasons(ingest?.datagrams_rejected) },
            {
              label: t.dropped,
              value:
                dropped > 0 ? (
                  <StatusIndicator type="error">{`${formatCount(dropped)}. ${t.droppedHelp}`}</StatusIndicator>
                ) : (
                  "0"
                ),
            },
            { label: t.stored, value: formatCount(store?.traces) },
            { label: t.size, value: formatBytes(store?.bytes) },
            {
              label: t.retention,
              value:
                store?.retention_days === undefined ? "–" : text.range.days(store.retention_days),
            },
            { label: t.oldest, value: store?.oldest ? formatTime(store.oldest, zone) : "–" },
            { label: t.uptime, value: formatDuration(health.uptime_seconds) },
          ]}
        />
      </SpaceBetween>
    </Container>
  );
}
