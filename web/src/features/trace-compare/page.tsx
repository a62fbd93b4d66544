// Two traces beside each other: facts, timelines on one scale, and their entities by difference.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo } from "react";

import { useHealth, useTrace } from "../../api/hook";
import type { Trace } from "../../api/xray";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { useUrlState } from "../../app/url-state";
import { CopyButton } from "../../components/copy-button";
import { PageLoading } from "../../components/page-loading";
import { formatDuration } from "../../model/format";
import { isInProgress } from "../../model/segment";
import { compareTraces, countPairs, type EntityPair } from "../../model/trace-compare";
import { normalizeTraceId } from "../../model/trace-id";
import { buildWaterfall, type Waterfall } from "../../model/waterfall";
import { EntityTable } from "./entity-table";
import { IdForm } from "./id-form";
import { SideFacts } from "./side-facts";
import { TimelinePair } from "./timeline-pair";

export function TraceComparePage() {
  const text = useText();
  const url = useUrlState();
  const a = idOf(url.get("a"));
  const b = idOf(url.get("b"));
  return (
    <SpaceBetween size="s">
      <Header
        variant="h1"
        description={text.compare.description}
        actions={
          a &&
          b && (
            <SpaceBetween direction="horizontal" size="xs">
              <Button onClick={() => url.set({ a: b, b: a, pair: undefined })}>
                {text.compare.swap}
              </Button>
              <CopyButton
                label={text.trace.copyLink}
                done={text.common.copied}
                failed={text.common.copyFailed}
                value={() => location.href}
              />
            </SpaceBetween>
          )
        }
      >
        {text.compare.title}
      </Header>
      {a && b ? <Both a={a} b={b} /> : <IdForm a={url.get("a") ?? ""} b={url.get("b") ?? ""} />}
    </SpaceBetween>
  );
}

function idOf(text: string | undefined): string | undefined {
  return text && normalizeTraceId(text);
}

function Both({ a, b }: { a: string; b: string }) {
  const text = useText();
  const [one, other] = [useTrace(a), useTrace(b)];
  const health = useHealth();
  const failed = [one, other].find((query) => query.error);
  if (failed?.error)
    return <ErrorState error={failed.error} onRetry={() => void failed.refetch()} />;
  if (one.isPending || other.isPending) return <PageLoading label={text.trace.loadingTrace} />;
  const missing = !one.data ? text.compare.a : !other.data ? text.compare.b : undefined;
  if (!one.data || !other.data)
    return (
      <SpaceBetween size="m">
        <Box textAlign="center" padding={{ top: "l" }} data-testid="trace-not-found">
          <Box variant="h2">{text.compare.missing(missing!)}</Box>
          <span className="m-mono">{one.data ? b : a}</span>
          <Box color="text-body-secondary">
            {text.trace.notFoundText(String(health.data?.store?.retention_days ?? 30))}
          </Box>
        </Box>
        <IdForm a={one.data ? a : ""} b={other.data ? b : ""} />
      </SpaceBetween>
    );
  return (
    <Comparison
      a={one.data}
      b={other.data}
      at={Math.max(one.dataUpdatedAt, other.dataUpdatedAt) / 1000}
    />
  );
}

function Comparison({ a, b, at }: { a: Trace; b: Trace; at: number }) {
  const text = useText();
  const url = useUrlState();
  const [one, other] = useMemo(
    () => [buildWaterfall(a, at), buildWaterfall(b, at)] as const,
    [a, b, at],
  );
  const pairs = useMemo(() => compareTraces(one, other), [one, other]);
  const chosen = url.get("pair");
  const pair = pairs.find((p) => p.key === chosen);
  const choose = (next: EntityPair | undefined) => url.set({ pair: next?.key });
  return (
    <SpaceBetween size="m">
      <Container>
        <div className="m-compare" data-testid="compare-facts">
          <SideFacts side="a" waterfall={one} />
          <SideFacts side="b" waterfall={other} />
        </div>
        <Verdict a={one} b={other} pairs={pairs} />
      </Container>
      <TimelinePair a={one} b={other} pairs={pairs} pair={pair} onChoose={choose} />
      <EntityTable a={one.id} b={other.id} pairs={pairs} pair={pair} onChoose={choose} />
      <span className="m-visually-hidden">{text.compare.ids(one.id, other.id)}</span>
    </SpaceBetween>
  );
}

function responseTime({ root }: Waterfall): number | undefined {
  return root && !isInProgress(root.document)
    ? root.interval.end - root.interval.start
    : undefined;
}

function Verdict({ a, b, pairs }: { a: Waterfall; b: Waterfall; pairs: readonly EntityPair[] }) {
  const text = useText();
  const t = text.compare;
  const [one, other] = [responseTime(a), responseTime(b)];
  const counts = countPairs(pairs);
  const by = (other ?? 0) - (one ?? 0);
  const times = (more: number, less: number) => (more / less).toFixed(more / less < 10 ? 1 : 0);
  const sentence =
    one === undefined || other === undefined || one <= 0 || other <= 0
      ? t.noTime
      : Math.abs(by) < 1e-6
        ? t.same
        : by > 0
          ? t.longer(formatDuration(by), times(other, one))
          : t.shorter(formatDuration(-by), times(one, other));
  return (
    <p className="m-verdict" data-testid="compare-verdict">
      <b>{sentence}</b> {t.counts(counts.both, counts.onlyA, counts.onlyB, counts.changed)}
    </p>
  );
}
