// Values seen in the traces, with counts; a click adds one to the filter.

import SegmentedControl from "@cloudscape-design/components/segmented-control";
import Button from "@cloudscape-design/components/button";
import { useMemo, useState } from "react";

import type { TraceSummary } from "../../api/xray";
import { useStored, useText } from "../../app/settings";
import { typeText } from "../../app/type-text";
import { formatCount } from "../../model/format";
import type { State } from "../../model/statistics";
import { refine, refiners, type Refinement, type Refiner } from "../../model/trace-summary";

const few = 8;

export function Refiners({
  summaries,
  onAdd,
}: {
  summaries: readonly TraceSummary[];
  onAdd: (term: string) => void;
}) {
  const text = useText();
  const [refiner, setRefiner] = useStored<Refiner>("refiner", "outcome");
  const [all, setAll] = useState(false);
  const values = useMemo(() => refine(refiner, summaries), [refiner, summaries]);
  const label = ({ label: value, type }: Refinement) =>
    refiner === "outcome"
      ? text.state[value as State]
      : type
        ? `${value} (${typeText(text, type)})`
        : value;
  return (
    <div className="m-refine" role="group" aria-label={text.traces.refine}>
      <SegmentedControl
        label={text.traces.refineBy}
        selectedId={refiner}
        onChange={({ detail }) => setRefiner(detail.selectedId as Refiner)}
        options={refiners.map((id) => ({ id, text: text.traces.refiners[id] }))}
      />
      {values.slice(0, all ? 100 : few).map((value) => (
        <button
          key={value.term}
          type="button"
          className="m-chip"
          title={text.traces.addTerm(value.term)}
          onClick={() => onAdd(value.term)}
        >
          <span className="m-chip-text">{label(value)}</span>
          <span className="m-chip-count">{formatCount(value.count)}</span>
        </button>
      ))}
      {values.length > few && !all && (
        <Button variant="inline-link" onClick={() => setAll(true)}>
          +{values.length - few}
        </Button>
      )}
      {values.length === 0 && <span className="m-live-none">{text.traces.noValues}</span>}
    </div>
  );
}
