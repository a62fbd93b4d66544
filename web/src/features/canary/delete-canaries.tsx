import { stopAndDelete, type Canary } from "../../api/canary";
import { useCanaryChange } from "../../api/canary-hook";
import { useText } from "../../app/settings";
import { Dialog } from "./group-dialogs";

export function DeleteCanaries({
  canaries,
  onDone,
  onClose,
}: {
  canaries: readonly Canary[];
  onDone: () => void;
  onClose: () => void;
}) {
  const text = useText();
  const t = text.canary.detail;
  const remove = useCanaryChange(async () => {
    for (const canary of canaries) await stopAndDelete(canary);
  }, onDone, true);
  return (
    <Dialog
      title={canaries.length === 1 ? t.deleteTitle(canaries[0]!.Name) : t.deleteMany(canaries.length)}
      action={text.common.delete}
      isPending={remove.isPending}
      error={remove.error}
      onAction={() => remove.mutate(undefined)}
      onClose={onClose}
    >
      {canaries.length > 1 && <div>{canaries.map((canary) => canary.Name).join(", ")}</div>}
      <div>{t.deleteText}</div>
    </Dialog>
  );
}
