// "Compare with …": another trace by its id, or the fastest, median or slowest of its kind.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo, useState } from "react";
import { Link, useNavigate } from "react-router";

import type { TraceSummary } from "../../api/xray";
import { ErrorState } from "../../app/error-state";
import { useSettings } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { useScan } from "../../app/use-scan";
import { StateMark } from "../../components/state-mark";
import { formatCount, formatDuration, formatTime } from "../../model/format";
import { sameRequest, sameRequestFilter } from "../../model/same-request";
import { normalizeTraceId } from "../../model/trace-id";
import { stateOfSummary } from "../../model/trace-summary";
import type { Waterfall } from "../../model/waterfall";
import { traceComparePath } from "../../path";

interface CompareDialogProps {
  waterfall: Waterfall;
  onClose: () => void;
}

export function CompareDialog({ waterfall, onClose }: CompareDialogProps) {
  const { text } = useSettings();
  const navigate = useNavigate();
  const { printed } = useTimeRange();
  const t = text.compare;
  const [typed, setTyped] = useState("");
  const [tried, setTried] = useState(false);
  const other = normalizeTraceId(typed);
  const wrong = !other ? t.badId : other === waterfall.id ? t.sameId : undefined;
  const submit = () => {
    setTried(true);
    if (!wrong) void navigate(traceComparePath({ a: waterfall.id, b: other, range: printed }));
  };
  return (
    <Modal
      visible
      onDismiss={onClose}
      header={t.compareWith}
      closeAriaLabel={text.common.close}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button onClick={onClose}>{text.common.cancel}</Button>
            <Button variant="primary" onClick={submit}>
              {t.compare}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <Box color="text-body-secondary">{t.dialogText}</Box>
        <FormField
          label={text.trace.id}
          constraintText={t.idHelp}
          errorText={tried ? wrong : undefined}
        >
          <Input
            autoFocus
            value={typed}
            placeholder="1-6b02ffb7-d9051a340b482110b8b44d7c"
            onChange={({ detail }) => setTyped(detail.value)}
            onKeyDown={({ detail }) => {
              if (detail.key === "Enter") submit();
            }}
          />
        </FormField>
        <SameRequest waterfall={waterfall} />
      </SpaceBetween>
    </Modal>
  );
}

const enough = 1000;

function SameRequest({ waterfall }: { waterfall: Waterfall }) {
  const { text } = useSettings();
  const { window } = useTimeRange();
  const t = text.compare;
  const request = waterfall.root?.document.http?.request;
  const scan = useScan(window, sameRequestFilter(waterfall.root), enough);
  const found = useMemo(
    () => sameRequest(scan.summaries, waterfall),
    [scan.summaries, waterfall],
  );
  const choices = [
    { label: t.fastest, summary: found[0] },
    { label: t.typical, summary: found.length > 2 ? found[found.length >> 1] : undefined },
    { label: t.slowest, summary: found.length > 1 ? found.at(-1) : undefined },
  ];
  const name = request?.url
    ? `${request.method ?? ""} ${request.url}`.trim()
    : (waterfall.root?.document.name ?? "");
  if (scan.error) return <ErrorState error={scan.error} onRetry={scan.retry} />;
  return (
    <div data-testid="same-request">
      <Box variant="awsui-key-label">{t.sameRequest(name)}</Box>
      <div className="m-live-none" role="status">
        {scan.running
          ? t.looking(formatCount(found.length))
          : found.length === 0
            ? t.noOther
            : t.looked(formatCount(found.length))}
      </div>
      <ul className="m-choices">
        {choices.map(({ label, summary }) =>
          summary ? (
            <Choice key={label} label={label} summary={summary} id={waterfall.id} />
          ) : null,
        )}
      </ul>
    </div>
  );
}

function Choice({ label, summary, id }: { label: string; summary: TraceSummary; id: string }) {
  const { zone } = useSettings();
  const { printed } = useTimeRange();
  return (
    <li>
      <Link className="m-link" to={traceComparePath({ a: id, b: summary.Id, range: printed })}>
        {label}
      </Link>
      <b className="m-number">{formatDuration(summary.ResponseTime)}</b>
      <StateMark state={stateOfSummary(summary)} size={14} />
      <span className="m-number">{formatTime(summary.StartTime, zone)}</span>
    </li>
  );
}
