// Sampling rules: what is recorded, and how to change it.

import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Flashbar from "@cloudscape-design/components/flashbar";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";

import { useSamplingRules } from "../../api/hook";
import type { SamplingRule } from "../../api/xray";
import { ChangeButton } from "../../app/change-button";
import { CliButton } from "../../app/cli-button";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { PageLoading } from "../../components/page-loading";
import { DeleteRule } from "./delete-rule";
import { RuleForm } from "./rule-form";
import { RuleTable } from "./rule-table";

type Open = { what: "create" } | { what: "edit" | "delete"; rule: SamplingRule };

export function SamplingPage() {
  const text = useText();
  const rules = useSamplingRules();
  const [open, setOpen] = useState<Open | undefined>(undefined);
  const [done, setDone] = useState<string | undefined>(undefined);
  const close = (message?: string) => {
    setOpen(undefined);
    if (message === undefined) return;
    setDone(message);
    void rules.refetch();
  };
  const list = (rules.data ?? []).map((record) => record.SamplingRule);
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          description={text.sampling.description}
          actions={<CliButton operation="get-sampling-rules" options={[]} />}
        >
          {text.sampling.title}
        </Header>
      }
    >
      <SpaceBetween size="l">
        {done && (
          <Flashbar
            items={[
              {
                type: "success",
                content: `${done} ${text.sampling.propagate}`,
                dismissible: true,
                dismissLabel: text.common.close,
                onDismiss: () => setDone(undefined),
                id: "done",
              },
            ]}
          />
        )}
        {rules.error ? (
          <ErrorState error={rules.error} onRetry={() => void rules.refetch()} />
        ) : rules.isPending ? (
          <PageLoading label={text.common.loading} />
        ) : (
          <RuleTable
            rules={list}
            onEdit={(rule) => setOpen({ what: "edit", rule })}
            onDelete={(rule) => setOpen({ what: "delete", rule })}
            create={
              <ChangeButton variant="primary" onClick={() => setOpen({ what: "create" })}>
                {text.sampling.create}
              </ChangeButton>
            }
          />
        )}
        <HowItWorks />
      </SpaceBetween>
      {open && open.what !== "delete" && (
        <RuleForm
          rule={open.what === "edit" ? open.rule : undefined}
          taken={list.map((r) => r.RuleName ?? "")}
          onDone={close}
          onCancel={() => close()}
        />
      )}
      {open?.what === "delete" && (
        <DeleteRule rule={open.rule} onDone={close} onCancel={() => close()} />
      )}
    </ContentLayout>
  );
}

function HowItWorks() {
  const text = useText();
  return (
    <Container header={<Header variant="h2">{text.sampling.how}</Header>}>
      <Box variant="div">
        <ol className="m-steps">
          {text.sampling.howSteps.map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ol>
        <Box color="text-body-secondary">{text.sampling.example}</Box>
      </Box>
    </Container>
  );
}
