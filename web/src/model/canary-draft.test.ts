import { describe, expect, it } from "vitest";

import type { Canary } from "../api/canary";
import {
  addressOf,
  codeOf,
  draftOf,
  inputOf,
  newDraft,
  newWorkflowStep,
  problemsOf,
  toolsOf,
  wholeUrl,
  withRuntime,
  withUrl,
} from "./canary-draft";
import { parseChecks } from "./multi-checks";

const url = "https://shop.test/cart";

/** As the server gives it back. */
function stored(draft: ReturnType<typeof newDraft>): Canary {
  const { Tags: _, ...input } = inputOf(draft);
  return { Id: "i", ...input };
}

describe("prefill", () => {
  it("puts the address into the fields of every blueprint", () => {
    const draft = newDraft({ url, blueprint: "api" });
    expect(draft.blueprint).toBe("api");
    expect(draft.pages[0]!.url).toBe(url);
    expect(addressOf(draft)).toBe(url);
    expect(draft.script).toContain(`"${url}"`);
  });

  it("completes a host to an address", () => {
    expect(wholeUrl(" shop.test/cart ")).toBe("https://shop.test/cart");
    expect(wholeUrl("localhost:8080")).toBe("http://localhost:8080");
    expect(wholeUrl("http://shop.test")).toBe("http://shop.test");
    expect(wholeUrl("shop")).toBe("shop");
    expect(wholeUrl("")).toBe("");
  });

  it("does not know other blueprints", () => {
    expect(newDraft({ blueprint: "crystal-ball" }).blueprint).toBe("heartbeat");
  });

  it("does not overwrite what somebody wrote", () => {
    const draft = { ...newDraft({ url }), script: "mine", checks: '{"steps":{}}' };
    expect(withUrl(draft, "https://b.test")).toMatchObject({ script: "mine", checks: '{"steps":{}}' });
    expect(withRuntime(newDraft({ url }), "syn-python-selenium-10.0").script).toContain("webdriver");
  });
});

describe("code", () => {
  it("of a heartbeat has only what is set", () => {
    expect(codeOf(newDraft({ url }))).toEqual({
      BlueprintTypes: ["heartbeat"],
      BlueprintConfig: { urls: [{ url }], screenshot: true },
    });
    const more = { ...newDraft({ url }), maxDuration: "3000", failOnConsoleError: true, width: "800", height: "600" };
    expect(codeOf(more)!.BlueprintConfig).toEqual({
      urls: [{ url }],
      screenshot: true,
      maxDurationMs: 3000,
      failOnConsoleError: true,
      viewport: { width: 800, height: 600 },
    });
  });

  it("of an API canary is that of multi-checks", () => {
    const code = codeOf(newDraft({ url, blueprint: "api" }))!;
    expect(code.BlueprintTypes).toEqual(["multi-checks"]);
    expect(code.BlueprintConfig).toMatchObject({ steps: { "1": { checkerType: "HTTP", url } } });
  });

  it("of a workflow has what each step needs", () => {
    const steps = [
      { ...newWorkflowStep(), action: "type" as const, selector: "#q", text: "tea", url: "left over" },
      { ...newWorkflowStep(), action: "wait" as const, ms: "500" },
    ];
    expect(codeOf({ ...newDraft({ url, blueprint: "workflow" }), steps })!.BlueprintConfig).toEqual({
      url,
      steps: [
        { action: "type", selector: "#q", text: "tea" },
        { action: "wait", ms: 500 },
      ],
    });
  });

  it("of a script is its text, a file, or nothing new", () => {
    const draft = { ...newDraft({ blueprint: "script" }), script: "x" };
    expect(codeOf(draft)).toEqual({ Script: "x", Handler: "index.handler" });
    expect(codeOf({ ...draft, zip: { name: "a.zip", base64: "UEs=" } })).toEqual({
      ZipFile: "UEs=",
      Handler: "index.handler",
    });
    expect(codeOf({ ...draft, script: undefined })).toBeUndefined();
  });
});

describe("input", () => {
  it("has what the API requires", () => {
    expect(inputOf({ ...newDraft({ url }), name: "shop" })).toMatchObject({
      Name: "shop",
      ArtifactS3Location: "s3://cw-syn-results",
      Schedule: { Expression: "rate(5 minutes)", RetryConfig: { MaxRetries: 0 } },
      RunConfig: { ActiveTracing: true },
      RuntimeVersion: "mitoshi-1.0",
    });
  });

  it("comes back into the form as it was", () => {
    for (const blueprint of ["heartbeat", "api", "multi-checks", "broken-links", "visual", "workflow"] as const) {
      const draft = { ...newDraft({ url, blueprint }), name: "shop", timeout: "60", retries: "1" };
      const again = draftOf(stored(draft));
      // Checks of HTTP only are an API canary.
      expect(again.blueprint).toBe(blueprint === "multi-checks" ? "api" : blueprint);
      expect(inputOf(again)).toEqual(inputOf(draft));
    }
  });

  it("keeps members that the form does not know", () => {
    const canary = stored({ ...newDraft({ url }), name: "shop" });
    canary.Code!.BlueprintConfig = { urls: [{ url }], screenshot: true, later: 1 };
    expect(codeOf(draftOf(canary))!.BlueprintConfig).toMatchObject({ later: 1 });
  });
});

describe("problems", () => {
  const good = { ...newDraft({ url }), name: "shop" };
  it("are none in a good draft", () => {
    expect(problemsOf(good, [])).toEqual({});
  });

  it("name the field", () => {
    expect(problemsOf({ ...good, name: "Shop" }, [])).toEqual({ name: "name" });
    expect(problemsOf(good, ["shop"])).toEqual({ name: "nameTaken" });
    expect(problemsOf({ ...good, pages: [{ url: "shop", name: "" }] }, [])).toEqual({ "pages.0": "url" });
    expect(problemsOf({ ...good, schedule: "cron", cron: "* * * * *" }, [])).toEqual({ cron: "cron" });
    expect(problemsOf({ ...good, timeout: "2" }, [])).toEqual({ timeout: "timeout" });
    expect(problemsOf({ ...good, width: "800" }, [])).toEqual({ viewport: "viewport" });
    expect(problemsOf({ ...good, blueprint: "multi-checks", checks: "{" }, [])).toEqual({ checks: "json" });
    expect(problemsOf({ ...good, blueprint: "workflow", steps: [newWorkflowStep()] }, [])).toEqual({
      "steps.0.selector": "needed",
    });
  });

  it("a try needs no name", () => {
    expect(problemsOf({ ...good, name: "" }, [], "try")).toEqual({});
  });
});

describe("tools", () => {
  it("are what the blueprint runs with", () => {
    expect(toolsOf(newDraft({ blueprint: "api" }))).toEqual([]);
    expect(toolsOf(newDraft({ blueprint: "heartbeat" }))).toEqual([{ tool: "Browser", isNeeded: false }]);
    expect(toolsOf(newDraft({ blueprint: "visual" }))).toEqual([{ tool: "Browser", isNeeded: true }]);
    const tools = (runtime: string) =>
      toolsOf({ ...newDraft({ blueprint: "script" }), runtime }).map(({ tool }) => tool);
    expect(tools("syn-nodejs-3.1")).toEqual(["Node"]);
    expect(tools("syn-python-selenium-10.0")).toEqual(["Python", "Browser"]);
  });

  it("checks begin as a readable text", () => {
    expect("checks" in parseChecks(newDraft().checks)).toBe(true);
  });
});
