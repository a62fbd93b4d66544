// Every request of a run as a waterfall, to narrow and to look into.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo, useState } from "react";

import { artifactUrl } from "../../api/canary";
import { useHar } from "../../api/canary-hook";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { CopyButton } from "../../components/copy-button";
import { FactList, type Fact } from "../../components/fact-list";
import { HarWaterfall } from "../../components/har-waterfall";
import { PageLoading } from "../../components/page-loading";
import { formatBytes, formatCount, formatDuration } from "../../model/format";
import { harPhases, narrowHar, type HarKind, type HarPair, type HarRow } from "../../model/har";

const kinds: readonly HarKind[] = ["all", "document", "script", "style", "image", "data", "failed"];

export function RunHar({ harKey }: { harKey: string | undefined }) {
  const text = useText();
  const t = text.canary.run.har;
  const har = useHar(harKey);
  const [kind, setKind] = useState<HarKind>("all");
  const [typed, setTyped] = useState("");
  const [selected, setSelected] = useState<number | undefined>(undefined);
  const rows = useMemo(() => narrowHar(har.data?.rows ?? [], kind, typed), [har.data, kind, typed]);
  if (harKey === undefined) return <Box color="text-body-secondary">{t.none}</Box>;
  if (har.error) return <ErrorState error={har.error} onRetry={() => void har.refetch()} />;
  if (har.isPending) return <PageLoading label={text.common.loading} rows={4} />;
  const all = har.data.rows;
  if (all.length === 0) return <Box color="text-body-secondary">{t.none}</Box>;
  const bytes = all.reduce((sum, row) => sum + (row.bytes ?? 0), 0);
  const row = all.find((each) => each.key === selected);
  const options = kinds
    .map((value) => ({ value, count: narrowHar(all, value, "").length }))
    .filter(({ value, count }) => value === "all" || value === kind || count > 0)
    .map(({ value, count }) => ({ value, label: `${t.kinds[value]} (${formatCount(count)})` }));
  return (
    <SpaceBetween size="s">
      <div className="m-toolbar">
        <div className="m-har-find">
          <Input
            type="search"
            ariaLabel={t.find}
            placeholder={t.find}
            value={typed}
            onChange={({ detail }) => setTyped(detail.value)}
          />
        </div>
        <Select
          ariaLabel={t.type}
          options={options}
          selectedOption={options.find((option) => option.value === kind)!}
          onChange={({ detail }) => setKind(detail.selectedOption.value as HarKind)}
        />
        <span className="m-toolbar-end">
          <Button
            variant="inline-link"
            iconName="download"
            href={artifactUrl(harKey)}
            download={harKey.split("/").at(-1)!}
          >
            {t.download}
          </Button>
        </span>
      </div>
      <div className="m-text-quiet" role="status">
        {rows.length < all.length ? `${t.shown(formatCount(rows.length), formatCount(all.length))} · ` : ""}
        {t.total(formatCount(all.length), formatBytes(bytes), formatDuration(har.data.total / 1000))}
      </div>
      {rows.length === 0 ? (
        <Box color="text-body-secondary">{t.noMatch}</Box>
      ) : (
        <HarWaterfall
          rows={rows}
          total={har.data.total}
          selected={selected}
          onSelect={setSelected}
          words={t}
        />
      )}
      {row && <Details row={row} />}
    </SpaceBetween>
  );
}

function Details({ row }: { row: HarRow }) {
  const text = useText();
  const t = text.canary.run.har;
  const facts: Fact[] = [
    [t.status, row.status === 0 ? (row.error ?? t.noAnswer) : `${row.status} ${row.statusText}`],
    [t.type, row.mimeType || "–"],
    [t.size, formatBytes(row.bytes)],
    [t.time, formatDuration(row.ms / 1000)],
    [t.began, formatDuration(row.start / 1000)],
    ...(row.step ? [[text.canary.run.steps.step, row.step] as Fact] : []),
    ...(row.serverAddress ? [[t.server, row.serverAddress] as Fact] : []),
    ...harPhases
      .filter((phase) => row.phases[phase] !== undefined)
      .map((phase): Fact => [t.phases[phase], formatDuration(row.phases[phase]! / 1000)]),
  ];
  return (
    <section className="m-har-details" aria-label={row.url} data-testid="har-details">
      <div className="m-state">
        <b className="m-break">
          {row.method} {row.url}
        </b>
        <CopyButton
          iconOnly
          label={t.copyUrl}
          done={text.common.copied}
          failed={text.common.copyFailed}
          value={() => row.url}
        />
      </div>
      <FactList facts={facts} />
      <div className="m-har-headers">
        <Headers title={t.requestHeaders} headers={row.requestHeaders} />
        <Headers title={t.responseHeaders} headers={row.responseHeaders} />
      </div>
    </section>
  );
}

function Headers({ title, headers }: { title: string; headers: readonly HarPair[] }) {
  const t = useText().canary.run.har;
  return (
    <div>
      <b>{title}</b>
      {headers.length === 0 ? (
        <div className="m-text-quiet">{t.noHeaders}</div>
      ) : (
        <dl className="m-har-pairs">
          {headers.map(({ name, value }, i) => (
            <div key={i}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}
