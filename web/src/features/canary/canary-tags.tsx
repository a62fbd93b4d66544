// The tags of a canary, to read and to change.

import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import TagEditor, { type TagEditorProps } from "@cloudscape-design/components/tag-editor";
import { useState } from "react";

import { tagCanary, untagCanary, type Canary } from "../../api/canary";
import { useCanaryChange } from "../../api/canary-hook";
import { useHealth } from "../../api/hook";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { Notice } from "../../app/notice";
import { useText } from "../../app/settings";
import { canaryArn } from "../../model/canary";

const limit = 50;

export function CanaryTags({ canary }: { canary: Canary }) {
  const text = useText();
  const t = text.canary.tags;
  const health = useHealth();
  const before = canary.Tags ?? {};
  const [items, setItems] = useState<readonly TagEditorProps.Tag[]>(() =>
    Object.entries(before).map(([key, value]) => ({ key, value, existing: true })),
  );
  const [isValid, setIsValid] = useState(true);
  const [isSaved, setIsSaved] = useState(false);
  const save = useCanaryChange(
    async () => {
      const arn = canaryArn(canary, health.data?.account_id ?? "000000000000", health.data?.region ?? "us-east-1");
      const kept = items.filter((item) => !item.markedForRemoval);
      const removed = Object.keys(before).filter((key) => !kept.some((item) => item.key === key));
      const changed = kept.filter((item) => before[item.key] !== item.value);
      if (removed.length > 0) await untagCanary(arn, removed);
      if (changed.length > 0)
        await tagCanary(arn, Object.fromEntries(changed.map((item) => [item.key, item.value])));
      return kept;
    },
    (kept) => {
      setItems(kept.map((item) => ({ ...item, existing: true })));
      setIsSaved(true);
    },
  );
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={t.text}
          actions={
            <ChangeButton
              variant="primary"
              disabled={!isValid}
              loading={save.isPending}
              onClick={() => save.mutate(undefined)}
            >
              {t.save}
            </ChangeButton>
          }
        >
          {text.canary.list.tags}
        </Header>
      }
    >
      <SpaceBetween size="s">
        {save.error && <ErrorState error={save.error} />}
        <Notice
          message={isSaved ? { type: "success", content: t.saved } : undefined}
          onClose={() => setIsSaved(false)}
        />
        <TagEditor
          tags={items}
          tagLimit={limit}
          onChange={({ detail }) => {
            setItems(detail.tags);
            setIsValid(detail.valid);
            setIsSaved(false);
          }}
        />
      </SpaceBetween>
    </Container>
  );
}
