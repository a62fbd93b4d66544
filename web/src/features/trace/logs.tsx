// The lines of logs that name this trace: in the order of time, those of the chosen segment first.

import Box from "@cloudscape-design/components/box";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useCallback, useMemo, useState } from "react";
import { Link } from "react-router";

import { ErrorState } from "../../app/error-state";
import { LogLines } from "../../app/log-lines";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { useUrlState } from "../../app/url-state";
import { PageLoading } from "../../components/page-loading";
import { formatCount, formatDurationChange } from "../../model/format";
import { parseLogPlace } from "../../model/log-place";
import { isWithin, meantLines, mostTraceLines, traceLogQuery, type TraceLine } from "../../model/trace-log";
import type { SegmentNode, Waterfall } from "../../model/waterfall";
import { logQueryPath, sendingPath } from "../../path";
import { nodeTitle } from "./node-title";
import type { TraceLogs } from "./use-trace-logs";

interface LogsProps {
  waterfall: Waterfall;
  logs: TraceLogs;
  /** The row that is chosen; undefined: none is. */
  node: SegmentNode | undefined;
}

export function Logs({ waterfall, logs, node }: LogsProps) {
  const text = useText();
  const { lines, error, isPending, retry } = logs;
  if (error) return <ErrorState error={error} onRetry={retry} />;
  if (isPending) return <PageLoading label={text.common.loading} rows={3} />;
  if (lines.length === 0) return <NoLines />;
  return <Found key={node?.key} waterfall={waterfall} lines={lines} node={node} />;
}

function NoLines() {
  const text = useText();
  const t = text.trace.logs;
  const { printed: range } = useTimeRange();
  return (
    <Box color="text-body-secondary" data-testid="no-trace-logs">
      <SpaceBetween size="xs">
        <Box variant="strong">{t.none}</Box>
        <div>{t.noneText}</div>
        <pre className="m-code m-code-wrap">
          {'ERROR no table  Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8\n'}
          {'{"level":"error","message":"no table","trace_id":"5759e988bd862e3fe1be46a994272793","span_id":"53995c3f42cd8ad8"}'}
        </pre>
        <Link to={sendingPath({ range })} className="m-link">
          {t.docs}
        </Link>
      </SpaceBetween>
    </Box>
  );
}

const everything = "*";
const nobody = "-";

function Found({
  waterfall,
  lines,
  node,
}: {
  waterfall: Waterfall;
  lines: readonly TraceLine[];
  node: SegmentNode | undefined;
}) {
  const text = useText();
  const t = text.trace.logs;
  const url = useUrlState();
  const { printed: range } = useTimeRange();
  const [of, setOf] = useState(everything);
  const printed = url.get("line");
  const place = useMemo(() => parseLogPlace(printed), [printed]);
  const meant = useMemo(() => meantLines(lines, place, node), [lines, place, node]);
  const options = useMemo(() => optionsOf(lines, t.everySegment, t.noSegment), [lines, t]);
  const shown = lines.filter((line) => of === everything || (line.node?.key ?? nobody) === of);
  const first = node ? shown.filter((line) => isWithin(line, node)) : [];
  const ordered = first.length > 0 ? [...first, ...shown.filter((line) => !first.includes(line))] : shown;
  const facts = useCallback(
    (line: TraceLine) => {
      const segment = line.node ? nodeTitle(line.node) : t.noSegment;
      return (
        <>
          <span className="m-log-offset">
            {formatDurationChange(line.timestamp / 1000 - waterfall.start)}
          </span>
          <span className="m-log-stream m-log-fixed" title={`${segment} · ${line.group} ${line.stream}`}>
            {segment}
          </span>
        </>
      );
    },
    [t, waterfall.start],
  );
  return (
    <SpaceBetween size="xs">
      <div className="m-toolbar">
        <Select
          ariaLabel={t.segment}
          options={options}
          selectedOption={options.find(({ value }) => value === of) ?? options[0]!}
          onChange={({ detail }) => setOf(detail.selectedOption.value ?? everything)}
        />
        <Link
          className="m-link"
          to={logQueryPath({
            query: traceLogQuery([waterfall.id]),
            range: `${Math.floor(waterfall.start) - 300}~${Math.ceil(waterfall.end) + 300}`,
          })}
        >
          {text.log.openQuery}
        </Link>
        <span className="m-toolbar-end">
          {lines.length >= mostTraceLines ? t.limited(formatCount(lines.length)) : t.lines(lines.length)}
        </span>
      </div>
      <LogLines
        lines={ordered}
        label={text.trace.tabs.logs}
        range={range}
        withTraces={false}
        isMeant={(line) => meant.has(line)}
        shown={[...meant][0]?.key}
        facts={facts}
        above={
          first.length > 0 && first.length < ordered.length
            ? (_, i) =>
                i === 0 ? (
                  <div className="m-log-part">{t.ofSegment(nodeTitle(node!))}</div>
                ) : i === first.length ? (
                  <div className="m-log-part">{t.others}</div>
                ) : null
            : undefined
        }
      />
    </SpaceBetween>
  );
}

/** The segments that have lines, with how many. */
function optionsOf(lines: readonly TraceLine[], every: string, none: string) {
  const counts = new Map<string, { label: string; count: number }>();
  for (const { node } of lines) {
    const key = node?.key ?? nobody;
    const found = counts.get(key) ?? { label: node ? nodeTitle(node) : none, count: 0 };
    counts.set(key, { ...found, count: found.count + 1 });
  }
  return [
    { value: everything, label: `${every} (${lines.length})` },
    ...[...counts].map(([value, { label, count }]) => ({ value, label: `${label} (${count})` })),
  ];
}
