// Why an alarm is in its state, in plain words: which datapoints decided, which were missing, what would change it.

import Box from "@cloudscape-design/components/box";
import { useMemo } from "react";

import { isComposite, type Alarm } from "../../api/alarm";
import { useAlarms } from "../../api/alarm-hook";
import { compositeSentences, metricSentences } from "../../app/alarm-reason-words";
import { useSettings } from "../../app/settings";

export function Why({ alarm }: { alarm: Alarm }) {
  const { text, zone } = useSettings();
  const t = text.alarm.why;
  const alarms = useAlarms().data;
  const sentences = useMemo(
    () =>
      isComposite(alarm)
        ? compositeSentences(text, alarm, new Map((alarms ?? []).map((each) => [each.AlarmName, each.StateValue])))
        : metricSentences(text, alarm, zone),
    [alarm, alarms, text, zone],
  );
  return (
    <div data-testid="alarm-why">
      <Box variant="h3" tagOverride="h2">
        {t.title}
      </Box>
      <ul className="m-why">
        {sentences.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
      {alarm.StateReason && (
        <blockquote className="m-told" title={t.told} lang="en">
          {alarm.StateReason}
        </blockquote>
      )}
    </div>
  );
}
