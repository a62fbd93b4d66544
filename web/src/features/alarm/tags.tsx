// The tags of an alarm, and the dialog that changes them.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import TagEditor, { type TagEditorProps } from "@cloudscape-design/components/tag-editor";
import { useState } from "react";

import { tagAlarm, untagAlarm, type Tag } from "../../api/alarm";
import { useAlarmChange, useAlarmTags } from "../../api/alarm-hook";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { tagChanges } from "../../model/group";

export function AlarmTags({ arn }: { arn: string }) {
  const text = useText();
  const t = text.alarm.tags;
  const tags = useAlarmTags(arn);
  const [editing, setEditing] = useState(false);
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            <ChangeButton disabled={tags.data === undefined} onClick={() => setEditing(true)}>
              {t.edit}
            </ChangeButton>
          }
        >
          {t.title}
        </Header>
      }
    >
      {tags.error ? (
        <ErrorState error={tags.error} onRetry={() => void tags.refetch()} />
      ) : (tags.data ?? []).length === 0 ? (
        <div className="m-text-quiet">{tags.isPending ? text.common.loading : t.none}</div>
      ) : (
        <dl className="m-config">
          {tags.data!.map((tag) => (
            <div key={tag.Key}>
              <dt>{tag.Key}</dt>
              <dd>{tag.Value || "–"}</dd>
            </div>
          ))}
        </dl>
      )}
      {editing && <TagDialog arn={arn} before={tags.data ?? []} onClose={() => setEditing(false)} />}
    </Container>
  );
}

function TagDialog({ arn, before, onClose }: { arn: string; before: readonly Tag[]; onClose: () => void }) {
  const text = useText();
  const [items, setItems] = useState<readonly TagEditorProps.Tag[]>(
    before.map((tag) => ({ key: tag.Key, value: tag.Value, existing: true })),
  );
  const [valid, setValid] = useState(true);
  const save = useAlarmChange(async () => {
    const wanted = items
      .filter((item) => !item.markedForRemoval)
      .map((item) => ({ Key: item.key, Value: item.value }));
    const { set, remove } = tagChanges(before, wanted);
    if (remove.length > 0) await untagAlarm(arn, remove);
    if (set.length > 0) await tagAlarm(arn, set);
  }, onClose);
  return (
    <Modal
      visible
      size="large"
      onDismiss={onClose}
      closeAriaLabel={text.common.close}
      header={text.alarm.tags.edit}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>
              {text.common.cancel}
            </Button>
            <ChangeButton
              variant="primary"
              disabled={!valid}
              loading={save.isPending}
              loadingText={text.common.loading}
              onClick={() => save.mutate(undefined)}
            >
              {text.common.save}
            </ChangeButton>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="s">
        {save.error && <ErrorState error={save.error} />}
        <TagEditor
          tags={items}
          tagLimit={50}
          onChange={({ detail }) => {
            setItems(detail.tags);
            setValid(detail.valid);
          }}
        />
      </SpaceBetween>
    </Modal>
  );
}
