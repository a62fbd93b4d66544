import { useCollection } from "@cloudscape-design/collection-hooks";
import Button from "@cloudscape-design/components/button";
import CollectionPreferences, {
  type CollectionPreferencesProps,
} from "@cloudscape-design/components/collection-preferences";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import Table from "@cloudscape-design/components/table";
import { useMemo, useState, type ReactNode } from "react";
import { useNavigate } from "react-router";

import type { TraceSummary } from "../../api/xray";
import { useSettings, useStored } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { useUrlState } from "../../app/url-state";
import { formatCount } from "../../model/format";
import { traceComparePath } from "../../path";
import { traceColumns } from "./table-columns";

const defaults = {
  pageSize: 100,
  wrapLines: false,
  contentDisplay: [
    "responseTime",
    "state",
    "method",
    "url",
    "httpStatus",
    "start",
    "entry",
    "duration",
    "id",
    "user",
    "annotations",
  ].map((id) => ({
    id,
    visible: id !== "duration" && id !== "user" && id !== "annotations",
  })),
};

export function TraceTable({
  summaries,
  loading,
  note,
}: {
  summaries: readonly TraceSummary[];
  loading: boolean;
  note: ReactNode;
}) {
  const { text, zone } = useSettings();
  const url = useUrlState();
  const { printed } = useTimeRange();
  const [preferences, setPreferences] = useStored<CollectionPreferencesProps.Preferences>(
    "trace-table",
    defaults,
  );
  const columns = useMemo(() => traceColumns(text, zone, printed), [text, zone, printed]);
  const [sortId, direction] = (url.get("sort") ?? "responseTime~desc").split("~");
  const sortingColumn = columns.find((c) => c.id === sortId) ?? columns[0]!;
  const sorting = { sortingColumn, isDescending: direction !== "asc" };
  const { items, collectionProps, paginationProps } = useCollection(summaries, {
    sorting: { defaultState: sorting },
    pagination: { pageSize: preferences.pageSize ?? 100 },
  });
  const t = text.traces;
  const navigate = useNavigate();
  const [selected, setSelected] = useState<TraceSummary[]>([]);
  // Those that a new search did not bring back are no longer selected.
  const chosen = selected.filter((one) => summaries.some((s) => s.Id === one.Id));
  const [a, b] = [...chosen].sort((x, y) => (x.ResponseTime ?? 0) - (y.ResponseTime ?? 0));
  return (
    <div className="m-choose-two">
      <Table
        {...collectionProps}
        onSortingChange={(event) => {
          collectionProps.onSortingChange?.(event);
          const id = columns.find(
            (c) =>
              c.sortingComparator &&
              c.sortingComparator === event.detail.sortingColumn.sortingComparator,
          )?.id;
          if (id) url.set({ sort: `${id}~${event.detail.isDescending ? "desc" : "asc"}` });
        }}
        items={items}
        columnDefinitions={columns}
        columnDisplay={preferences.contentDisplay ?? defaults.contentDisplay}
        wrapLines={preferences.wrapLines ?? false}
        resizableColumns
        variant="container"
        stickyHeader
        contentDensity="compact"
        trackBy="Id"
        selectionType="multi"
        selectedItems={chosen}
        onSelectionChange={({ detail }) => setSelected(detail.selectedItems.slice(0, 2))}
        // More than two cannot be compared.
        isItemDisabled={(item) => chosen.length >= 2 && !chosen.some((one) => one.Id === item.Id)}
        loading={loading}
        loadingText={t.scanning}
        empty={t.noValues}
        header={
          <Header
            variant="h2"
            counter={`(${formatCount(summaries.length)})`}
            description={note}
            actions={
              <Button
                disabled={chosen.length !== 2}
                disabledReason={text.compare.chooseTwo}
                onClick={() =>
                  void navigate(traceComparePath({ a: a?.Id, b: b?.Id, range: printed }))
                }
              >
                {text.compare.compare}
              </Button>
            }
          >
            {t.table}
          </Header>
        }
        pagination={
          <Pagination
            {...paginationProps}
            ariaLabels={{
              nextPageLabel: t.nextPage,
              previousPageLabel: t.previousPage,
              pageLabel: t.page,
            }}
          />
        }
        preferences={<Preferences value={preferences} onChange={setPreferences} />}
        ariaLabels={{
          tableLabel: t.table,
          selectionGroupLabel: text.compare.chooseTwo,
          itemSelectionLabel: (_, item) => item.Id,
          allItemsSelectionLabel: () => text.compare.chooseTwo,
        }}
      />
    </div>
  );
}

function Preferences({
  value,
  onChange,
}: {
  value: CollectionPreferencesProps.Preferences;
  onChange: (value: CollectionPreferencesProps.Preferences) => void;
}) {
  const { text } = useSettings();
  const t = text.traces;
  return (
    <CollectionPreferences
      title={text.common.preferences}
      confirmLabel={text.app.confirm}
      cancelLabel={text.common.cancel}
      preferences={{ ...defaults, ...value }}
      onConfirm={({ detail }) => onChange(detail)}
      pageSizePreference={{
        title: t.rows,
        options: [20, 50, 100].map((size) => ({ value: size, label: t.rowsOption(size) })),
      }}
      wrapLinesPreference={{ label: t.wrap }}
      contentDisplayPreference={{
        title: t.visibleColumns,
        options: defaults.contentDisplay.map(({ id }) => ({
          id,
          label: t.columns[id as keyof typeof t.columns],
          alwaysVisible: id === "responseTime",
        })),
      }}
    />
  );
}
