// The form of a canary: what stands in it, what is wrong with it, and what the API is given.

import type { Canary, CanaryCode, CanaryInput } from "../api/canary";
import { blueprintOf, blueprints, browserNeed, isCanaryName, type Blueprint } from "./canary";
import { isCron, parseSchedule, printSchedule } from "./canary-schedule";
import { scriptHandler, scriptRuntimes, scriptTemplate } from "./canary-script";
import { newStep, parseChecks, printChecks } from "./multi-checks";

export interface PageDraft {
  url: string;
  name: string;
}

export const workflowActions = [
  "click",
  "type",
  "press",
  "select",
  "verifySelector",
  "verifyText",
  "verifyUrl",
  "navigate",
  "wait",
] as const;
export type WorkflowAction = (typeof workflowActions)[number];

export interface WorkflowStepDraft {
  name: string;
  action: WorkflowAction;
  selector: string;
  text: string;
  url: string;
  ms: string;
}

/** What a step of a workflow needs, beside a name. */
export const workflowNeeds: Record<WorkflowAction, readonly ("selector" | "text" | "url" | "ms")[]> = {
  click: ["selector"],
  type: ["selector", "text"],
  press: ["text"],
  select: ["selector", "text"],
  verifySelector: ["selector"],
  verifyText: ["selector", "text"],
  verifyUrl: ["url"],
  navigate: ["url"],
  wait: ["ms"],
};

export interface CanaryDraft {
  blueprint: Blueprint;
  name: string;
  /** Several for heartbeat and visual; of the others only the first one counts. */
  pages: PageDraft[];
  screenshot: boolean;
  maxDuration: string;
  failOnConsoleError: boolean;
  failOnFailedRequest: boolean;
  waitForSelector: string;
  settle: string;
  width: string;
  height: string;
  /** Configuration of multi-checks, as text. */
  checks: string;
  maxLinks: string;
  sameHostOnly: boolean;
  variance: string;
  steps: WorkflowStepDraft[];
  runtime: string;
  handler: string;
  /** Undefined: what is stored stays. */
  script: string | undefined;
  zip: { name: string; base64: string } | undefined;
  schedule: "rate" | "cron" | "once";
  minutes: string;
  cron: string;
  /** Seconds; empty: as the server has it. */
  timeout: string;
  retries: string;
  tracing: boolean;
  successDays: string;
  failureDays: string;
  environment: { key: string; value: string }[];
  /** Names of variables that are stored, and stay as long as none are written here. */
  storedNames: readonly string[];
  /** Members of the configuration that the form does not know. */
  rest: Record<string, unknown>;
}

export const rates = [1, 5, 15, 60] as const;
export const blueprintRuntime = "mitoshi-1.0";

export interface Prefill {
  url?: string | undefined;
  blueprint?: string | undefined;
}

export function newDraft({ url = "", blueprint }: Prefill = {}): CanaryDraft {
  const kind = blueprints.find((each) => each === blueprint) ?? "heartbeat";
  return withUrl(
    {
      blueprint: kind,
      name: "",
      pages: [{ url: "", name: "" }],
      screenshot: true,
      maxDuration: "",
      failOnConsoleError: false,
      failOnFailedRequest: false,
      waitForSelector: "",
      settle: "",
      width: "",
      height: "",
      checks: printChecks({ steps: { "1": newStep("HTTP", []) } }),
      maxLinks: "10",
      sameHostOnly: true,
      variance: "5",
      steps: [newWorkflowStep()],
      runtime: scriptRuntimes[0],
      handler: scriptHandler,
      script: scriptTemplate(scriptRuntimes[0], ""),
      zip: undefined,
      schedule: "rate",
      minutes: "5",
      cron: "0 9 ? * MON-FRI *",
      timeout: "",
      retries: "0",
      tracing: true,
      successDays: "31",
      failureDays: "31",
      environment: [],
      storedNames: [],
      rest: {},
    },
    url,
  );
}

export function newWorkflowStep(): WorkflowStepDraft {
  return { name: "", action: "verifySelector", selector: "", text: "", url: "", ms: "1000" };
}

/** An address stands in the fields of every blueprint, so that one may still change one's mind. */
export function withUrl(draft: CanaryDraft, url: string): CanaryDraft {
  const before = draft.pages[0]?.url ?? "";
  const pages = draft.pages.map((page, i) => (i === 0 ? { ...page, url } : page));
  const isTemplate = draft.script === scriptTemplate(draft.runtime, before);
  const isUntouched = draft.checks === printChecks({ steps: { "1": newStep("HTTP", [], before) } });
  return {
    ...draft,
    pages,
    ...(isTemplate ? { script: scriptTemplate(draft.runtime, url) } : {}),
    ...(isUntouched ? { checks: printChecks({ steps: { "1": newStep("HTTP", [], url) } }) } : {}),
  };
}

export function withRuntime(draft: CanaryDraft, runtime: string): CanaryDraft {
  const url = draft.pages[0]?.url ?? "";
  const isTemplate = draft.script === scriptTemplate(draft.runtime, url);
  return { ...draft, runtime, ...(isTemplate ? { script: scriptTemplate(runtime, url) } : {}) };
}

/** The address that a name is suggested from. */
export function addressOf(draft: CanaryDraft): string {
  if (draft.blueprint !== "api" && draft.blueprint !== "multi-checks") return draft.pages[0]?.url ?? "";
  const parsed = parseChecks(draft.checks);
  if (!("checks" in parsed)) return "";
  const step = Object.values(parsed.checks.steps)[0];
  const host = step?.["hostname"] ?? step?.["domain"];
  const variables = parsed.checks.variables ?? {};
  const url = String(step?.["url"] ?? "").replace(/\$\{(\w+)\}/g, (whole, name: string) => String(variables[name] ?? whole));
  return url || (typeof host === "string" && host ? `https://${host}/` : "");
}

const text = (value: unknown) => (typeof value === "string" ? value : typeof value === "number" ? String(value) : "");

/** What stands in the form of a canary that exists. */
export function draftOf(canary: Canary): CanaryDraft {
  const base = newDraft();
  const { Code, Schedule, RunConfig } = canary;
  const blueprint = blueprintOf(canary);
  const schedule = parseSchedule(Schedule?.Expression);
  const config = (Code?.BlueprintConfig ?? {}) as Record<string, unknown>;
  const common: CanaryDraft = {
    ...base,
    blueprint,
    name: canary.Name,
    runtime: blueprint === "script" ? (canary.RuntimeVersion ?? base.runtime) : base.runtime,
    handler: Code?.Handler ?? base.handler,
    script: blueprint === "script" ? Code?.Script : base.script,
    schedule: schedule.kind === "other" ? "cron" : schedule.kind,
    minutes: schedule.kind === "rate" ? String(schedule.minutes) : base.minutes,
    cron: schedule.kind === "cron" ? schedule.fields : schedule.kind === "other" ? schedule.expression : base.cron,
    timeout: text(RunConfig?.TimeoutInSeconds),
    retries: text(Schedule?.RetryConfig?.MaxRetries ?? 0),
    tracing: RunConfig?.ActiveTracing ?? false,
    successDays: text(canary.SuccessRetentionPeriodInDays ?? 31),
    failureDays: text(canary.FailureRetentionPeriodInDays ?? 31),
    storedNames: RunConfig?.EnvironmentVariableNames ?? [],
  };
  if (blueprint === "script") return common;
  if (blueprint === "api" || blueprint === "multi-checks")
    return { ...common, checks: printChecks(config as never) };
  const known = knownMembers[blueprint];
  const rest = Object.fromEntries(Object.entries(config).filter(([member]) => !known.includes(member)));
  const viewport = (config["viewport"] ?? {}) as { width?: number; height?: number };
  const urls = (config["urls"] ?? []) as { url?: string; name?: string }[];
  const steps = (config["steps"] ?? []) as Record<string, unknown>[];
  return {
    ...common,
    rest,
    pages:
      urls.length > 0
        ? urls.map((page) => ({ url: page.url ?? "", name: page.name ?? "" }))
        : [{ url: text(config["url"]), name: "" }],
    screenshot: config["screenshot"] !== false,
    maxDuration: text(config["maxDurationMs"]),
    failOnConsoleError: config["failOnConsoleError"] === true,
    failOnFailedRequest: config["failOnFailedRequest"] === true,
    waitForSelector: text(config["waitForSelector"]),
    settle: text(config["settleMs"]),
    width: text(viewport.width),
    height: text(viewport.height),
    maxLinks: text(config["maxLinks"] ?? 10),
    sameHostOnly: config["sameHostOnly"] !== false,
    variance: text(config["variancePercent"] ?? 5),
    steps: steps.map((step) => ({
      name: text(step["name"]),
      action: workflowActions.find((action) => action === step["action"]) ?? "click",
      selector: text(step["selector"]),
      text: text(step["text"]),
      url: text(step["url"]),
      ms: text(step["ms"]) || "1000",
    })),
  };
}

const pageMembers = ["urls", "viewport", "waitForSelector", "settleMs"];
const knownMembers: Record<Exclude<Blueprint, "script" | "api" | "multi-checks">, readonly string[]> = {
  heartbeat: [...pageMembers, "screenshot", "maxDurationMs", "failOnConsoleError", "failOnFailedRequest"],
  "broken-links": ["url", "maxLinks", "sameHostOnly"],
  visual: [...pageMembers, "variancePercent"],
  workflow: ["url", "steps", "viewport"],
};

const number = (typed: string) => (typed.trim() === "" ? undefined : Number(typed));

/** Only what is there. */
function filled(members: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && value !== ""));
}

function viewportOf(draft: CanaryDraft) {
  const [width, height] = [number(draft.width), number(draft.height)];
  return width && height ? { width, height } : undefined;
}

export function configOf(draft: CanaryDraft): unknown {
  const { pages, rest } = draft;
  const url = pages[0]?.url.trim() ?? "";
  const viewport = viewportOf(draft);
  const shared = {
    urls: pages
      .filter((page) => page.url.trim() !== "")
      .map((page) => filled({ url: page.url.trim(), name: page.name.trim() })),
    viewport,
    waitForSelector: draft.waitForSelector.trim(),
    settleMs: number(draft.settle),
  };
  switch (draft.blueprint) {
    case "heartbeat":
      return filled({
        ...rest,
        ...shared,
        screenshot: draft.screenshot,
        maxDurationMs: number(draft.maxDuration),
        failOnConsoleError: draft.failOnConsoleError || undefined,
        failOnFailedRequest: draft.failOnFailedRequest || undefined,
      });
    case "visual":
      return filled({ ...rest, ...shared, variancePercent: number(draft.variance) ?? 0 });
    case "broken-links":
      return filled({ ...rest, url, maxLinks: number(draft.maxLinks), sameHostOnly: draft.sameHostOnly });
    case "workflow":
      return filled({
        ...rest,
        url,
        viewport,
        steps: draft.steps.map((step) =>
          filled({
            name: step.name.trim(),
            action: step.action,
            ...Object.fromEntries(
              workflowNeeds[step.action].map((need) => [need, need === "ms" ? number(step.ms) : step[need]]),
            ),
          }),
        ),
      });
    case "api":
    case "multi-checks": {
      const parsed = parseChecks(draft.checks);
      return "checks" in parsed ? parsed.checks : undefined;
    }
    case "script":
      return undefined;
  }
}

export function codeOf(draft: CanaryDraft): CanaryCode | undefined {
  if (draft.blueprint === "script") {
    if (draft.zip) return { ZipFile: draft.zip.base64, Handler: draft.handler };
    return draft.script === undefined ? undefined : { Script: draft.script, Handler: draft.handler };
  }
  const name = draft.blueprint === "api" ? "multi-checks" : draft.blueprint;
  return { BlueprintTypes: [name], BlueprintConfig: configOf(draft) };
}

export function runtimeOf(draft: CanaryDraft): string {
  return draft.blueprint === "script" ? draft.runtime : blueprintRuntime;
}

export function expressionOf(draft: CanaryDraft): string {
  switch (draft.schedule) {
    case "once":
      return printSchedule({ kind: "once" });
    case "rate":
      return printSchedule({ kind: "rate", minutes: Number(draft.minutes) });
    case "cron":
      return printSchedule({ kind: "cron", fields: draft.cron });
  }
}

export function runConfigOf(draft: CanaryDraft): NonNullable<CanaryInput["RunConfig"]> {
  const environment = draft.environment.filter(({ key }) => key.trim() !== "");
  const timeout = number(draft.timeout);
  return {
    ...(timeout === undefined ? {} : { TimeoutInSeconds: timeout }),
    ActiveTracing: draft.tracing,
    ...(environment.length > 0
      ? { EnvironmentVariables: Object.fromEntries(environment.map(({ key, value }) => [key.trim(), value])) }
      : {}),
  };
}

/** Neither has a meaning here, and the API wants both. */
export const nominal = {
  ArtifactS3Location: "s3://cw-syn-results",
  ExecutionRoleArn: "arn:aws:iam::000000000000:role/mitoshi",
};

/** What both creating and updating are given. */
export function settingsOf(draft: CanaryDraft) {
  return {
    Schedule: { Expression: expressionOf(draft), RetryConfig: { MaxRetries: Number(draft.retries) } },
    RunConfig: runConfigOf(draft),
    SuccessRetentionPeriodInDays: Number(draft.successDays),
    FailureRetentionPeriodInDays: Number(draft.failureDays),
    RuntimeVersion: runtimeOf(draft),
  };
}

export function inputOf(draft: CanaryDraft, tags: Record<string, string> = {}): CanaryInput {
  return {
    Name: draft.name,
    Code: codeOf(draft) ?? {},
    ...nominal,
    ...settingsOf(draft),
    ...(Object.keys(tags).length > 0 ? { Tags: tags } : {}),
  };
}

export type Problem =
  | "name"
  | "nameTaken"
  | "url"
  | "noUrl"
  | "number"
  | "percent"
  | "days"
  | "timeout"
  | "cron"
  | "needed"
  | "noSteps"
  | "json"
  | "viewport"
  | "script";

/** By field; those of rows by the row, as `pages.0`. */
export type Problems = Record<string, Problem>;

/** Nobody writes `https://` by hand: a host alone is completed. */
export function wholeUrl(typed: string): string {
  const url = typed.trim();
  return /^[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?([/?#].*)?$/i.test(url) || /^localhost(:\d+)?([/?#].*)?$/.test(url)
    ? `${url.startsWith("localhost") ? "http" : "https"}://${url}`
    : url;
}

const isUrl = (typed: string) => URL.canParse(typed.trim()) && /^https?:/.test(typed.trim());
const isWhole = (typed: string, low: number, high: number) =>
  /^\d+$/.test(typed.trim()) && Number(typed) >= low && Number(typed) <= high;

/** What would not be accepted; `what` narrows it to what a try needs. */
export function problemsOf(draft: CanaryDraft, taken: readonly string[], what: "all" | "try" = "all"): Problems {
  const found: Problems = {};
  const say = (field: string, problem: Problem | false | undefined) => {
    if (problem) found[field] = problem;
  };
  codeProblems(draft, say);
  say("timeout", draft.timeout.trim() !== "" && !isWhole(draft.timeout, 3, 840) && "timeout");
  if (what === "try") return found;
  say("name", !isCanaryName(draft.name) ? "name" : taken.includes(draft.name) && "nameTaken");
  say("minutes", draft.schedule === "rate" && !isWhole(draft.minutes, 1, 60) && "number");
  say("cron", draft.schedule === "cron" && !isCron(draft.cron) && "cron");
  say("successDays", !isWhole(draft.successDays, 1, 1024) && "days");
  say("failureDays", !isWhole(draft.failureDays, 1, 1024) && "days");
  return found;
}

function codeProblems(draft: CanaryDraft, say: (field: string, problem: Problem | false | undefined) => void): void {
  const { blueprint } = draft;
  if (blueprint === "script") {
    say("script", draft.zip === undefined && draft.script !== undefined && draft.script.trim() === "" && "script");
    return;
  }
  if (blueprint === "api" || blueprint === "multi-checks") {
    const parsed = parseChecks(draft.checks);
    if (!("checks" in parsed)) return say("checks", "json");
    say("checks", Object.keys(parsed.checks.steps).length === 0 && "noSteps");
    return;
  }
  const several = blueprint === "heartbeat" || blueprint === "visual";
  draft.pages.slice(0, several ? undefined : 1).forEach((page, i) => {
    const isEmpty = page.url.trim() === "";
    say(`pages.${i}`, isEmpty ? "noUrl" : !isUrl(page.url) && "url");
  });
  if (blueprint === "broken-links") return say("maxLinks", !isWhole(draft.maxLinks, 1, 100) && "number");
  say("viewport", (draft.width.trim() !== "") !== (draft.height.trim() !== "") && "viewport");
  for (const field of ["width", "height"] as const)
    say("viewport", draft[field].trim() !== "" && !isWhole(draft[field], 100, 8000) && "number");
  if (blueprint === "workflow") {
    say("steps", draft.steps.length === 0 && "noSteps");
    draft.steps.forEach((step, i) =>
      workflowNeeds[step.action].forEach((need) => {
        // A text may be looked for anywhere on the page.
        const mayLack = need === "selector" && step.action === "verifyText";
        if (need === "ms") say(`steps.${i}.ms`, !isWhole(step.ms, 1, 60_000) && "number");
        else say(`steps.${i}.${need}`, !mayLack && step[need].trim() === "" && "needed");
      }),
    );
    return;
  }
  say("settle", draft.settle.trim() !== "" && !isWhole(draft.settle, 0, 60_000) && "number");
  if (blueprint === "heartbeat")
    say("maxDuration", draft.maxDuration.trim() !== "" && !isWhole(draft.maxDuration, 1, 840_000) && "number");
  if (blueprint === "visual") {
    const percent = Number(draft.variance);
    say("variance", (draft.variance.trim() === "" || !(percent >= 0 && percent <= 100)) && "percent");
  }
}

export interface ToolNeed {
  tool: "Browser" | "Node" | "Python";
  /** Without it, runs fail; else they can do less. */
  isNeeded: boolean;
}

/** Which programs of the server this canary runs with. */
export function toolsOf(draft: CanaryDraft): ToolNeed[] {
  const tools: ToolNeed[] = [];
  if (draft.blueprint === "script")
    tools.push({ tool: draft.runtime.includes("python") ? "Python" : "Node", isNeeded: true });
  const browser = browserNeed(draft.blueprint, draft.runtime);
  if (browser !== "none") tools.push({ tool: "Browser", isNeeded: browser === "needed" });
  return tools;
}
