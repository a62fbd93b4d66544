// Live tail: the lines of a few groups as they come in.

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Multiselect from "@cloudscape-design/components/multiselect";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo, useState } from "react";

import { useLogGroups } from "../../api/hook";
import { ErrorState } from "../../app/error-state";
import { LogLines, streamFact, type ShownLine } from "../../app/log-lines";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { useUrlState } from "../../app/url-state";
import { formatCount } from "../../model/format";
import { Trail } from "./trail";
import { useLiveTail, type LiveTailInput } from "./use-live-tail";

/** Groups that a session may have (AWS). */
const mostGroups = 10;
/** As many as there are colours. */
const mostTerms = 6;

export function LogTailPage() {
  const text = useText();
  const t = text.log.tail;
  const url = useUrlState();
  const groups = useLogGroups();
  const printed = url.get("groups") ?? "";
  const chosen = useMemo(() => printed.split(",").filter(Boolean), [printed]);
  const filter = url.get("filter");
  const [stopped, setStopped] = useState(false);
  const [session, setSession] = useState(0);
  const [paused, setPaused] = useState(false);
  // The API names groups by their ARN, without the end that those of streams have.
  const input = useMemo<LiveTailInput | undefined>(() => {
    if (stopped || chosen.length === 0 || !groups.data) return undefined;
    const arnOf = (name: string) => {
      const group = groups.data.find(({ logGroupName }) => logGroupName === name);
      return group?.logGroupArn ?? group?.arn?.replace(/:\*$/, "") ?? name;
    };
    return { groups: chosen.map(arnOf), filter };
  }, [stopped, chosen, filter, groups.data]);
  const tail = useLiveTail(input, session, paused);
  const runs = input !== undefined && tail.state !== "ended";
  const options = (groups.data ?? []).map(({ logGroupName: value }) => ({ value, label: value }));
  const start = () => {
    setStopped(false);
    setPaused(false);
    setSession(session + 1);
  };
  return (
    <SpaceBetween size="s">
      <Trail name={t.title} />
      <Header variant="h1" description={t.description}>
        {t.title}
      </Header>
      {groups.error && <ErrorState error={groups.error} onRetry={() => void groups.refetch()} />}
      <Container>
        <SpaceBetween size="s">
          <Multiselect
            ariaLabel={text.log.groups}
            placeholder={text.log.chooseGroups}
            options={options}
            selectedOptions={options.filter((option) => chosen.includes(option.value))}
            filteringType="auto"
            filteringAriaLabel={text.log.findGroup}
            onChange={({ detail }) =>
              url.set({
                groups: detail.selectedOptions.slice(0, mostGroups).map(({ value }) => value).join(",") || undefined,
              })
            }
          />
          <div className="m-form-columns">
            <PatternInput key={filter} value={filter ?? ""} onChange={(value) => url.set({ filter: value || undefined })} />
            <TermsInput />
          </div>
          <div className="m-toolbar">
            {runs ? (
              <>
                <Button onClick={() => setStopped(true)}>{t.stop}</Button>
                <Button iconName={paused ? "caret-right-filled" : "status-pending"} onClick={() => setPaused(!paused)}>
                  {paused ? t.resume : t.pause}
                </Button>
              </>
            ) : (
              <Button variant="primary" disabled={chosen.length === 0} onClick={start}>
                {t.start}
              </Button>
            )}
            <Button disabled={tail.lines.length === 0} onClick={tail.clear}>
              {t.clear}
            </Button>
            <span className="m-toolbar-end" data-testid="tail-state">
              {chosen.length === 0
                ? ""
                : !runs
                  ? t.stopped
                  : tail.state === "connecting"
                    ? t.connecting
                    : paused
                      ? t.pausedWith(formatCount(tail.waiting))
                      : t.rate(formatCount(tail.rate))}
            </span>
            {/* The numbers change all the time: only what becomes of the session is read out. */}
            <span className="m-visually-hidden" role="status">
              {chosen.length === 0 ? "" : !runs ? t.stopped : tail.state === "connecting" ? t.connecting : paused ? t.pause : t.waiting}
            </span>
          </div>
        </SpaceBetween>
      </Container>
      {tail.error && <ErrorState error={tail.error} onRetry={start} />}
      {tail.sampled && <Alert type="info">{t.sampled}</Alert>}
      <Lines tail={tail} chosen={chosen} runs={runs} />
    </SpaceBetween>
  );
}

function Lines({
  tail,
  chosen,
  runs,
}: {
  tail: ReturnType<typeof useLiveTail>;
  chosen: readonly string[];
  runs: boolean;
}) {
  const text = useText();
  const t = text.log.tail;
  const { printed: range } = useTimeRange();
  const terms = useTerms();
  if (tail.lines.length === 0)
    return (
      <Box textAlign="center" padding="l" color="text-body-secondary">
        {chosen.length === 0 ? t.chooseFirst : runs ? t.waiting : t.nothing}
      </Box>
    );
  return (
    <Container
      header={
        <Header variant="h2" counter={`(${formatCount(tail.lines.length)})`}>
          {text.log.events}
        </Header>
      }
    >
      <LogLines
        lines={tail.lines}
        label={text.log.events}
        range={range}
        terms={terms}
        anyCase
        atEnd
        facts={chosen.length > 1 ? groupFact : streamFact}
      />
    </Container>
  );
}

function groupFact(line: ShownLine) {
  return (
    <span className="m-log-stream m-log-fixed" title={`${line.group} ${line.stream}`}>
      {line.group}
    </span>
  );
}

function PatternInput({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const t = useText().log;
  const [typed, setTyped] = useState(value);
  return (
    <FormField label={t.filter} description={t.tail.filterHelp} stretch>
      <Input
        type="search"
        placeholder={t.filterHint}
        value={typed}
        onChange={({ detail }) => {
          setTyped(detail.value);
          if (detail.value === "") onChange("");
        }}
        onKeyDown={({ detail }) => {
          if (detail.key === "Enter") onChange(typed.trim());
        }}
      />
    </FormField>
  );
}

/** Terms in the address, a line each. */
function useTerms(): readonly string[] {
  const printed = useUrlState().get("terms");
  return useMemo(() => (printed ?? "").split("\n").filter(Boolean), [printed]);
}

function TermsInput() {
  const text = useText();
  const t = text.log.tail;
  const url = useUrlState();
  const terms = useTerms();
  const [typed, setTyped] = useState("");
  const keep = (next: readonly string[]) => url.set({ terms: next.join("\n") || undefined });
  return (
    <FormField label={t.terms} description={t.termsHelp} stretch>
      <SpaceBetween size="xxs">
        <Input
          value={typed}
          disabled={terms.length >= mostTerms}
          placeholder="timeout"
          onChange={({ detail }) => setTyped(detail.value)}
          onKeyDown={({ detail }) => {
            const term = typed.trim();
            if (detail.key !== "Enter" || term === "") return;
            if (!terms.includes(term)) keep([...terms, term]);
            setTyped("");
          }}
        />
        {terms.length > 0 && (
          <div className="m-terms">
            {terms.map((term, i) => (
              <span key={term} className="m-tag m-tag-plain">
                <mark className={`m-term m-term-${i % mostTerms}`}>{term}</mark>
                <Button
                  variant="inline-icon"
                  iconName="close"
                  ariaLabel={t.removeTerm(term)}
                  onClick={() => keep(terms.filter((each) => each !== term))}
                />
              </span>
            ))}
          </div>
        )}
      </SpaceBetween>
    </FormField>
  );
}
