import { describe, expect, it } from "vitest";

import { createCommand, describeCommand } from "./canary-command";

const origin = "http://127.0.0.1:2001";

describe("commands", () => {
  it("ask for a canary", () => {
    expect(describeCommand("shop", origin, false)).toBe(
      "aws synthetics get-canary --endpoint-url http://127.0.0.1:2001 --region us-east-1 --no-sign-request --name shop",
    );
  });

  it("create a blueprint with curl and a script with the AWS CLI", () => {
    const blueprint = createCommand(
      { Id: "i", Name: "shop", Code: { BlueprintTypes: ["heartbeat"], BlueprintConfig: { urls: [] } } },
      origin,
      true,
    );
    expect(blueprint).toContain("curl -X POST http://127.0.0.1:2001/canary");
    expect(blueprint).toContain("--aws-sigv4");
    const script = createCommand(
      { Id: "i", Name: "shop", Code: { Handler: "index.handler" }, RunConfig: { EnvironmentVariableNames: ["A"] } },
      origin,
      false,
    );
    expect(script).toContain("aws synthetics create-canary");
    expect(script).toContain("BASE64");
    expect(script).toContain('"EnvironmentVariables":{"A":"VALUE"}');
  });
});
