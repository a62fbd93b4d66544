// The form of a canary: a new one, or one that there is.

import "../../app/canary.css";

import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import Container from "@cloudscape-design/components/container";
import Form from "@cloudscape-design/components/form";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { useNavigate, useParams } from "react-router";

import { putMetricAlarm } from "../../api/alarm";
import { createCanary, startCanary, updateCanary, type Canary } from "../../api/canary";
import { useCanaries, useCanary, useCanaryChange, useCanarySetup } from "../../api/canary-hook";
import { ApiError } from "../../api/client";
import { ChangeButton } from "../../app/change-button";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { useUrlState } from "../../app/url-state";
import { PageLoading } from "../../components/page-loading";
import { alarmInput, proposedAlarms, suggestName, type Blueprint } from "../../model/canary";
import {
  addressOf,
  codeOf,
  draftOf,
  expressionOf,
  inputOf,
  newDraft,
  problemsOf,
  settingsOf,
  toolsOf,
  type CanaryDraft,
} from "../../model/canary-draft";
import { secondsBetween } from "../../model/canary-schedule";
import { canariesPath, canaryPath } from "../../path";
import { BlueprintCards } from "./blueprint-cards";
import { AlarmFields, type AlarmChoice } from "./form-alarms";
import { TextField, useProblemText } from "./form-parts";
import { ScheduleFields } from "./form-schedule";
import { TargetFields } from "./form-target";
import { Trail } from "./trail";
import { TryPanel } from "./form-try";

export function NewCanaryPage() {
  const url = useUrlState();
  return (
    <CanaryForm
      before={undefined}
      initial={newDraft({ url: url.get("url"), blueprint: url.get("blueprint") })}
    />
  );
}

export function EditCanaryPage() {
  const text = useText();
  const { name = "" } = useParams();
  const query = useCanary(name);
  // What stands in the form must not change under the hands of who fills it in.
  const [before, setBefore] = useState<Canary | undefined>(undefined);
  if (before === undefined && query.data) setBefore(query.data);
  if (before) return <CanaryForm key={name} before={before} initial={draftOf(before)} />;
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  return <PageLoading label={text.common.loading} />;
}

/** Names of API canaries tell what they are, as the page of the same address may have one too. */
const suffixes: Partial<Record<Blueprint, string>> = {
  api: "api",
  "broken-links": "links",
  visual: "visual",
};

function CanaryForm({ before, initial }: { before: Canary | undefined; initial: CanaryDraft }) {
  const text = useText();
  const t = text.canary.form;
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { printed: range } = useTimeRange();
  const canaries = useCanaries(before === undefined);
  const taken = before ? [] : (canaries.data ?? []).map((canary) => canary.Name);
  const [typed, setTyped] = useState<CanaryDraft>(initial);
  const [isNamed, setIsNamed] = useState(before !== undefined);
  const [checked, setChecked] = useState<"none" | "try" | "all">("none");
  const [alarms, setAlarms] = useState<AlarmChoice>({ kinds: proposedAlarms, topics: [] });
  const [startNow, setStartNow] = useState(true);
  // As long as nobody has written a name, it follows the address.
  const suggested = suggestName(addressOf(typed), taken, suffixes[typed.blueprint]);
  const draft = isNamed ? typed : { ...typed, name: suggested };
  const problems = checked === "none" ? {} : problemsOf(draft, taken, checked);
  const change = (part: Partial<CanaryDraft>) => setTyped((old) => ({ ...old, ...part }));
  const save = useCanaryChange(
    () => (before ? update(before, draft) : create(draft, alarms, startNow, t)),
    () => {
      void queries.invalidateQueries({ queryKey: ["Alarms"] });
      void navigate(canaryPath(draft.name, { range }));
    },
  );
  const submit = () => {
    setChecked("all");
    if (Object.keys(problemsOf(draft, taken)).length === 0) save.mutate(undefined);
    else showProblem();
  };
  const leave = () => void navigate(before ? canaryPath(before.Name, { range }) : canariesPath({ range }));
  const part = { draft, change, problems };
  // What the server says of a configuration stands beside it, too, until it is sent again.
  const refused = save.error instanceof ApiError && save.error.status === 400 ? save.error.message : undefined;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <Form
        header={
          <SpaceBetween size="xs">
            <Trail canary={before?.Name} name={before ? text.common.edit : t.createTitle} />
            <Header variant="h1" description={before ? undefined : text.canary.description}>
              {before ? t.editTitle(before.Name) : t.createTitle}
            </Header>
          </SpaceBetween>
        }
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" formAction="none" onClick={leave}>
              {text.common.cancel}
            </Button>
            <ChangeButton variant="primary" loading={save.isPending} loadingText={text.common.loading}>
              {before ? t.save : text.canary.create}
            </ChangeButton>
          </SpaceBetween>
        }
        errorText={Object.keys(problems).length > 0 ? t.fix : undefined}
      >
        <SpaceBetween size="l">
          <Tools draft={draft} />
          <Container header={<Header variant="h2">{t.blueprint}</Header>}>
            <BlueprintCards
              label={t.blueprint}
              chosen={draft.blueprint}
              onChoose={(blueprint) => {
                change({ blueprint });
                setChecked("none");
              }}
            />
          </Container>
          <Container header={<Header variant="h2">{t.target}</Header>}>
            <SpaceBetween size="m">
              <TargetFields {...part} refused={refused} />
              <NameField
                {...part}
                disabled={before !== undefined}
                onName={(name) => {
                  setIsNamed(true);
                  change({ name });
                }}
              />
            </SpaceBetween>
          </Container>
          <TryPanel
            draft={draft}
            isGood={Object.keys(problemsOf(draft, taken, "try")).length === 0}
            onBad={() => {
              setChecked("try");
              showProblem();
            }}
          />
          <Container header={<Header variant="h2">{t.scheduling}</Header>}>
            <ScheduleFields {...part} />
          </Container>
          {!before && (
            <Container header={<Header variant="h2" description={t.alarmsHelp}>{t.alarms}</Header>}>
              <AlarmFields choice={alarms} onChange={setAlarms} />
            </Container>
          )}
          {!before && (
            <Checkbox checked={startNow} onChange={({ detail }) => setStartNow(detail.checked)}>
              {t.startNow}
            </Checkbox>
          )}
          {save.error && (
            <InSight>
              <ErrorState
                error={save.error}
                extra={
                  save.error instanceof Partly && (
                    <Button
                      variant="inline-link"
                      formAction="none"
                      onClick={() => void navigate(canaryPath(draft.name, { range }))}
                    >
                      {draft.name}
                    </Button>
                  )
                }
              />
            </InSight>
          )}
        </SpaceBetween>
      </Form>
    </form>
  );
}

/** The button is at the end of a long page: what went wrong comes into sight by itself, once. */
function InSight({ children }: { children: ReactNode }) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => ref.current?.scrollIntoView({ block: "nearest" }), []);
  return <div ref={ref}>{children}</div>;
}

/** The first field that has to be mended comes into sight, as soon as it is marked. */
function showProblem() {
  setTimeout(() => document.querySelector<HTMLElement>('form [aria-invalid="true"]')?.focus(), 50);
}

function NameField({
  draft,
  problems,
  disabled,
  onName,
}: {
  draft: CanaryDraft;
  problems: ReturnType<typeof problemsOf>;
  disabled: boolean;
  onName: (name: string) => void;
}) {
  const t = useText().canary.form;
  const problemText = useProblemText();
  return (
    <TextField
      label={t.nameField}
      help={t.nameHelp}
      value={draft.name}
      onChange={onName}
      error={problemText(problems["name"])}
      disabled={disabled}
      mono
    />
  );
}

/** A canary whose runs could only fail is better known before it is made. */
function Tools({ draft }: { draft: CanaryDraft }) {
  const t = useText().canary.form;
  const setup = useCanarySetup().data;
  const noScripts = draft.blueprint === "script" ? setup?.Scripts?.Message : undefined;
  if (noScripts)
    return (
      <Alert type="warning" header={t.noScripts}>
        <span className="m-break">{noScripts}</span>
      </Alert>
    );
  return toolsOf(draft).map(({ tool, isNeeded }) => {
    const found = setup?.[tool];
    if (!found || found.Path !== null) return null;
    return (
      <Alert key={tool} type={isNeeded ? "warning" : "info"} header={t.missing[tool]}>
        {isNeeded ? t.missingText : t.missingUseful}
        {found.Message && <div className="m-break">{found.Message}</div>}
      </Alert>
    );
  });
}

/** The canary is there, yet not all that should come with it. */
class Partly extends Error {
  override readonly name = "Partly";
}

/** The run that comes first is what others are compared with. */
const firstBaseline = [{ BaseCanaryRunId: "nextrun" }];

const why = (error: unknown) => (error instanceof Error ? error.message : String(error));

async function create(
  draft: CanaryDraft,
  { kinds, topics }: AlarmChoice,
  startNow: boolean,
  t: ReturnType<typeof useText>["canary"]["form"],
): Promise<void> {
  await createCanary(inputOf(draft));
  if (draft.blueprint === "visual") await updateCanary(draft.name, { VisualReferences: firstBaseline });
  try {
    const seconds = secondsBetween(expressionOf(draft));
    await Promise.all(kinds.map((kind) => putMetricAlarm(alarmInput(draft.name, kind, seconds, topics))));
  } catch (error) {
    throw new Partly(t.createdButAlarms(why(error)));
  }
  if (!startNow) return;
  try {
    await startCanary(draft.name);
  } catch (error) {
    throw new Partly(t.createdButStart(why(error)));
  }
}

async function update(before: Canary, draft: CanaryDraft): Promise<void> {
  const code = codeOf(draft);
  const isNewlyVisual = draft.blueprint === "visual" && (before.VisualReferences ?? []).length === 0;
  await updateCanary(before.Name, {
    ...(code ? { Code: code } : {}),
    ...settingsOf(draft),
    ...(isNewlyVisual ? { VisualReferences: firstBaseline } : {}),
  });
}
