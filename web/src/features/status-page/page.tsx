// What the public page says: which canaries and alarms stand on it, if it is shown at all.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Multiselect from "@cloudscape-design/components/multiselect";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import Toggle from "@cloudscape-design/components/toggle";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { useAlarms } from "../../api/alarm-hook";
import { putStatusPage, type StatusPage } from "../../api/canary";
import { useCanaries, useStatusPage } from "../../api/canary-hook";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { Notice } from "../../app/notice";
import { useText } from "../../app/settings";
import { PageLoading } from "../../components/page-loading";

/** Served by the server itself, so it is no page of the console. */
const publicPath = "/status";

export function StatusPageSettings() {
  const text = useText();
  const t = text.canary.statusPage;
  const query = useStatusPage();
  return (
    <SpaceBetween size="m">
      <Header
        variant="h1"
        description={t.description}
        actions={
          <Button href={publicPath} target="_blank" iconName="external" iconAlign="right">
            {t.open}
          </Button>
        }
      >
        {t.title}
      </Header>
      {query.error ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : query.isPending ? (
        <PageLoading label={text.common.loading} />
      ) : (
        <Settings before={query.data} />
      )}
    </SpaceBetween>
  );
}

function Settings({ before }: { before: StatusPage }) {
  const text = useText();
  const t = text.canary.statusPage;
  const queries = useQueryClient();
  const [page, setPage] = useState(before);
  const [isSaved, setIsSaved] = useState(false);
  const canaries = (useCanaries().data ?? []).map((canary) => canary.Name);
  const alarms = (useAlarms().data ?? []).map((alarm) => alarm.AlarmName);
  const save = useMutation({
    mutationFn: () => putStatusPage(page),
    onSuccess: () => {
      queries.setQueryData(["StatusPage"], page);
      setIsSaved(true);
    },
  });
  const change = (part: Partial<StatusPage>) => {
    setPage({ ...page, ...part });
    setIsSaved(false);
  };
  return (
    <SpaceBetween size="m">
      {save.error && <ErrorState error={save.error} />}
      <Notice
        message={isSaved ? { type: "success", content: t.saved } : undefined}
        onClose={() => setIsSaved(false)}
      />
      <Container
        footer={
          <div className="m-end">
            <ChangeButton variant="primary" loading={save.isPending} onClick={() => save.mutate()}>
              {text.common.save}
            </ChangeButton>
          </div>
        }
      >
        <SpaceBetween size="m">
          <Toggle
            checked={page.Enabled}
            description={t.enabledHelp}
            onChange={({ detail }) => change({ Enabled: detail.checked })}
          >
            {t.enabled}
          </Toggle>
          <FormField label={t.pageTitle}>
            <Input value={page.Title} onChange={({ detail }) => change({ Title: detail.value })} />
          </FormField>
          <FormField label={t.pageText}>
            <Textarea
              value={page.Description}
              rows={3}
              onChange={({ detail }) => change({ Description: detail.value })}
            />
          </FormField>
          <Names
            label={t.canaries}
            names={canaries}
            chosen={page.Canaries}
            onChange={(Canaries) => change({ Canaries })}
          />
          <Names
            label={t.alarms}
            names={alarms}
            chosen={page.Alarms}
            onChange={(Alarms) => change({ Alarms })}
          />
          {page.Enabled && page.Canaries.length + page.Alarms.length === 0 && (
            <Box color="text-status-warning">{t.none}</Box>
          )}
        </SpaceBetween>
      </Container>
    </SpaceBetween>
  );
}

/** What is chosen stays in its order, also when it is gone by now. */
function Names({
  label,
  names,
  chosen,
  onChange,
}: {
  label: string;
  names: readonly string[];
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
}) {
  const t = useText().canary.statusPage;
  const options = [...new Set([...names, ...chosen])].sort().map((value) => ({ value, label: value }));
  return (
    <FormField label={label}>
      <Multiselect
        options={options}
        selectedOptions={chosen.map((value) => ({ value, label: value }))}
        filteringType={options.length > 8 ? "auto" : "none"}
        placeholder={t.choose}
        onChange={({ detail }) => onChange(detail.selectedOptions.flatMap((option) => option.value ?? []))}
      />
    </FormField>
  );
}
