// The groups that a canary is in.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Table from "@cloudscape-design/components/table";
import { useState } from "react";
import { Link } from "react-router";

import { disassociate, type Canary } from "../../api/canary";
import { useCanaryChange, useCanaryGroups } from "../../api/canary-hook";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { canariesPath } from "../../path";
import { isMember } from "./canary-rows";
import { AddToGroup } from "./group-dialogs";

export function CanaryGroups({ canary }: { canary: Canary }) {
  const text = useText();
  const t = text.canary.groups;
  const { printed: range } = useTimeRange();
  const groups = useCanaryGroups();
  const [adding, setAdding] = useState(false);
  const leave = useCanaryChange(({ id, arn }: { id: string; arn: string }) => disassociate(id, arn));
  if (groups.error)
    return <ErrorState error={groups.error} onRetry={() => void groups.refetch()} />;
  const own = (groups.data ?? []).filter((group) => isMember(group, canary.Name));
  return (
    <>
      {leave.error && <ErrorState error={leave.error} />}
      <Table
        items={own}
        trackBy="Id"
        variant="container"
        loading={groups.isPending}
        loadingText={text.common.loading}
        header={
          <Header
            variant="h2"
            counter={`(${own.length})`}
            description={t.text}
            actions={<ChangeButton onClick={() => setAdding(true)}>{t.add}</ChangeButton>}
          >
            {text.canary.list.groups}
          </Header>
        }
        empty={<Box color="text-body-secondary">{t.none}</Box>}
        ariaLabels={{ tableLabel: text.canary.list.groups }}
        columnDefinitions={[
          {
            id: "name",
            header: text.canary.name,
            cell: (group) => (
              <Link to={canariesPath({ range, group: group.Name })} className="m-link">
                {group.Name}
              </Link>
            ),
            isRowHeader: true,
          },
          {
            id: "members",
            header: text.canary.title,
            cell: (group) => group.resources.length,
          },
          {
            id: "leave",
            header: <span className="m-visually-hidden">{text.common.delete}</span>,
            cell: (group) => (
              <Button
                variant="inline-link"
                ariaLabel={t.remove(group.Name)}
                onClick={() =>
                  leave.mutate({
                    id: group.Id,
                    arn: group.resources.find((arn) => arn.endsWith(`:canary:${canary.Name}`))!,
                  })
                }
              >
                {text.canary.form.remove}
              </Button>
            ),
          },
        ]}
      />
      {adding && (
        <AddToGroup
          canaries={[canary]}
          groups={groups.data ?? []}
          onClose={() => setAdding(false)}
        />
      )}
    </>
  );
}
