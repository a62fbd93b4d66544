// What the dialogs of metric filters and of subscription filters have in common.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Form from "@cloudscape-design/components/form";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";

interface FilterFormProps {
  title: string;
  error: Error | null;
  isSaving: boolean;
  onSubmit: () => void;
  onCancel: () => void;
  children: ReactNode;
}

export function FilterForm({ title, error, isSaving, onSubmit, onCancel, children }: FilterFormProps) {
  const text = useText();
  return (
    <Modal visible size="large" header={title} closeAriaLabel={text.common.close} onDismiss={onCancel}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onSubmit();
        }}
      >
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button variant="link" formAction="none" onClick={onCancel}>
                {text.common.cancel}
              </Button>
              <ChangeButton variant="primary" loading={isSaving} loadingText={text.common.loading}>
                {text.common.save}
              </ChangeButton>
            </SpaceBetween>
          }
        >
          <SpaceBetween size="m">
            {error && <ErrorState error={error} />}
            {children}
          </SpaceBetween>
        </Form>
      </form>
    </Modal>
  );
}

export function DeleteDialog({
  title,
  children,
  remove,
  onDone,
  onCancel,
}: {
  title: string;
  children: ReactNode;
  remove: () => Promise<unknown>;
  onDone: () => void;
  onCancel: () => void;
}) {
  const text = useText();
  const deletion = useMutation({ mutationFn: remove, onSuccess: onDone });
  return (
    <Modal
      visible
      onDismiss={onCancel}
      closeAriaLabel={text.common.close}
      header={title}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onCancel}>
              {text.common.cancel}
            </Button>
            <ChangeButton
              variant="primary"
              loading={deletion.isPending}
              loadingText={text.common.loading}
              onClick={() => deletion.mutate()}
            >
              {text.common.delete}
            </ChangeButton>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="s">
        {deletion.error && <ErrorState error={deletion.error} />}
        <div>{children}</div>
      </SpaceBetween>
    </Modal>
  );
}

/** A name of a filter: 1 to 512 characters, neither `:` nor `*` among them (AWS). */
export function isFilterName(name: string): boolean {
  return /^[^:*]{1,512}$/.test(name.trim());
}
