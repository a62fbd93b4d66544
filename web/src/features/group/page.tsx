// Groups: filter expressions with a name, which the map, the traces and the insights can be narrowed to.

import Alert from "@cloudscape-design/components/alert";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Flashbar from "@cloudscape-design/components/flashbar";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";

import type { Group } from "../../api/group";
import { useGroups } from "../../api/hook";
import { ChangeButton } from "../../app/change-button";
import { CliButton } from "../../app/cli-button";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { useUrlState } from "../../app/url-state";
import { PageLoading } from "../../components/page-loading";
import { cloneName, defaultGroup } from "../../model/group";
import { DeleteGroup } from "./delete-group";
import { GroupForm } from "./group-form";
import { GroupTable } from "./group-table";

export function GroupsPage() {
  const text = useText();
  const url = useUrlState();
  const groups = useGroups();
  const [done, setDone] = useState<string | undefined>(undefined);
  const open = (action: string | undefined, name?: string) => url.set({ action, name });
  const close = (message?: string) => {
    open(undefined);
    if (message === undefined) return;
    setDone(message);
    void groups.refetch();
  };
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          description={text.group.description}
          actions={<CliButton operation="get-groups" options={[]} />}
        >
          {text.group.title}
        </Header>
      }
    >
      <SpaceBetween size="l">
        {done && (
          <Flashbar
            items={[
              {
                type: "success",
                content: done,
                dismissible: true,
                dismissLabel: text.common.close,
                onDismiss: () => setDone(undefined),
                id: "done",
              },
            ]}
          />
        )}
        {groups.error ? (
          <ErrorState error={groups.error} onRetry={() => void groups.refetch()} />
        ) : groups.isPending ? (
          <PageLoading label={text.common.loading} />
        ) : (
          <>
            <GroupTable
              groups={groups.data}
              onAction={(action, group) => open(action, group.GroupName)}
              create={
                <ChangeButton variant="primary" onClick={() => open("create")}>
                  {text.group.create}
                </ChangeButton>
              }
            />
            <Dialog groups={groups.data} onDone={close} onCancel={() => close()} />
          </>
        )}
      </SpaceBetween>
    </ContentLayout>
  );
}

/** What the address asks for: a link can open the form of a group. */
function Dialog({
  groups,
  onDone,
  onCancel,
}: {
  groups: readonly Group[];
  onDone: (message: string) => void;
  onCancel: () => void;
}) {
  const text = useText();
  const url = useUrlState();
  const action = url.get("action");
  const name = url.get("name");
  const taken = groups.map((group) => group.GroupName);
  const group = groups.find((each) => each.GroupName === name);
  const shared = { taken, onDone, onCancel };
  if (action === "create") return <GroupForm key="create" {...shared} />;
  if (action === undefined) return null;
  if (!group)
    return (
      <Alert type="info" dismissible dismissAriaLabel={text.common.close} onDismiss={onCancel}>
        {text.group.gone(name ?? "")}
      </Alert>
    );
  const key = `${action} ${group.GroupName}`;
  if (action === "edit") return <GroupForm key={key} {...shared} group={group} />;
  if (action === "clone")
    return (
      <GroupForm
        key={key}
        {...shared}
        source={group}
        suggestedName={cloneName(group.GroupName, taken)}
      />
    );
  if (action === "delete" && group.GroupName !== defaultGroup)
    return <DeleteGroup key={key} name={group.GroupName} onDone={onDone} onCancel={onCancel} />;
  return null;
}
