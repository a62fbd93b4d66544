// One of the two sets: its filter, its time range, and how far it was looked through.

import Button from "@cloudscape-design/components/button";
import Select from "@cloudscape-design/components/select";
import { Link, useNavigate } from "react-router";

import { filterErrorOf } from "../../app/filter-error";
import { FilterRow } from "../../app/filter-row";
import { ScanProgress } from "../../app/scan-progress";
import { useText } from "../../app/settings";
import { SideMark } from "../../app/side-mark";
import { useTimeRange } from "../../app/time-range";
import { RangePicker } from "../../app/time-range-control";
import type { Scan } from "../../app/use-scan";
import { printTimeRange } from "../../model/time-range";
import type { Side } from "../../model/trace-compare";
import { normalizeTraceId } from "../../model/trace-id";
import { tracePath, tracesPath } from "../../path";
import type { AnalyticsUrl, RangeChoice } from "./use-analytics-url";

interface SetQueryProps {
  side: Side;
  url: AnalyticsUrl;
  scan: Scan;
  /** Where there is only one set, it needs no name. */
  plain?: boolean;
}

export function SetQuery({ side, url, scan, plain = false }: SetQueryProps) {
  const text = useText();
  const navigate = useNavigate();
  const { printed, refresh } = useTimeRange();
  const t = text.analytics;
  const filter = url.filter[side];
  const name = t.set(side === "a" ? text.compare.sideA : text.compare.sideB);
  const run = (value: string) => {
    const traceId = normalizeTraceId(value);
    if (traceId) void navigate(tracePath(traceId, { range: printed }));
    else if (value.trim() === filter) refresh();
    else url.setFilter(side, value);
  };
  const range =
    side === "a" || url.rangeChoice === "same"
      ? printed
      : printTimeRange(
          url.rangeChoice === "own"
            ? url.rangeB
            : {
                kind: "absolute",
                start: Math.floor(url.windowB.start),
                end: Math.ceil(url.windowB.end),
              },
        );
  return (
    <section aria-label={name} data-testid={`set-${side}`}>
      {!plain && (
        <h2 className="m-side-head">
          <SideMark side={side} />
          {name}
          {side === "b" && (
            <span className="m-side-tools">
              <Button variant="inline-link" iconName="close" onClick={url.stopComparing}>
                {t.stopComparing}
              </Button>
            </span>
          )}
        </h2>
      )}
      <FilterRow
        filter={filter}
        summaries={scan.summaries}
        error={filterErrorOf(scan.error, filter)}
        onRun={run}
      />
      {side === "b" && <RangeOfB url={url} />}
      {!scan.error && (
        <div className="m-links">
          <ScanProgress scan={scan} filtered={filter !== ""} />
          <Link className="m-link m-set-traces" to={tracesPath({ range, filter })}>
            {t.showTraces}
          </Link>
        </div>
      )}
    </section>
  );
}

function RangeOfB({ url }: { url: AnalyticsUrl }) {
  const text = useText();
  const t = text.analytics;
  const options: { value: RangeChoice; label: string }[] = [
    { value: "same", label: t.sameRange },
    { value: "before", label: t.before },
    { value: "own", label: t.ownRange },
  ];
  return (
    <div className="m-links m-set-range">
      <span>{t.rangeB}</span>
      <Select
        selectedOption={options.find((o) => o.value === url.rangeChoice) ?? null}
        options={options}
        ariaLabel={t.rangeB}
        onChange={({ detail }) =>
          url.setRangeChoice((detail.selectedOption.value ?? "same") as RangeChoice)
        }
      />
      {url.rangeChoice === "own" && <RangePicker range={url.rangeB} onChange={url.setRangeB} />}
    </div>
  );
}
