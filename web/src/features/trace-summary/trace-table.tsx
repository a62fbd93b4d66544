import { useCollection } from "@cloudscape-design/collection-hooks";
import CollectionPreferences, {
  type CollectionPreferencesProps,
} from "@cloudscape-design/components/collection-preferences";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import Table from "@cloudscape-design/components/table";
import { useMemo, type ReactNode } from "react";

import type { TraceSummary } from "../../api/xray";
import { useSettings, useStored } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { useUrlState } from "../../app/url-state";
import { formatCount } from "../../model/format";
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
  return (
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
      loading={loading}
      loadingText={t.scanning}
      empty={t.noValues}
      header={
        <Header variant="h2" counter={`(${formatCount(summaries.length)})`} description={note}>
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
      ariaLabels={{ tableLabel: t.table }}
    />
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
