// When a value is bad, how many bad ones ring, and what periods without data mean.

import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tiles from "@cloudscape-design/components/tiles";

import { comparisons, missingDataTreatments, type Comparison, type MissingData } from "../../api/alarm";
import { useText } from "../../app/settings";
import { spanText } from "../../app/time-range-control";
import { bandComparisons } from "../../model/alarm";
import { isBand, isPercentile, type AlarmDraft, type DraftMistake } from "../../model/alarm-form";

interface ConditionFieldsProps {
  draft: AlarmDraft;
  onChange: (part: Partial<AlarmDraft>) => void;
  errorOf: (mistake: DraftMistake) => string | undefined;
}

export function ConditionFields({ draft, onChange, errorOf }: ConditionFieldsProps) {
  const text = useText();
  const t = text.alarm.form;
  const band = isBand(draft);
  const watched = draft.queries.find((query) => query.id === draft.watched);
  const what = watched?.label ?? watched?.metric?.name ?? watched?.expression;
  const offered = comparisons.filter((each) => bandComparisons.has(each) === band);
  const period = Math.max(0, ...draft.queries.map((query) => query.period)) || 60;
  const span = Number(draft.evaluated) * period;
  return (
    <SpaceBetween size="m">
      <FormField label={t.kind} stretch>
        <Tiles
          value={band ? "band" : "static"}
          columns={2}
          items={[
            { value: "static", label: t.static, description: t.staticHelp },
            { value: "band", label: t.anomaly, description: t.anomalyHelp },
          ]}
          onChange={({ detail }) =>
            onChange({
              comparison:
                detail.value === "band" ? "LessThanLowerOrGreaterThanUpperThreshold" : "GreaterThanThreshold",
            })
          }
        />
      </FormField>
      <FormField
        label={what ? t.whenever(what) : t.condition}
        description={band ? t.widthHelp : undefined}
        errorText={band ? errorOf("width") : errorOf("threshold")}
        stretch
      >
        <div className="m-limit-row">
          <Select
            ariaLabel={t.condition}
            options={offered.map((value) => ({ value, label: t.comparisons[value] ?? value }))}
            selectedOption={{ value: draft.comparison, label: t.comparisons[draft.comparison] ?? draft.comparison }}
            onChange={({ detail }) => onChange({ comparison: detail.selectedOption.value as Comparison })}
            expandToViewport
          />
          <span className="m-short">
            <Input
              value={band ? draft.width : draft.threshold}
              inputMode="decimal"
              ariaLabel={band ? t.width : t.threshold}
              placeholder={band ? "2" : t.threshold}
              onChange={({ detail }) => onChange(band ? { width: detail.value } : { threshold: detail.value })}
            />
          </span>
        </div>
      </FormField>
      <FormField
        label={t.datapoints}
        description={span > 0 ? t.datapointsHelp(spanText(text, span)) : undefined}
        errorText={errorOf("evaluated") ?? errorOf("needed") ?? errorOf("span")}
        stretch
      >
        <div className="m-limit-row">
          <span className="m-short">
            <Input
              value={draft.needed}
              inputMode="numeric"
              ariaLabel={t.needed}
              onChange={({ detail }) => onChange({ needed: detail.value })}
            />
          </span>
          {t.neededOf}
          <span className="m-short">
            <Input
              value={draft.evaluated}
              inputMode="numeric"
              ariaLabel={t.evaluated}
              onChange={({ detail }) => onChange({ evaluated: detail.value })}
            />
          </span>
        </div>
      </FormField>
      <FormField label={t.missing} description={text.alarm.missingHelp[draft.missing]} stretch>
        <Select
          ariaLabel={t.missing}
          options={missingDataTreatments.map((value) => ({
            value,
            label: text.alarm.missing[value],
            description: text.alarm.missingHelp[value],
          }))}
          selectedOption={{ value: draft.missing, label: text.alarm.missing[draft.missing] }}
          onChange={({ detail }) => onChange({ missing: detail.selectedOption.value as MissingData })}
          expandToViewport
        />
      </FormField>
      {isPercentile(draft) && (
        <FormField label={t.lowSamples} description={text.alarm.lowSamplesHelp[draft.lowSamples]} stretch>
          <Select
            ariaLabel={t.lowSamples}
            options={(["evaluate", "ignore"] as const).map((value) => ({
              value,
              label: text.alarm.lowSamples[value],
              description: text.alarm.lowSamplesHelp[value],
            }))}
            selectedOption={{ value: draft.lowSamples, label: text.alarm.lowSamples[draft.lowSamples] }}
            onChange={({ detail }) =>
              onChange({ lowSamples: detail.selectedOption.value === "ignore" ? "ignore" : "evaluate" })
            }
            expandToViewport
          />
        </FormField>
      )}
    </SpaceBetween>
  );
}
