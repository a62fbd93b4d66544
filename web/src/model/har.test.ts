import { describe, expect, it } from "vitest";

import { harKindOf, hostsOf, narrowHar, parseHar } from "./har";

const entry = (at: number, url: string, more: object = {}) => ({
  startedDateTime: new Date(1_700_000_000_000 + at).toISOString(),
  time: 100,
  request: { method: "GET", url, headers: [{ name: "Accept", value: "*/*" }] },
  response: { status: 200, statusText: "OK", content: { size: 10, mimeType: "text/html; charset=utf-8" }, bodySize: -1 },
  timings: { blocked: -1, dns: 5, connect: 30, ssl: 20, send: 0, wait: 60, receive: 5 },
  ...more,
});
const har = (...entries: object[]) => parseHar(JSON.stringify({ log: { version: "1.2", entries } }));

describe("HAR", () => {
  it("becomes rows that begin with the first request", () => {
    const { rows, total } = har(entry(50, "https://cdn.test/a.js?v=1"), entry(0, "https://shop.test/"));
    expect(rows.map((row) => [row.host, row.path, row.start])).toEqual([
      ["shop.test", "/", 0],
      ["cdn.test", "/a.js?v=1", 50],
    ]);
    expect(total).toBe(150);
    expect(rows[0]!.bytes).toBe(10);
    expect(rows[0]!.mimeType).toBe("text/html");
  });

  it("takes the time of TLS out of that to connect, and leaves out what did not happen", () => {
    expect(har(entry(0, "https://shop.test/")).rows[0]!.phases).toEqual({
      dns: 5,
      connect: 10,
      tls: 20,
      wait: 60,
      receive: 5,
    });
  });

  it("knows what has failed", () => {
    const failed = entry(0, "https://shop.test/x", { response: { status: 0 }, _error: "net::ERR_CONNECTION_REFUSED" });
    const { rows } = har(failed, entry(1, "https://shop.test/y", { response: { status: 503 } }), entry(2, "https://a.test/"));
    expect(narrowHar(rows, "failed", "").map((row) => row.path)).toEqual(["/x", "/y"]);
    expect(rows[0]!.error).toBe("net::ERR_CONNECTION_REFUSED");
    expect(narrowHar(rows, "all", "A.TEST")).toHaveLength(1);
    expect(harKindOf(rows[2]!)).toBe("document");
    expect(hostsOf(rows).map(({ host, count, failed }) => [host, count, failed])).toEqual([
      ["shop.test", 2, 2],
      ["a.test", 1, 0],
    ]);
  });

  it("is nothing without entries", () => {
    expect(parseHar("{}")).toEqual({ rows: [], total: 0 });
    expect(har(entry(0, "data:image/png;base64,xyz")).rows[0]!.host).toBe("data:");
  });
});
