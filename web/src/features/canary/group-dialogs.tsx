// Groups of canaries: a new one, one that goes, and canaries that come into one.

import Autosuggest from "@cloudscape-design/components/autosuggest";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState, type ReactNode } from "react";

import { associate, createCanaryGroup, deleteCanaryGroup } from "../../api/canary";
import { useCanaryChange } from "../../api/canary-hook";
import { useHealth } from "../../api/hook";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { canaryArn } from "../../model/canary";
import type { CanaryRow, GroupWithMembers } from "./canary-rows";

export function Dialog({
  title,
  action,
  isGood = true,
  isPending,
  error,
  onAction,
  onClose,
  children,
}: {
  title: string;
  action: string;
  isGood?: boolean;
  isPending: boolean;
  error: Error | null;
  onAction: () => void;
  onClose: () => void;
  children: ReactNode;
}) {
  const text = useText();
  return (
    <Modal
      visible
      onDismiss={onClose}
      closeAriaLabel={text.common.close}
      header={title}
      footer={
        <SpaceBetween direction="horizontal" size="xs" className="m-end">
          <Button variant="link" onClick={onClose}>
            {text.common.cancel}
          </Button>
          <ChangeButton
            variant="primary"
            disabled={!isGood}
            loading={isPending}
            loadingText={text.common.loading}
            onClick={onAction}
          >
            {action}
          </ChangeButton>
        </SpaceBetween>
      }
    >
      <SpaceBetween size="s">
        {error && <ErrorState error={error} />}
        {children}
      </SpaceBetween>
    </Modal>
  );
}

export function NewGroup({ taken, onClose }: { taken: readonly string[]; onClose: () => void }) {
  const text = useText();
  const [name, setName] = useState("");
  const create = useCanaryChange(createCanaryGroup, onClose);
  const isGood = isGroupName(name) && !taken.includes(name.trim());
  return (
    <Dialog
      title={text.canary.list.newGroup}
      action={text.common.create}
      isGood={isGood}
      isPending={create.isPending}
      error={create.error}
      onAction={() => create.mutate(name.trim())}
      onClose={onClose}
    >
      <FormField label={text.canary.name}>
        <Input
          value={name}
          onChange={({ detail }) => setName(detail.value)}
          onKeyDown={({ detail }) => detail.key === "Enter" && isGood && create.mutate(name.trim())}
        />
      </FormField>
    </Dialog>
  );
}

export function DeleteGroup({ group, onClose }: { group: GroupWithMembers; onClose: () => void }) {
  const text = useText();
  const t = text.canary.list;
  const remove = useCanaryChange(deleteCanaryGroup, onClose);
  return (
    <Dialog
      title={t.groupDeleteTitle(group.Name)}
      action={text.common.delete}
      isPending={remove.isPending}
      error={remove.error}
      onAction={() => remove.mutate(group.Id)}
      onClose={onClose}
    >
      <div>{t.groupDeleteText}</div>
    </Dialog>
  );
}

/** Into a group that there is, or into a new one. */
export function AddToGroup({
  canaries,
  groups,
  onClose,
}: {
  canaries: readonly CanaryRow["canary"][];
  groups: readonly GroupWithMembers[];
  onClose: () => void;
}) {
  const text = useText();
  const t = text.canary.groups;
  const health = useHealth();
  const [name, setName] = useState("");
  const add = useCanaryChange(async (wanted: string) => {
    const group = groups.find((each) => each.Name === wanted) ?? (await createCanaryGroup(wanted));
    for (const canary of canaries) {
      const arn = canaryArn(canary, health.data?.account_id ?? "000000000000", health.data?.region ?? "us-east-1");
      if (!groups.some((each) => each.Id === group.Id && each.resources.includes(arn))) await associate(group.Id, arn);
    }
  }, onClose);
  return (
    <Dialog
      title={t.title(canaries.length)}
      action={t.add}
      isGood={isGroupName(name)}
      isPending={add.isPending}
      error={add.error}
      onAction={() => add.mutate(name.trim())}
      onClose={onClose}
    >
      <FormField label={text.group.one} description={t.choose}>
        <Autosuggest
          value={name}
          onChange={({ detail }) => setName(detail.value)}
          options={groups.map((group) => ({ value: group.Name }))}
          enteredTextLabel={t.new}
          ariaLabel={t.choose}
          empty={text.canary.list.noGroups}
        />
      </FormField>
    </Dialog>
  );
}

function isGroupName(name: string): boolean {
  return /^.{1,64}$/.test(name.trim());
}
