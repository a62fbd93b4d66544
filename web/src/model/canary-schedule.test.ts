import { describe, expect, it } from "vitest";

import { isCron, meaningOf, parseSchedule, printSchedule, secondsBetween } from "./canary-schedule";

describe("schedules", () => {
  it("reads and writes rates", () => {
    expect(parseSchedule("rate(5 minutes)")).toEqual({ kind: "rate", minutes: 5 });
    expect(parseSchedule("rate(1 hour)")).toEqual({ kind: "rate", minutes: 60 });
    expect(printSchedule({ kind: "rate", minutes: 1 })).toBe("rate(1 minute)");
    expect(printSchedule({ kind: "rate", minutes: 15 })).toBe("rate(15 minutes)");
    expect(printSchedule({ kind: "rate", minutes: 60 })).toBe("rate(1 hour)");
    expect(secondsBetween("rate(15 minutes)")).toBe(900);
    expect(secondsBetween("cron(0 9 * * ? *)")).toBeUndefined();
  });

  it("knows that a rate of zero runs once", () => {
    expect(parseSchedule("rate(0 hour)")).toEqual({ kind: "once" });
    expect(printSchedule({ kind: "once" })).toBe("rate(0 minute)");
  });

  it("keeps what it does not understand", () => {
    expect(printSchedule(parseSchedule("every now and then"))).toBe("every now and then");
  });

  it("says what the usual cron expressions mean", () => {
    expect(meaningOf("0 9 * * ? *")).toEqual({ kind: "daily", hour: 9, minute: 0, days: undefined });
    expect(meaningOf("30 8 ? * MON-FRI *")).toEqual({ kind: "daily", hour: 8, minute: 30, days: [1, 2, 3, 4, 5] });
    expect(meaningOf("0/10 * ? * 2-6 *")).toEqual({ kind: "minutes", every: 10, days: [1, 2, 3, 4, 5] });
    expect(meaningOf("15 * * * ? *")).toEqual({ kind: "hourly", minute: 15, days: undefined });
    expect(meaningOf("0 3 1 * ? *")).toEqual({ kind: "monthly", hour: 3, minute: 0, day: 1 });
    expect(meaningOf("0 3 L * ? *")).toBeUndefined();
    expect(meaningOf("0 3 ? 1 MON *")).toBeUndefined();
  });

  it("wants six fields and one question mark", () => {
    expect(isCron("0 9 * * ? *")).toBe(true);
    expect(isCron("0 9 * * * *")).toBe(false);
    expect(isCron("0 9 * * ?")).toBe(false);
  });
});
