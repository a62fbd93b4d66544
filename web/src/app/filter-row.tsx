// A filter expression with its buttons: what was typed becomes the filter when it is run.

import Button from "@cloudscape-design/components/button";
import { useMemo, useState } from "react";

import type { TraceSummary } from "../api/xray";
import { vocabularyOf } from "../model/trace-summary";
import { FilterBox } from "./filter-box";
import type { FilterError } from "./filter-error";
import { useText } from "./settings";

interface FilterRowProps {
  filter: string;
  /** What completion takes its values from. */
  summaries: readonly TraceSummary[];
  error: FilterError | undefined;
  onRun: (filter: string) => void;
}

export function FilterRow({ filter, summaries, error, onRun }: FilterRowProps) {
  const text = useText();
  const [typed, setTyped] = useState(filter);
  // The box follows the address, and keeps the focus while it does.
  const [followed, setFollowed] = useState(filter);
  if (followed !== filter) {
    setFollowed(filter);
    setTyped(filter);
  }
  const vocabulary = useMemo(() => vocabularyOf(summaries), [summaries]);
  return (
    <div className="m-filter-row">
      <FilterBox
        value={typed}
        onChange={setTyped}
        onRun={onRun}
        vocabulary={vocabulary}
        error={error}
      />
      <Button variant="primary" onClick={() => onRun(typed)}>
        {text.traces.run}
      </Button>
      {typed !== "" && (
        <Button
          iconName="close"
          ariaLabel={text.empty.clearFilter}
          onClick={() => {
            setTyped("");
            if (filter) onRun("");
          }}
        />
      )}
    </div>
  );
}
