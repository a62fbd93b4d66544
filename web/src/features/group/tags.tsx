// The tags of a group; those that it has are fetched first.

import FormField from "@cloudscape-design/components/form-field";
import TagEditor, { type TagEditorProps } from "@cloudscape-design/components/tag-editor";
import { useEffect, useState } from "react";

import type { Tag } from "../../api/group";
import { useTags } from "../../api/hook";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";

export interface TagDraft {
  before: readonly Tag[];
  tags: Tag[];
  valid: boolean;
}

const limit = 50;

export function Tags({
  arn,
  own,
  onChange,
}: {
  /** Of the group whose tags these are, or become those of its copy. */
  arn: string | undefined;
  own: boolean;
  onChange: (draft: TagDraft) => void;
}) {
  const text = useText();
  const query = useTags(arn);
  const [items, setItems] = useState<readonly TagEditorProps.Tag[] | undefined>(
    arn === undefined ? [] : undefined,
  );
  const before = query.data;
  useEffect(() => {
    if (items !== undefined || before === undefined) return;
    const found = before.map((tag) => ({ key: tag.Key, value: tag.Value, existing: own }));
    setItems(found);
    onChange({ before: own ? before : [], tags: toTags(found), valid: true });
  }, [before, items, own, onChange]);
  if (query.error)
    return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  return (
    <FormField label={text.group.tags} description={text.group.tagsHelp} stretch>
      <TagEditor
        tags={items ?? []}
        loading={items === undefined}
        tagLimit={limit}
        onChange={({ detail }) => {
          setItems(detail.tags);
          onChange({
            before: own ? (before ?? []) : [],
            tags: toTags(detail.tags),
            valid: detail.valid,
          });
        }}
      />
    </FormField>
  );
}

function toTags(items: readonly TagEditorProps.Tag[]): Tag[] {
  return items
    .filter((item) => !item.markedForRemoval)
    .map((item) => ({ Key: item.key, Value: item.value }));
}
