import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation } from "@tanstack/react-query";

import { deleteSamplingRule, type SamplingRule } from "../../api/xray";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";

export function DeleteRule({
  rule,
  onDone,
  onCancel,
}: {
  rule: SamplingRule;
  onDone: (message: string) => void;
  onCancel: () => void;
}) {
  const text = useText();
  const name = rule.RuleName ?? "";
  const remove = useMutation({
    mutationFn: () => deleteSamplingRule({ RuleName: name }),
    onSuccess: () => onDone(text.sampling.deleted(name)),
  });
  return (
    <Modal
      visible
      onDismiss={onCancel}
      closeAriaLabel={text.common.close}
      header={text.sampling.deleteTitle(name)}
      footer={
        <SpaceBetween direction="horizontal" size="xs" className="m-end">
          <Button variant="link" onClick={onCancel}>
            {text.common.cancel}
          </Button>
          <Button
            variant="primary"
            loading={remove.isPending}
            loadingText={text.common.loading}
            onClick={() => remove.mutate()}
          >
            {text.common.delete}
          </Button>
        </SpaceBetween>
      }
    >
      <SpaceBetween size="s">
        {remove.error && <ErrorState error={remove.error} />}
        <div>{text.sampling.deleteText}</div>
      </SpaceBetween>
    </Modal>
  );
}
