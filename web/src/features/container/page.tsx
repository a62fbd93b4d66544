// All clusters: as a list, or with every container of them at a glance.

import Header from "@cloudscape-design/components/header";
import Container from "@cloudscape-design/components/container";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";

import {
  useAccounts,
  useAllClusters,
  useDefaultInsights,
  useMetricData,
  usePutDefaultInsights,
  useTasks,
} from "../../api/hook";
import { AskedAccount } from "../../api/account";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { TimeRangeControl } from "../../app/time-range-control";
import { useUrlState } from "../../app/url-state";
import { PageLoading } from "../../components/page-loading";
import {
  clusterRows,
  containerQueries,
  containerRows,
  figureRows,
  rowPeriod,
  rowQueries,
  type ClusterRow,
  type ContainerRow,
} from "../../model/container";
import { usePlacePath } from "./use-place-path";
import { CellGrid, CellLegend, type CellGroup } from "./cell-grid";
import { InsightsButton } from "./insights-button";
import { NoClusters } from "./no-clusters";
import { ClusterTable } from "./tables";

export function ContainersPage() {
  const text = useText();
  const t = text.container;
  const url = useUrlState();
  const { window } = useTimeRange();
  const known = useAccounts();
  const { own, linked } = known.data ?? { own: "", linked: [] };
  // Without a name, what is asked for is the account's own.
  const clusters = useAllClusters(
    [undefined, ...linked],
    rowQueries("cluster", undefined, rowPeriod(window)),
    window,
  );
  const standard = useDefaultInsights();
  const put = usePutDefaultInsights();
  const all = clusters.all.flatMap((of) => clusterRows(of.clusters, figureRows(of.figures)));
  const account = url.get("account");
  const accounts = [own, ...linked].filter(Boolean);
  const rows = all.filter((row) => !account || row.account === account);
  const view = url.get("view") === "map" ? "map" : "list";
  const error = known.error ?? clusters.error ?? put.error;
  const anyAccount = { value: "", label: t.everyAccount };
  const options = [anyAccount, ...accounts.map((value) => ({ value, label: value }))];
  return (
    <SpaceBetween size="s">
      <Header
        variant="h1"
        description={t.description}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <InsightsButton
              label={t.newClusters}
              mode={standard.data}
              busy={put.isPending}
              onChange={(mode) => put.mutate(mode)}
            />
            <TimeRangeControl />
          </SpaceBetween>
        }
      >
        {t.title}
      </Header>
      <div className="m-toolbar">
        <SegmentedControl
          label={text.map.view}
          selectedId={view}
          options={[
            { id: "list", text: text.map.list },
            { id: "map", text: text.map.graph },
          ]}
          onChange={({ detail }) =>
            url.set({ view: detail.selectedId === "map" ? "map" : undefined })
          }
        />
        {(accounts.length > 1 || account) && (
          <Select
            ariaLabel={t.account}
            options={options}
            selectedOption={options.find((option) => option.value === (account ?? "")) ?? anyAccount}
            onChange={({ detail }) => url.set({ account: detail.selectedOption.value || undefined })}
          />
        )}
      </div>
      {error && <ErrorState error={error} onRetry={() => void clusters.refetch()} />}
      {clusters.isPending ? (
        <PageLoading label={text.common.loading} />
      ) : all.length === 0 ? (
        !error && <NoClusters />
      ) : view === "list" ? (
        <ClusterTable rows={rows} own={own} />
      ) : (
        <SpaceBetween size="s">
          {rows.map((row) => (
            <AskedAccount value={row.account === own ? undefined : row.account} key={`${row.account}/${row.name}`}>
              <ClusterCells row={row} isNamed={accounts.length > 1} />
            </AskedAccount>
          ))}
          <CellLegend />
        </SpaceBetween>
      )}
    </SpaceBetween>
  );
}

function ClusterCells({ row, isNamed }: { row: ClusterRow; isNamed: boolean }) {
  const text = useText();
  const t = text.container;
  const { window } = useTimeRange();
  const pathOf = usePlacePath();
  const tasks = useTasks(row.name);
  const queries = containerQueries(row.name, tasks.data ?? [], rowPeriod(window));
  const figures = useMetricData(queries, window, tasks.data !== undefined);
  const rows = containerRows(tasks.data ?? [], figureRows(figures.data ?? []));
  return (
    <Container
      header={
        <Header variant="h2" description={isNamed ? `${t.account} ${row.account}` : undefined}>
          {row.name}
        </Header>
      }
    >
      {tasks.error ? (
        <ErrorState error={tasks.error} onRetry={() => void tasks.refetch()} />
      ) : tasks.isPending ? (
        <PageLoading label={text.common.loading} rows={2} />
      ) : rows.length === 0 ? (
        <div className="m-text-quiet">{t.noTasks}</div>
      ) : (
        <CellGrid groups={groupsOf(rows, row.name, pathOf, t.withoutService)} />
      )}
    </Container>
  );
}

/** By service; what has none comes last. */
export function groupsOf(
  rows: readonly ContainerRow[],
  cluster: string,
  pathOf: ReturnType<typeof usePlacePath>,
  withoutService: string,
): CellGroup[] {
  const names = [...new Set(rows.map((row) => row.service))].sort((a, b) =>
    a === undefined ? 1 : b === undefined ? -1 : a.localeCompare(b),
  );
  return names.map((service) => ({
    title: service ?? withoutService,
    path: pathOf({ cluster, service }),
    cluster,
    rows: rows.filter((row) => row.service === service),
  }));
}
