// Checks without a browser: a form, and beside it the same thing as JSON.

import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useState } from "react";

import { useText } from "../../app/settings";
import {
  assertionKinds,
  checkerTypes,
  checkStepsOf,
  hasValue,
  kindOfAssertion,
  mostSteps,
  newAssertion,
  newStep,
  numberOrText,
  parseChecks,
  parseHeaders,
  printChecks,
  printHeaders,
  valueText,
  withMember,
  withOperator,
  withSteps,
  withValue,
  type CheckAssertion,
  type CheckExtractor,
  type CheckStep,
} from "../../model/multi-checks";
import { TextField, useProblemText, type PartProps } from "./form-parts";

export function ChecksFields({
  draft,
  change,
  problems,
  refused,
}: PartProps & {
  /** What the server said of the configuration. */
  refused: string | undefined;
}) {
  const t = useText().canary.form;
  const problemText = useProblemText();
  const parsed = parseChecks(draft.checks);
  const isApi = draft.blueprint === "api";
  return (
    <div className="m-checks">
      <div>
        {"checks" in parsed ? (
          <Steps
            steps={checkStepsOf(parsed.checks)}
            isApi={isApi}
            url={draft.pages[0]?.url ?? ""}
            onChange={(steps) => change({ checks: printChecks(withSteps(parsed.checks, steps)) })}
          />
        ) : (
          <Alert type="warning">{t.jsonBroken(parsed.problem)}</Alert>
        )}
      </div>
      <FormField
        label={t.json}
        description={t.jsonHelp}
        errorText={"checks" in parsed ? (problemText(problems["checks"]) ?? refused) : parsed.problem}
        stretch
      >
        <div className="m-code-field">
          <Textarea
            value={draft.checks}
            rows={Math.min(34, Math.max(14, draft.checks.split("\n").length + 1))}
            spellcheck={false}
            ariaLabel={t.json}
            onChange={({ detail }) => change({ checks: detail.value })}
          />
        </div>
      </FormField>
    </div>
  );
}

interface StepsProps {
  steps: readonly CheckStep[];
  isApi: boolean;
  url: string;
  onChange: (steps: CheckStep[]) => void;
}

function Steps({ steps, isApi, url, onChange }: StepsProps) {
  const t = useText().canary.form;
  const types = isApi ? (["HTTP"] as const) : checkerTypes;
  const names = steps.map((step) => step.stepName);
  return (
    <SpaceBetween size="s">
      {steps.map((step, i) => (
        <Container
          key={i}
          header={
            <Header
              variant="h3"
              actions={
                <SpaceBetween direction="horizontal" size="xxs">
                  <Button
                    variant="icon"
                    iconName="angle-up"
                    formAction="none"
                    disabled={i === 0}
                    ariaLabel={`${t.moveUp}: ${step.stepName}`}
                    onClick={() => onChange(swapped(steps, i, i - 1))}
                  />
                  <Button
                    variant="icon"
                    iconName="angle-down"
                    formAction="none"
                    disabled={i === steps.length - 1}
                    ariaLabel={`${t.moveDown}: ${step.stepName}`}
                    onClick={() => onChange(swapped(steps, i, i + 1))}
                  />
                  <Button
                    variant="icon"
                    iconName="remove"
                    formAction="none"
                    ariaLabel={`${t.remove}: ${step.stepName}`}
                    onClick={() => onChange(steps.filter((_, j) => j !== i))}
                  />
                </SpaceBetween>
              }
            >
              {i + 1}. {step.stepName} {!isApi && <span className="m-tag m-tag-plain">{step.checkerType}</span>}
            </Header>
          }
        >
          <Step step={step} onChange={(next) => onChange(steps.map((each, j) => (i === j ? next : each)))} />
        </Container>
      ))}
      {steps.length < mostSteps && (
        <div className="m-links">
          {types.map((type) => (
            <Button
              key={type}
              iconName="add-plus"
              formAction="none"
              onClick={() => onChange([...steps, newStep(type, names, url)])}
            >
              {isApi ? t.addStep : t.addCheck(type)}
            </Button>
          ))}
        </div>
      )}
    </SpaceBetween>
  );
}

function swapped(steps: readonly CheckStep[], i: number, j: number): CheckStep[] {
  const next = [...steps];
  [next[i], next[j]] = [next[j]!, next[i]!];
  return next;
}

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const recordTypes = ["A", "CNAME", "MX", "TXT", "NS"];
const known = (value: unknown) => (value === undefined ? "" : String(value));

function Step({ step, onChange }: { step: CheckStep; onChange: (step: CheckStep) => void }) {
  const t = useText().canary.form;
  const field = (member: string, label: string, options: { numeric?: boolean; placeholder?: string } = {}) => (
    <TextField
      label={label}
      value={known(step[member])}
      onChange={(typed) =>
        onChange(withMember(step, member, options.numeric ? numberOrText(typed) : typed))
      }
      mono
      {...options}
    />
  );
  const choice = (member: string, label: string, options: readonly string[]) => (
    <FormField label={label}>
      <Select
        options={options.map((value) => ({ value }))}
        selectedOption={{ value: known(step[member]) || options[0]! }}
        onChange={({ detail }) => onChange(withMember(step, member, detail.selectedOption.value))}
      />
    </FormField>
  );
  const name = field("stepName", t.stepName);
  const http = step["httpMethod"];
  return (
    <SpaceBetween size="s">
      {step.checkerType === "HTTP" && (
        <SpaceBetween size="s">
          <div className="m-form-grid m-form-http">
            {name}
            {choice("httpMethod", t.httpMethod, methods)}
            {field("url", t.url, { placeholder: "https://api.example.com/items" })}
          </div>
          <div className="m-form-grid">
            <HeadersField
              value={step["headers"]}
              onChange={(headers) => onChange(withMember(step, "headers", headers))}
            />
            {http !== undefined && http !== "GET" && http !== "HEAD" && (
              <TextField
                label={t.body}
                value={bodyText(step["body"])}
                onChange={(body) => onChange(withMember(step, "body", body))}
                multiline={3}
              />
            )}
          </div>
        </SpaceBetween>
      )}
      {step.checkerType === "DNS" && (
        <div className="m-form-grid">
          {name}
          {field("domain", t.domain, { placeholder: "shop.example.com" })}
          {choice("recordType", t.recordType, recordTypes)}
          {field("nameserver", t.nameserver, { placeholder: "8.8.8.8" })}
        </div>
      )}
      {step.checkerType === "SSL" && (
        <SpaceBetween size="s">
          <div className="m-form-grid">
            {name}
            {field("hostname", t.hostname, { placeholder: "shop.example.com" })}
            {field("port", t.port, { numeric: true, placeholder: "443" })}
          </div>
          <Checkbox
            checked={step["allowSelfSigned"] === true}
            onChange={({ detail }) => onChange(withMember(step, "allowSelfSigned", detail.checked || undefined))}
          >
            {t.allowSelfSigned}
          </Checkbox>
        </SpaceBetween>
      )}
      {step.checkerType === "TCP" && (
        <div className="m-form-grid">
          {name}
          {field("hostname", t.hostname, { placeholder: "db.example.com" })}
          {field("port", t.port, { numeric: true, placeholder: "5432" })}
          {field("sendData", t.sendData)}
        </div>
      )}
      <Assertions step={step} onChange={onChange} />
      {step.checkerType === "HTTP" && <Extractors step={step} onChange={onChange} />}
    </SpaceBetween>
  );
}

/** A body may be JSON in the configuration; it is edited as text. */
function bodyText(body: unknown): string {
  return body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body, null, 2);
}

/** Lines are headers only once they have a colon, so what is being typed is kept beside them. */
function HeadersField({
  value,
  onChange,
}: {
  value: unknown;
  onChange: (headers: Record<string, string> | undefined) => void;
}) {
  const t = useText().canary.form;
  const printed = printHeaders(value);
  const [typed, setTyped] = useState(printed);
  const shown = printHeaders(parseHeaders(typed) ?? {}) === printed ? typed : printed;
  return (
    <TextField
      label={t.headers}
      note={t.headersHelp}
      value={shown}
      onChange={(next) => {
        setTyped(next);
        onChange(parseHeaders(next));
      }}
      multiline={2}
    />
  );
}

/** Parts of the answer under a name: steps after this one write `${name}` for them. */
function Extractors({ step, onChange }: { step: CheckStep; onChange: (step: CheckStep) => void }) {
  const t = useText().canary.form;
  const extractors = step.extractors ?? [];
  const set = (next: CheckExtractor[]) => onChange(withMember(step, "extractors", next.length > 0 ? next : undefined));
  const change = (i: number, member: "name" | "path", value: string) =>
    set(extractors.map((each, j) => (i === j ? withMember(each, member, value) : each)));
  return (
    <FormField label={t.extractors} description={t.extractorsHelp} stretch>
      <div className="m-form-rows">
        {extractors.map((extractor, i) => (
          <div key={i} className="m-form-row m-form-variable">
            <Input
              value={extractor.name ?? ""}
              ariaLabel={`${t.extractors} ${i + 1}: ${t.key}`}
              placeholder={t.key}
              spellcheck={false}
              onChange={({ detail }) => change(i, "name", detail.value)}
            />
            <Input
              value={extractor.path ?? ""}
              ariaLabel={`${t.extractors} ${i + 1}: ${t.about.path}`}
              placeholder={t.about.path}
              spellcheck={false}
              onChange={({ detail }) => change(i, "path", detail.value)}
            />
            <Button
              variant="icon"
              iconName="remove"
              formAction="none"
              ariaLabel={`${t.remove}: ${t.extractors} ${i + 1}`}
              onClick={() => set(extractors.filter((_, j) => j !== i))}
            />
          </div>
        ))}
        <Button
          iconName="add-plus"
          formAction="none"
          onClick={() => set([...extractors, { name: `value${extractors.length + 1}`, type: "BODY", path: "$.id" }])}
        >
          {t.addExtractor}
        </Button>
      </div>
    </FormField>
  );
}

function Assertions({ step, onChange }: { step: CheckStep; onChange: (step: CheckStep) => void }) {
  const t = useText().canary.form;
  const kinds = assertionKinds[step.checkerType] ?? {};
  const assertions = step.assertions ?? [];
  const set = (next: CheckAssertion[]) => onChange({ ...step, assertions: next });
  const options = Object.keys(kinds).map((value) => ({ value, label: t.assertionKinds[value] ?? value }));
  return (
    <FormField label={t.assertions} stretch>
      <div className="m-form-rows">
        {assertions.length === 0 && <div className="m-text-quiet">{t.noAssertions}</div>}
        {assertions.map((assertion, i) => {
          const name = kindOfAssertion(step.checkerType, assertion);
          const kind = name === undefined ? undefined : kinds[name];
          const change = (next: CheckAssertion) => set(assertions.map((each, j) => (i === j ? next : each)));
          const label = (what: string) => `${t.assertions} ${i + 1}: ${what}`;
          return (
            <div key={i} className="m-form-row m-form-assertion">
              {kind && name ? (
                <>
                  <Select
                    ariaLabel={label(t.kind)}
                    options={options}
                    selectedOption={options.find((option) => option.value === name)!}
                    onChange={({ detail }) => change(newAssertion(step.checkerType, detail.selectedOption.value!))}
                    expandToViewport
                  />
                  {kind.about && (
                    <Input
                      ariaLabel={label(t.about[kind.about])}
                      placeholder={t.about[kind.about]}
                      value={known(assertion[kind.about])}
                      spellcheck={false}
                      onChange={({ detail }) => change(withMember(assertion, kind.about!, detail.value))}
                    />
                  )}
                  {kind.operators.length > 0 && (
                    <Select
                      ariaLabel={label(t.action)}
                      options={kind.operators.map((value) => ({ value, label: t.operators[value] ?? value }))}
                      selectedOption={{
                        value: assertion.operator ?? "",
                        label: t.operators[assertion.operator ?? ""] ?? assertion.operator ?? "",
                      }}
                      onChange={({ detail }) => change(withOperator(assertion, detail.selectedOption.value!))}
                      expandToViewport
                    />
                  )}
                  {kind.value !== "boolean" && hasValue(assertion.operator) && (
                    <Input
                      ariaLabel={label(t.value)}
                      placeholder={t.value}
                      value={valueText(assertion)}
                      spellcheck={false}
                      onChange={({ detail }) => change(withValue(assertion, kind, detail.value))}
                    />
                  )}
                </>
              ) : (
                <span>{t.otherAssertion(assertion.type)}</span>
              )}
              <Button
                variant="icon"
                iconName="remove"
                formAction="none"
                ariaLabel={`${t.remove}: ${t.assertions} ${i + 1}`}
                onClick={() => set(assertions.filter((_, j) => j !== i))}
              />
            </div>
          );
        })}
        <Button
          iconName="add-plus"
          formAction="none"
          onClick={() => set([...assertions, newAssertion(step.checkerType, Object.keys(kinds)[0]!)])}
        >
          {t.addAssertion}
        </Button>
      </div>
    </FormField>
  );
}
