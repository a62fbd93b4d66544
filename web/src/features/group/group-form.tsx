// Creating, editing and cloning a group.

import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";

import {
  createGroup,
  tagResource,
  untagResource,
  updateGroup,
  type Group,
  type Tag,
} from "../../api/group";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { FilterBox } from "../../app/filter-box";
import { filterErrorOf } from "../../app/filter-error";
import { useText } from "../../app/settings";
import { useVocabulary } from "../../app/vocabulary";
import {
  defaultGroup,
  problemOfName,
  tagChanges,
  toCreateInput,
  toGroupDraft,
  toUpdateInput,
  type GroupDraft,
} from "../../model/group";
import { Tags, type TagDraft } from "./tags";

interface GroupFormProps {
  /** What is edited; without, a new group is made. */
  group?: Group | undefined;
  /** What a new group begins with. */
  source?: Group | undefined;
  suggestedName?: string | undefined;
  taken: readonly string[];
  onDone: (message: string) => void;
  onCancel: () => void;
}

export function GroupForm(props: GroupFormProps) {
  const { group, source, suggestedName, taken, onDone, onCancel } = props;
  const text = useText();
  const t = text.group;
  const [draft, setDraft] = useState<GroupDraft>(() =>
    group ? toGroupDraft(group) : toGroupDraft(source, suggestedName),
  );
  const [tags, setTags] = useState<TagDraft | undefined>(undefined);
  const [checked, setChecked] = useState(false);
  const vocabulary = useVocabulary();
  const problem = group ? undefined : problemOfName(draft.name, taken);
  const isDefault = group?.GroupName === defaultGroup;
  const save = useMutation({
    mutationFn: (wanted: GroupDraft) => saveGroup(group, wanted, tags),
    onSuccess: () => onDone(group ? t.updated(draft.name) : t.created(draft.name)),
  });
  const submit = () => {
    setChecked(true);
    if (!problem && (tags?.valid ?? true)) save.mutate(draft);
  };
  const wrong = filterErrorOf(save.error, save.variables?.expression ?? "");
  return (
    <Modal
      visible
      size="large"
      onDismiss={onCancel}
      closeAriaLabel={text.common.close}
      header={
        group
          ? t.editTitle(group.GroupName)
          : source
            ? t.cloneTitle(source.GroupName)
            : t.create
      }
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button variant="link" formAction="none" onClick={onCancel}>
                {text.common.cancel}
              </Button>
              <ChangeButton
                variant="primary"
                loading={save.isPending}
                loadingText={text.common.loading}
              >
                {group ? text.common.save : text.common.create}
              </ChangeButton>
            </SpaceBetween>
          }
        >
          <SpaceBetween size="m">
            {save.error && !wrong && <ErrorState error={save.error} />}
            {isDefault && <Alert type="info">{t.defaultNote}</Alert>}
            <FormField
              label={t.name}
              description={t.nameHelp}
              errorText={checked && problem ? t.errors[problem] : undefined}
            >
              <Input
                value={draft.name}
                disabled={group !== undefined}
                onChange={({ detail }) => setDraft({ ...draft, name: detail.value })}
              />
            </FormField>
            {!isDefault && (
              <FormField
                label={t.expression}
                description={t.expressionHelp}
                constraintText={group ? t.expressionChange : undefined}
                stretch
              >
                <FilterBox
                  value={draft.expression}
                  onChange={(expression) => setDraft({ ...draft, expression })}
                  onRun={submit}
                  vocabulary={vocabulary}
                  error={wrong}
                  label={t.expression}
                  placeholder={t.expressionPlaceholder}
                />
              </FormField>
            )}
            <FormField label={t.insights} description={t.insightsHelp}>
              <SpaceBetween size="xs">
                <Checkbox
                  checked={draft.insights}
                  onChange={({ detail }) => setDraft({ ...draft, insights: detail.checked })}
                >
                  {t.enableInsights}
                </Checkbox>
                <Checkbox
                  checked={draft.insights && draft.notifications}
                  disabled={!draft.insights}
                  description={draft.insights ? undefined : t.notificationsHelp}
                  onChange={({ detail }) => setDraft({ ...draft, notifications: detail.checked })}
                >
                  {t.enableNotifications}
                </Checkbox>
              </SpaceBetween>
            </FormField>
            {!isDefault && (
              <Tags
                arn={(group ?? source)?.GroupARN}
                own={group !== undefined}
                onChange={setTags}
              />
            )}
          </SpaceBetween>
        </Form>
      </form>
    </Modal>
  );
}

async function saveGroup(
  group: Group | undefined,
  draft: GroupDraft,
  tags: TagDraft | undefined,
): Promise<void> {
  const wanted: Tag[] = tags?.tags ?? [];
  if (!group) {
    await createGroup(toCreateInput(draft, wanted));
    return;
  }
  await updateGroup(toUpdateInput(draft));
  if (!tags) return;
  const { set, remove } = tagChanges(tags.before, wanted);
  const ResourceARN = group.GroupARN;
  if (remove.length > 0) await untagResource({ ResourceARN, TagKeys: remove });
  if (set.length > 0) await tagResource({ ResourceARN, Tags: set });
}
