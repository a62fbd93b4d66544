// Queries that were saved, in folders, and those that were asked lately; they stand beside the page.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { useQueryDefinitions, useQueryHistory } from "../../api/hook";
import { deleteQueryDefinition, getQueryGroups, putQueryDefinition, type QueryDefinition } from "../../api/logs";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { useSettings, useText } from "../../app/settings";
import { SidePane } from "../../app/side-pane";
import { useUrlState } from "../../app/url-state";
import { PageLoading } from "../../components/page-loading";
import { formatTime } from "../../model/format";
import { namesGroups, ownQueryMark } from "../../model/insights-query";
import { foldersOf, type QueryFolder } from "../../model/query-folder";
import { DeleteDialog, FilterForm } from "./filter-dialogs";

interface QueryLibraryProps {
  /** `definition`: what saving again changes. */
  onOpen: (query: string, groups: readonly string[] | undefined, definition: QueryDefinition | undefined) => void;
}

export function QueryLibrary({ onOpen }: QueryLibraryProps) {
  const text = useText();
  const t = text.log.library;
  const url = useUrlState();
  const tab = url.get("pane") === "history" ? "history" : "saved";
  return (
    <SidePane title={t.title} position="side" onClose={() => url.set({ pane: undefined })}>
      <Tabs
        ariaLabel={t.title}
        activeTabId={tab}
        onChange={({ detail }) => url.set({ pane: detail.activeTabId })}
        tabs={[
          { id: "saved", label: t.saved, content: <Saved onOpen={onOpen} /> },
          { id: "history", label: t.history, content: <History onOpen={onOpen} /> },
        ]}
      />
    </SidePane>
  );
}

function Saved({ onOpen }: QueryLibraryProps) {
  const text = useText();
  const t = text.log.library;
  const definitions = useQueryDefinitions(true);
  const [typed, setTyped] = useState("");
  const [deleted, setDeleted] = useState<QueryDefinition | undefined>(undefined);
  const found = useMemo(() => {
    const wanted = typed.trim().toLowerCase();
    return (definitions.data ?? []).filter(({ name, queryString }) =>
      `${name}\n${queryString}`.toLowerCase().includes(wanted),
    );
  }, [definitions.data, typed]);
  const root = useMemo(() => foldersOf(found), [found]);
  if (definitions.error)
    return <ErrorState error={definitions.error} onRetry={() => void definitions.refetch()} />;
  if (definitions.isPending) return <PageLoading label={text.common.loading} rows={3} />;
  if (definitions.data.length === 0) return <Box color="text-body-secondary">{t.noneSaved}</Box>;
  return (
    <SpaceBetween size="s">
      <Input
        type="search"
        ariaLabel={t.find}
        placeholder={t.find}
        value={typed}
        onChange={({ detail }) => setTyped(detail.value)}
      />
      {found.length === 0 ? (
        <Box color="text-body-secondary">{text.container.noMatch}</Box>
      ) : (
        <Folder folder={root} onOpen={onOpen} onDelete={setDeleted} />
      )}
      {deleted && (
        <DeleteDialog
          title={t.deleteTitle(deleted.name)}
          remove={() => deleteQueryDefinition(deleted.queryDefinitionId)}
          onDone={() => {
            setDeleted(undefined);
            void definitions.refetch();
          }}
          onCancel={() => setDeleted(undefined)}
        >
          {t.deleteText}
        </DeleteDialog>
      )}
    </SpaceBetween>
  );
}

function Folder({
  folder,
  onOpen,
  onDelete,
}: {
  folder: QueryFolder<QueryDefinition>;
  onOpen: QueryLibraryProps["onOpen"];
  onDelete: (definition: QueryDefinition) => void;
}) {
  const text = useText();
  return (
    <ul className="m-queries">
      {folder.folders.map((each) => (
        <li key={`/${each.name}`}>
          <details open>
            <summary>{each.name}</summary>
            <Folder folder={each} onOpen={onOpen} onDelete={onDelete} />
          </details>
        </li>
      ))}
      {folder.items.map(({ name, item }) => (
        <li key={item.queryDefinitionId} className="m-query-item">
          <button
            type="button"
            className="m-link-button"
            title={item.queryString}
            data-testid="saved-query"
            onClick={() => onOpen(item.queryString, item.logGroupNames, item)}
          >
            {name}
          </button>
          {(item.logGroupNames?.length ?? 0) > 0 && (
            <span className="m-text-quiet">{item.logGroupNames!.join(", ")}</span>
          )}
          <ChangeButton
            variant="inline-icon"
            iconName="remove"
            ariaLabel={`${text.common.delete}: ${item.name}`}
            onClick={() => onDelete(item)}
          />
        </li>
      ))}
    </ul>
  );
}

function History({ onOpen }: QueryLibraryProps) {
  const { text, zone } = useSettings();
  const t = text.log.library;
  const history = useQueryHistory(true);
  // The newest of those that are alike; the console's own ones are of no interest.
  const queries = useMemo(() => {
    const seen = new Set<string>();
    return [...(history.data ?? [])]
      .sort((a, b) => b.createTime - a.createTime)
      .filter(({ queryString, logGroupName }) => {
        const key = `${logGroupName ?? ""}\n${queryString}`;
        if (queryString.endsWith(ownQueryMark) || seen.has(key)) return false;
        seen.add(key);
        return true;
      });
  }, [history.data]);
  if (history.error) return <ErrorState error={history.error} onRetry={() => void history.refetch()} />;
  if (history.isPending) return <PageLoading label={text.common.loading} rows={3} />;
  return (
    <SpaceBetween size="s">
      <Button iconName="refresh" loading={history.isFetching} onClick={() => void history.refetch()}>
        {text.range.refresh}
      </Button>
      {queries.length === 0 ? (
        <Box color="text-body-secondary">{t.noHistory}</Box>
      ) : (
        <ul className="m-queries">
          {queries.map((query) => (
            <li key={query.queryId}>
              <button
                type="button"
                className="m-past-query"
                data-testid="past-query"
                onClick={() =>
                  // What names its groups itself leaves the chosen ones as they are.
                  namesGroups(query.queryString)
                    ? onOpen(query.queryString, undefined, undefined)
                    : void getQueryGroups(query).then((groups) => onOpen(query.queryString, groups, undefined))
                }
              >
                <code>{query.queryString}</code>
                <span className="m-text-quiet">
                  {[formatTime(query.createTime / 1000, zone), query.logGroupName, t.status[query.status] ?? query.status]
                    .filter(Boolean)
                    .join(" · ")}
                </span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </SpaceBetween>
  );
}

interface SaveDialogProps {
  query: string;
  groups: string[];
  loaded: QueryDefinition | undefined;
  onDone: (definition: QueryDefinition) => void;
  onCancel: () => void;
}

export function SaveDialog({ query, groups, loaded, onDone, onCancel }: SaveDialogProps) {
  const text = useText();
  const t = text.log.library;
  const queries = useQueryClient();
  const [name, setName] = useState(loaded?.name ?? "");
  const [checked, setChecked] = useState(false);
  // Under its old name it is changed, under another one it becomes a new one.
  const id = loaded && loaded.name === name.trim() ? loaded.queryDefinitionId : undefined;
  const wrong = name.trim() === "" || name.trim().length > 255 ? t.badName : undefined;
  const save = useMutation({
    mutationFn: () =>
      putQueryDefinition({
        ...(id ? { queryDefinitionId: id } : {}),
        name: name.trim(),
        queryString: query,
        logGroupNames: groups,
      }),
    onSuccess: ({ queryDefinitionId }) => {
      void queries.invalidateQueries({ queryKey: ["QueryDefinitions"] });
      onDone({ queryDefinitionId, name: name.trim(), queryString: query, logGroupNames: groups });
    },
  });
  return (
    <FilterForm
      title={id ? t.change : t.save}
      error={save.error}
      isSaving={save.isPending}
      onCancel={onCancel}
      onSubmit={() => {
        setChecked(true);
        if (!wrong) save.mutate();
      }}
    >
      <FormField label={t.name} description={t.nameHelp} errorText={checked ? wrong : undefined} stretch>
        <Input autoFocus value={name} placeholder="shop/errors" onChange={({ detail }) => setName(detail.value)} />
      </FormField>
      <FormField label={text.log.query} stretch>
        <pre className="m-code m-code-wrap">{query}</pre>
      </FormField>
      {groups.length > 0 && (
        <FormField label={text.log.groups} stretch>
          <div>{groups.join(", ")}</div>
        </FormField>
      )}
    </FilterForm>
  );
}
