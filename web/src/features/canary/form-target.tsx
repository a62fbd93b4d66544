// What is looked at, and when that fails: the fields of each blueprint.

import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";

import { useText } from "../../app/settings";
import {
  newWorkflowStep,
  wholeUrl,
  withUrl,
  workflowActions,
  workflowNeeds,
  type WorkflowAction,
  type WorkflowStepDraft,
} from "../../model/canary-draft";
import { ChecksFields } from "./form-checks";
import { TextField, useProblemText, type PartProps } from "./form-parts";
import { ScriptFields } from "./form-script";

export function TargetFields(props: PartProps & { refused: string | undefined }) {
  switch (props.draft.blueprint) {
    case "heartbeat":
    case "visual":
      return <PageFields {...props} />;
    case "broken-links":
      return <LinkFields {...props} />;
    case "workflow":
      return <WorkflowFields {...props} />;
    case "api":
    case "multi-checks":
      return <ChecksFields {...props} />;
    case "script":
      return <ScriptFields {...props} />;
  }
}

function UrlField({ draft, change, problems }: PartProps) {
  const t = useText().canary.form;
  const problemText = useProblemText();
  return (
    <TextField
      label={t.url}
      value={draft.pages[0]?.url ?? ""}
      onChange={(url) => change(withUrl(draft, url))}
      onBlur={() => change(withUrl(draft, wholeUrl(draft.pages[0]?.url ?? "")))}
      error={problemText(problems["pages.0"])}
      placeholder={t.urlPlaceholder}
      mono
    />
  );
}

function PageFields(props: PartProps) {
  const { draft, change, problems } = props;
  const t = useText().canary.form;
  const problemText = useProblemText();
  const set = (i: number, part: Partial<(typeof draft.pages)[number]>) => {
    const pages = draft.pages.map((page, j) => (i === j ? { ...page, ...part } : page));
    change(i === 0 && part.url !== undefined ? { ...withUrl(draft, part.url), pages } : { pages });
  };
  const isVisual = draft.blueprint === "visual";
  return (
    <SpaceBetween size="m">
      <FormField label={t.pages} description={t.pagesHelp} stretch>
        <div className="m-form-rows">
          {draft.pages.map((page, i) => (
            <div key={i} className="m-form-row m-form-page">
              <FormField errorText={problemText(problems[`pages.${i}`])} stretch>
                <Input
                  value={page.url}
                  ariaLabel={`${t.url} ${i + 1}`}
                  placeholder={t.urlPlaceholder}
                  spellcheck={false}
                  onChange={({ detail }) => set(i, { url: detail.value })}
                  onBlur={() => set(i, { url: wholeUrl(page.url) })}
                />
              </FormField>
              <Input
                value={page.name}
                ariaLabel={`${t.pageName} ${i + 1}`}
                placeholder={t.pageName}
                onChange={({ detail }) => set(i, { name: detail.value })}
              />
              <Button
                variant="icon"
                iconName="remove"
                formAction="none"
                disabled={draft.pages.length === 1}
                ariaLabel={`${t.remove}: ${page.url || i + 1}`}
                onClick={() => change({ pages: draft.pages.filter((_, j) => j !== i) })}
              />
            </div>
          ))}
          <Button
            iconName="add-plus"
            formAction="none"
            onClick={() => change({ pages: [...draft.pages, { url: "", name: "" }] })}
          >
            {t.addPage}
          </Button>
        </div>
      </FormField>
      {isVisual ? (
        <TextField
          label={t.variance}
          help={t.varianceHelp}
          value={draft.variance}
          onChange={(variance) => change({ variance })}
          error={problemText(problems["variance"])}
          numeric
        />
      ) : (
        <SpaceBetween size="m">
          <Checkbox checked={draft.screenshot} onChange={({ detail }) => change({ screenshot: detail.checked })}>
            {t.screenshot}
          </Checkbox>
          <FormField label={t.checks}>
            <SpaceBetween size="xxs">
              <Checkbox
                checked={draft.failOnFailedRequest}
                onChange={({ detail }) => change({ failOnFailedRequest: detail.checked })}
              >
                {t.failOnFailedRequest}
              </Checkbox>
              <Checkbox
                checked={draft.failOnConsoleError}
                onChange={({ detail }) => change({ failOnConsoleError: detail.checked })}
              >
                {t.failOnConsoleError}
              </Checkbox>
            </SpaceBetween>
          </FormField>
          <TextField
            label={t.maxDuration}
            help={t.maxDurationHelp}
            value={draft.maxDuration}
            onChange={(maxDuration) => change({ maxDuration })}
            error={problemText(problems["maxDuration"])}
            numeric
          />
        </SpaceBetween>
      )}
      <MorePageFields {...props} />
    </SpaceBetween>
  );
}

function MorePageFields({ draft, change, problems }: PartProps) {
  const t = useText().canary.form;
  const problemText = useProblemText();
  const isUsed = draft.waitForSelector !== "" || draft.settle !== "" || draft.width !== "" || draft.height !== "";
  const hasProblem = problems["settle"] !== undefined || problems["viewport"] !== undefined;
  return (
    <ExpandableSection headerText={t.more} defaultExpanded={isUsed || hasProblem}>
      <div className="m-form-grid">
        <TextField
          label={t.waitForSelector}
          help={t.waitForSelectorHelp}
          value={draft.waitForSelector}
          onChange={(waitForSelector) => change({ waitForSelector })}
          placeholder="#app .ready"
          mono
        />
        <TextField
          label={t.settle}
          value={draft.settle}
          onChange={(settle) => change({ settle })}
          error={problemText(problems["settle"])}
          numeric
        />
        <Viewport draft={draft} change={change} problems={problems} />
      </div>
    </ExpandableSection>
  );
}

function Viewport({ draft, change, problems }: PartProps) {
  const t = useText().canary.form;
  const problemText = useProblemText();
  return (
    <FormField label={t.viewport} errorText={problemText(problems["viewport"])}>
      <div className="m-form-pair">
        <Input
          value={draft.width}
          inputMode="numeric"
          ariaLabel={t.width}
          placeholder="1280"
          onChange={({ detail }) => change({ width: detail.value })}
        />
        ×
        <Input
          value={draft.height}
          inputMode="numeric"
          ariaLabel={t.height}
          placeholder="800"
          onChange={({ detail }) => change({ height: detail.value })}
        />
      </div>
    </FormField>
  );
}

function LinkFields(props: PartProps) {
  const { draft, change, problems } = props;
  const t = useText().canary.form;
  const problemText = useProblemText();
  return (
    <SpaceBetween size="m">
      <UrlField {...props} />
      <TextField
        label={t.maxLinks}
        value={draft.maxLinks}
        onChange={(maxLinks) => change({ maxLinks })}
        error={problemText(problems["maxLinks"])}
        numeric
      />
      <Checkbox checked={draft.sameHostOnly} onChange={({ detail }) => change({ sameHostOnly: detail.checked })}>
        {t.sameHost}
      </Checkbox>
    </SpaceBetween>
  );
}

function WorkflowFields(props: PartProps) {
  const { draft, change, problems } = props;
  const t = useText().canary.form;
  const problemText = useProblemText();
  const { steps } = draft;
  const set = (i: number, part: Partial<WorkflowStepDraft>) =>
    change({ steps: steps.map((step, j) => (i === j ? { ...step, ...part } : step)) });
  const move = (i: number, by: number) => {
    const next = [...steps];
    next.splice(i + by, 0, ...next.splice(i, 1));
    change({ steps: next });
  };
  const options = workflowActions.map((value) => ({ value, label: t.actions[value] }));
  const labels = { selector: t.selector, text: t.text, url: t.url, ms: t.ms };
  return (
    <SpaceBetween size="m">
      <UrlField {...props} />
      <FormField label={t.steps} errorText={problemText(problems["steps"])} stretch>
        <ol className="m-form-rows m-form-steps">
          {steps.map((step, i) => (
            <li key={i} className="m-form-row m-form-workflow" aria-label={t.step(i + 1)}>
              <span className="m-form-index">{i + 1}</span>
              <Select
                ariaLabel={`${t.step(i + 1)}: ${t.action}`}
                options={options}
                selectedOption={options.find((option) => option.value === step.action)!}
                onChange={({ detail }) => set(i, { action: detail.selectedOption.value as WorkflowAction })}
              />
              <div className="m-form-needs">
                {workflowNeeds[step.action].map((need) => (
                  <FormField key={need} errorText={problemText(problems[`steps.${i}.${need}`])} stretch>
                    <Input
                      value={step[need]}
                      ariaLabel={`${t.step(i + 1)}: ${labels[need]}`}
                      placeholder={placeholderOf(step.action, need, t.textHelp, labels[need])}
                      spellcheck={false}
                      onChange={({ detail }) => set(i, { [need]: detail.value })}
                    />
                  </FormField>
                ))}
              </div>
              <span className="m-form-tools">
                <Button
                  variant="icon"
                  iconName="angle-up"
                  formAction="none"
                  disabled={i === 0}
                  ariaLabel={`${t.moveUp}: ${t.step(i + 1)}`}
                  onClick={() => move(i, -1)}
                />
                <Button
                  variant="icon"
                  iconName="angle-down"
                  formAction="none"
                  disabled={i === steps.length - 1}
                  ariaLabel={`${t.moveDown}: ${t.step(i + 1)}`}
                  onClick={() => move(i, 1)}
                />
                <Button
                  variant="icon"
                  iconName="remove"
                  formAction="none"
                  ariaLabel={`${t.remove}: ${t.step(i + 1)}`}
                  onClick={() => change({ steps: steps.filter((_, j) => j !== i) })}
                />
              </span>
            </li>
          ))}
        </ol>
        <Button
          iconName="add-plus"
          formAction="none"
          onClick={() => change({ steps: [...steps, newWorkflowStep()] })}
        >
          {t.addStep}
        </Button>
      </FormField>
      <ExpandableSection headerText={t.more} defaultExpanded={draft.width !== "" || problems["viewport"] !== undefined}>
        <Viewport {...props} />
      </ExpandableSection>
    </SpaceBetween>
  );
}

function placeholderOf(
  action: WorkflowAction,
  need: "selector" | "text" | "url" | "ms",
  help: { press: string; select: string; verifyUrl: string },
  label: string,
): string {
  if (need === "text" && action === "press") return help.press;
  if (need === "text" && action === "select") return help.select;
  if (need === "url" && action === "verifyUrl") return help.verifyUrl;
  return label;
}
