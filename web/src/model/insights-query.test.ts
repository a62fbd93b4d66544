import { expect, test } from "vitest";

import { commandsOf, completeQuery, groupedBy, histogramQuery, isSql, linesOfPattern, namesGroups, ownQueryMark, partsOfQuery, patternQuery, stepFor } from "./insights-query";

const query = 'fields @timestamp, a/b as c # | stats\n| filter @message like /x|"y/ and path = "a | b"\n| stats count(*) as n by bin(5m), `user.id` as who\n| sort n desc';

test("the parts are all of the text, each of its kind", () => {
  const parts = partsOfQuery(query);
  expect(parts.map(({ text }) => text).join("")).toBe(query);
  const of = (text: string) => parts.find((part) => part.text === text)?.kind;
  expect(of("filter")).toBe("command");
  expect(of('/x|"y/')).toBe("regex");
  expect(of('"a | b"')).toBe("string");
  expect(of("# | stats")).toBe("comment");
  expect(of("count")).toBe("function");
  expect(of("5m")).toBe("number");
  expect(of("path")).toBe("field");
});

test("commands end at pipes, and not at those in texts and comments", () => {
  expect(commandsOf(query).map(({ name }) => name)).toEqual(["fields", "filter", "stats", "sort"]);
});

test("a query may name its groups itself", () => {
  expect(namesGroups("# all\n source logGroups() | limit 1")).toBe(true);
  expect(namesGroups("fields SOURCE")).toBe(false);
  expect(namesGroups("")).toBe(false);
});

test("the histogram counts what the query looks at", () => {
  expect(histogramQuery(query, "1m")).toBe(
    `fields @timestamp, a/b as c\n| filter @message like /x|"y/ and path = "a | b"\n| stats count(*) as events by bin(1m)\n${ownQueryMark}`,
  );
  expect(histogramQuery("stats max(x)", "1h")).toBe(`stats count(*) as events by bin(1h)\n${ownQueryMark}`);
  expect(patternQuery("SOURCE logGroups() | limit 3")).toBe(`SOURCE logGroups()\n| pattern @message\n${ownQueryMark}`);
});

test("a pattern leads to its lines", () => {
  expect(linesOfPattern("SOURCE logGroups()\n| fields @message | filter level = 1 | limit 9", "a/b")).toBe(
    "SOURCE logGroups()\n| fields @timestamp, @message, @logStream, @log\n| filter level = 1\n| filter @message like /a\\/b/\n| sort @timestamp desc\n| limit 1000",
  );
});

test("the columns that stats groups by", () => {
  expect(groupedBy(query)).toEqual(["bin(5m)", "who"]);
  expect(groupedBy("stats count(*)")).toEqual([]);
  expect(groupedBy("fields @message")).toBeUndefined();
});

test("steps leave a number of bars that can be taken in", () => {
  expect(stepFor(1800).text).toBe("30s");
  expect(stepFor(7 * 86400).text).toBe("3h");
});

test("completion: commands behind a pipe, fields elsewhere, nothing in texts", () => {
  const texts = (text: string) => completeQuery(text, text.length, ["took_ms", "user id", "http.took"]).suggestions.map((s) => s.text);
  expect(texts("fi")).toEqual(["fields ", "filter ", "filterIndex "]);
  expect(texts("fields @message | st")).toEqual(["stats "]);
  expect(texts("filter too")).toEqual(["took_ms", "http.took"]);
  expect(texts("fields use")).toEqual(["`user id`"]);
  expect(texts('filter a = "to')).toEqual([]);
  expect(completeQuery("filter ispres", 13, []).suggestions[0]).toEqual({ text: "ispresent()", kind: "function", back: 1 });
});

const sql = "-- what is slow\nSELECT path, `@logStream`, COUNT(*) AS n\nFROM `/shop/web` WHERE took > 5 AND note = 'FROM -- it''s'\nGROUP BY path, `@logStream` ORDER BY n DESC";

test("SQL is told from the other language by how it begins", () => {
  expect(isSql(sql)).toBe(true);
  expect(isSql("/* all */ with a AS (select 1) select * from a")).toBe(true);
  expect(isSql("fields selected | limit 1")).toBe(false);
  expect(isSql("selected")).toBe(false);
  expect(namesGroups(sql)).toBe(true);
});

test("the parts of SQL are all of it, each of its kind", () => {
  const parts = partsOfQuery(sql);
  expect(parts.map(({ text }) => text).join("")).toBe(sql);
  const of = (text: string) => parts.find((part) => part.text === text)?.kind;
  expect(of("-- what is slow")).toBe("comment");
  expect(of("'FROM -- it''s'")).toBe("string");
  expect(of("`/shop/web`")).toBe("field");
  expect(of("COUNT")).toBe("function");
  expect(of("GROUP")).toBe("keyword");
  expect(of("took")).toBe("field");
});

test("SQL is completed with fields, functions and keywords", () => {
  const texts = (text: string) => completeQuery(text, text.length, ["took_ms", "http.took"]).suggestions.map((s) => s.text);
  expect(texts("SELECT too")).toEqual(["took_ms", "`http.took`"]);
  expect(texts("SELECT cou")).toEqual(["COUNT()"]);
  expect(texts("SELECT path GRO")).toEqual(["GROUP BY "]);
  expect(texts("SELECT '@mess")).toEqual([]);
});

test("the columns that GROUP BY names", () => {
  expect(groupedBy(sql)).toEqual(["path", "@logStream"]);
  expect(groupedBy("SELECT 1 FROM `a`")).toBeUndefined();
});
