// One dashboard: looked at, or edited. Changes are kept when they are saved, and only then.

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import BreadcrumbGroup from "@cloudscape-design/components/breadcrumb-group";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";

import { putDashboard } from "../../api/cloudwatch";
import { useDashboard } from "../../api/hook";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { TimeRangeControl } from "../../app/time-range-control";
import { CopyButton } from "../../components/copy-button";
import { PageLoading } from "../../components/page-loading";
import { freePlace, parseBody, printBody, type DashboardBody } from "../../model/dashboard";
import { dashboardsPath, metricsPath } from "../../path";
import { Board } from "./board";

export function DashboardPage() {
  const text = useText();
  const t = text.dashboard;
  const { name = "" } = useParams();
  const navigate = useNavigate();
  const { printed: range } = useTimeRange();
  const query = useDashboard(name);
  return (
    <SpaceBetween size="s">
      <BreadcrumbGroup
        items={[
          { text: t.title, href: dashboardsPath({ range }) },
          { text: name, href: "#" },
        ]}
        ariaLabel={text.container.trail}
        onFollow={(event) => {
          event.preventDefault();
          if (event.detail.href !== "#") void navigate(event.detail.href);
        }}
      />
      {query.error ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : query.isPending ? (
        <PageLoading label={text.common.loading} />
      ) : (
        <Editor key={name} name={name} stored={query.data.DashboardBody} />
      )}
    </SpaceBetween>
  );
}

function Editor({ name, stored }: { name: string; stored: string }) {
  const text = useText();
  const t = text.dashboard;
  const navigate = useNavigate();
  const { printed: range } = useTimeRange();
  const [draft, setDraft] = useState<DashboardBody | undefined>(undefined);
  const [asSource, setAsSource] = useState(false);
  const body = draft ?? parseBody(stored);
  const queries = useQueryClient();
  const save = useMutation({
    mutationFn: () => putDashboard({ DashboardName: name, DashboardBody: printBody(body) }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["Dashboard", name] });
      await queries.invalidateQueries({ queryKey: ["Dashboards"] });
      setDraft(undefined);
    },
  });
  const addText = () => {
    const size = { width: 6, height: 3 };
    const place = freePlace(body.widgets, size);
    const properties = { markdown: t.text };
    const key = `n${body.widgets.length}-${place.x}-${place.y}`;
    setDraft({ ...body, widgets: [...body.widgets, { key, type: "text", ...size, ...place, properties }] });
  };
  return (
    <SpaceBetween size="s">
      <Header
        variant="h1"
        info={draft && <span className="m-heading-state">{t.keys}</span>}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            {draft ? (
              <Button onClick={addText}>{t.addText}</Button>
            ) : (
              <Button onClick={() => void navigate(metricsPath({ range }))}>{t.addMetrics}</Button>
            )}
            {draft && <Button onClick={() => setDraft(undefined)}>{t.discard}</Button>}
            {draft ? (
              <ChangeButton variant="primary" loading={save.isPending} onClick={() => save.mutate()}>
                {t.save}
              </ChangeButton>
            ) : (
              <ChangeButton onClick={() => setDraft(parseBody(stored))}>{t.edit}</ChangeButton>
            )}
            <Button onClick={() => setAsSource(true)}>{t.source}</Button>
            <TimeRangeControl />
          </SpaceBetween>
        }
      >
        {name}
      </Header>
      {save.error && <ErrorState error={save.error} />}
      {body.widgets.length === 0 ? (
        <Box textAlign="center" padding="xxl" color="text-body-secondary">
          {t.empty} {t.noneText}
        </Box>
      ) : (
        <Board
          widgets={body.widgets}
          onChange={draft && ((widgets) => setDraft({ ...body, widgets }))}
        />
      )}
      {asSource && (
        <Source
          name={name}
          source={printBody(body)}
          onCancel={() => setAsSource(false)}
          onUse={(next) => {
            setDraft(next);
            setAsSource(false);
          }}
        />
      )}
    </SpaceBetween>
  );
}

/** The body itself: to copy, or to put another one in its place. */
function Source({
  name,
  source,
  onUse,
  onCancel,
}: {
  name: string;
  source: string;
  onUse: (body: DashboardBody) => void;
  onCancel: () => void;
}) {
  const text = useText();
  const t = text.dashboard;
  const [typed, setTyped] = useState(source);
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const use = () => {
    try {
      onUse(parseBody(typed));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <Modal
      visible
      size="large"
      onDismiss={onCancel}
      closeAriaLabel={text.common.close}
      header={`${name} · JSON`}
      footer={
        <SpaceBetween direction="horizontal" size="xs" className="m-end">
          <CopyButton
            label={text.common.copy}
            done={text.common.copied}
            failed={text.common.copyFailed}
            value={() => typed}
          />
          <Button variant="link" onClick={onCancel}>
            {text.common.cancel}
          </Button>
          <ChangeButton variant="primary" disabled={typed === source} onClick={use}>
            {t.use}
          </ChangeButton>
        </SpaceBetween>
      }
    >
      <SpaceBetween size="s">
        <Box color="text-body-secondary">{t.sourceText}</Box>
        {problem && <Alert type="error">{t.notJson(problem)}</Alert>}
        <Textarea
          value={typed}
          rows={24}
          ariaLabel="JSON"
          spellcheck={false}
          onChange={({ detail }) => setTyped(detail.value)}
        />
      </SpaceBetween>
    </Modal>
  );
}
