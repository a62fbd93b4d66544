// The shared time range with refresh: stands in the header of every page that has one.

import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import DateRangePicker, {
  type DateRangePickerProps,
} from "@cloudscape-design/components/date-range-picker";
import SpaceBetween from "@cloudscape-design/components/space-between";

import type { Catalogue } from "../i18n/en";
import type { TimeRange } from "../model/time-range";
import { useSettings } from "./settings";
import { useTimeRange } from "./time-range";

const relativeSeconds = [300, 900, 1800, 3600, 3 * 3600, 6 * 3600];
const refreshSeconds = [0, 10, 30, 60, 300];

export function spanText(text: Catalogue, seconds: number): string {
  if (seconds % 86400 === 0) return text.range.days(seconds / 86400);
  if (seconds % 3600 === 0) return text.range.hours(seconds / 3600);
  if (seconds % 60 === 0) return text.range.minutes(seconds / 60);
  return text.range.seconds(seconds);
}

const unitSeconds = {
  second: 1,
  minute: 60,
  hour: 3600,
  day: 86400,
  week: 604800,
  month: 2592000,
  year: 31536000,
};

export function TimeRangeControl() {
  const { text, refresh: every, change } = useSettings();
  const { range, setRange, refresh } = useTimeRange();
  return (
    <SpaceBetween direction="horizontal" size="xs" alignItems="center">
      <RangePicker range={range} onChange={setRange} />
      <ButtonDropdown
        mainAction={{
          text: "",
          iconName: "refresh",
          ariaLabel: text.range.refresh,
          onClick: refresh,
        }}
        ariaLabel={text.range.auto}
        expandToViewport
        items={[
          {
            text: text.range.auto,
            items: refreshSeconds.map((seconds) => ({
              id: String(seconds),
              itemType: "checkbox" as const,
              checked: seconds === every,
              text: seconds === 0 ? text.range.off : text.range.every(spanText(text, seconds)),
            })),
          },
        ]}
        onItemClick={({ detail }) => change({ refresh: Number(detail.id) })}
      />
      {every > 0 && (
        <span
          className="m-live"
          title={`${text.range.auto}: ${text.range.every(spanText(text, every))}`}
        >
          {spanText(text, every)}
        </span>
      )}
    </SpaceBetween>
  );
}

export function RangePicker({
  range,
  onChange,
}: {
  range: TimeRange;
  onChange: (range: TimeRange) => void;
}) {
  const { text, zone, language } = useSettings();
  const value: DateRangePickerProps.Value =
    range.kind === "relative"
      ? {
          type: "relative",
          amount: range.seconds / bestUnit(range.seconds).seconds,
          unit: bestUnit(range.seconds).name,
          key: String(range.seconds),
        }
      : { type: "absolute", startDate: iso(range.start), endDate: iso(range.end) };
  return (
    <DateRangePicker
      value={value}
      relativeOptions={relativeSeconds.map((seconds) => ({
        key: String(seconds),
        type: "relative",
        amount: seconds / 60,
        unit: "minute",
      }))}
      onChange={({ detail }) => {
        const next = fromPicker(detail.value);
        if (next) onChange(next);
      }}
      isValidRange={(candidate) => validate(text, candidate)}
      locale={language}
      {...(zone === "utc" ? { timeOffset: 0 } : {})}
      expandToViewport
      showClearButton={false}
      absoluteFormat="slashed"
      hideTimeOffset
      placeholder={text.range.placeholder}
      getTimeOffset={(date) => (zone === "utc" ? 0 : -date.getTimezoneOffset())}
      i18nStrings={{
        ariaLabel: text.range.label,
        formatRelativeRange: (relative) =>
          text.range.last(spanText(text, relative.amount * unitSeconds[relative.unit])),
        formatUnit: (unit, amount) => unitText(text, unit, amount),
        relativeModeTitle: text.range.relative,
        absoluteModeTitle: text.range.absolute,
        customRelativeRangeOptionLabel: text.range.custom,
        customRelativeRangeOptionDescription: text.range.customHelp,
        startDateLabel: text.range.startDate,
        startTimeLabel: text.range.startTime,
        endDateLabel: text.range.endDate,
        endTimeLabel: text.range.endTime,
        dateTimeConstraintText: text.range.timeHelp,
        applyButtonLabel: text.range.apply,
        cancelButtonLabel: text.common.cancel,
        clearButtonLabel: text.range.clear,
      }}
    />
  );
}

function bestUnit(seconds: number): {
  name: "day" | "hour" | "minute" | "second";
  seconds: number;
} {
  for (const name of ["day", "hour", "minute"] as const)
    if (seconds % unitSeconds[name] === 0) return { name, seconds: unitSeconds[name] };
  return { name: "second", seconds: 1 };
}

function unitText(text: Catalogue, unit: string, amount: number): string {
  if (unit === "minute") return text.range.minutes(amount);
  if (unit === "hour") return text.range.hours(amount);
  if (unit === "day") return text.range.days(amount);
  if (unit === "second") return text.range.seconds(amount);
  return `${amount} ${unit}`;
}

function iso(epochSeconds: number): string {
  return new Date(epochSeconds * 1000).toISOString().replace(/\.\d+Z$/, "Z");
}

function fromPicker(value: DateRangePickerProps.Value | null): TimeRange | undefined {
  if (!value) return undefined;
  if (value.type === "relative")
    return { kind: "relative", seconds: Math.round(value.amount * unitSeconds[value.unit]) };
  const start = Date.parse(value.startDate) / 1000;
  const end = Date.parse(value.endDate) / 1000;
  return end > start ? { kind: "absolute", start, end } : undefined;
}

function validate(
  text: Catalogue,
  value: DateRangePickerProps.Value | null,
): DateRangePickerProps.ValidationResult {
  if (!value) return { valid: false, errorMessage: text.range.incomplete };
  if (value.type === "relative")
    return value.amount > 0 && Number.isFinite(value.amount)
      ? { valid: true }
      : { valid: false, errorMessage: text.range.invalid };
  if (!value.startDate || !value.endDate)
    return { valid: false, errorMessage: text.range.incomplete };
  return Date.parse(value.endDate) > Date.parse(value.startDate)
    ? { valid: true }
    : { valid: false, errorMessage: text.range.invalidText };
}
