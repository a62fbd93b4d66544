import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation } from "@tanstack/react-query";

import { deleteGroup } from "../../api/group";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";

export function DeleteGroup({
  name,
  onDone,
  onCancel,
}: {
  name: string;
  onDone: (message: string) => void;
  onCancel: () => void;
}) {
  const text = useText();
  const remove = useMutation({
    mutationFn: () => deleteGroup({ GroupName: name }),
    onSuccess: () => onDone(text.group.deleted(name)),
  });
  return (
    <Modal
      visible
      onDismiss={onCancel}
      closeAriaLabel={text.common.close}
      header={text.group.deleteTitle(name)}
      footer={
        <SpaceBetween direction="horizontal" size="xs" className="m-end">
          <Button variant="link" onClick={onCancel}>
            {text.common.cancel}
          </Button>
          <ChangeButton
            variant="primary"
            loading={remove.isPending}
            loadingText={text.common.loading}
            onClick={() => remove.mutate()}
          >
            {text.common.delete}
          </ChangeButton>
        </SpaceBetween>
      }
    >
      <SpaceBetween size="s">
        {remove.error && <ErrorState error={remove.error} />}
        <div>{text.group.deleteText}</div>
      </SpaceBetween>
    </Modal>
  );
}
