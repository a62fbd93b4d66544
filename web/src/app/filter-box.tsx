// The filter expression box: completion while typing, errors under their character.
// A mirror of the text lies under the text area, in the same font, and carries the mark.

import { useId, useMemo, useRef, useState, type KeyboardEvent } from "react";

import type { Catalogue } from "../i18n/en";
import { complete, type Suggestion, type Vocabulary } from "../model/filter-completion";
import { indexOfCharacter, readMistake } from "../model/filter-mistake";
import type { FilterError } from "./filter-error";
import { useText } from "./settings";

interface FilterBoxProps {
  value: string;
  onChange: (value: string) => void;
  onRun: (value: string) => void;
  vocabulary: Vocabulary;
  error: FilterError | undefined;
  label?: string;
  placeholder?: string;
}

export function FilterBox(props: FilterBoxProps) {
  const { value, onChange, onRun, vocabulary, error, label, placeholder } = props;
  const text = useText();
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const [caret, setCaret] = useState(0);
  const [open, setOpen] = useState(false);
  const [index, setIndex] = useState(-1);
  const completion = useMemo(() => complete(value, caret, vocabulary), [value, caret, vocabulary]);
  const shown = open ? completion.suggestions : [];
  const wrong = error && error.expression === value.trim() ? error : undefined;

  const accept = (suggestion: Suggestion) => {
    const next = value.slice(0, completion.from) + suggestion.text + value.slice(completion.to);
    const at = completion.from + suggestion.text.length - (suggestion.back ?? 0);
    onChange(next);
    setCaret(at);
    setIndex(-1);
    requestAnimationFrame(() => {
      area.current?.focus();
      area.current?.setSelectionRange(at, at);
    });
  };
  const run = () => {
    setOpen(false);
    setIndex(-1);
    onRun(value);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    const count = shown.length;
    if (event.key === "ArrowDown") {
      if (!open) setOpen(true);
      else if (count > 0) setIndex((index + 1) % count);
    } else if (event.key === "ArrowUp" && count > 0) setIndex((index - 1 + count) % count);
    else if (event.key === "Escape" && open) {
      setOpen(false);
      // The dialog around the box stays.
      event.stopPropagation();
    } else if (event.key === "Enter") {
      const chosen = index >= 0 ? shown[index] : undefined;
      if (chosen) accept(chosen);
      else run();
    } else if (event.key === "Tab" && open && index >= 0 && shown[index]) accept(shown[index]);
    else return;
    event.preventDefault();
  };
  return (
    <div className="m-filter">
      <div className={`m-filter-box${wrong ? " m-filter-box-error" : ""}`}>
        <div className="m-filter-mirror" aria-hidden="true">
          <Mirror value={value} position={wrong?.position} />
        </div>
        <textarea
          ref={area}
          className="m-filter-text"
          rows={1}
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="off"
          value={value}
          placeholder={placeholder ?? text.traces.filterPlaceholder}
          aria-label={label ?? text.traces.filter}
          role="combobox"
          aria-expanded={shown.length > 0}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={index >= 0 && shown[index] ? `${id}-${index}` : undefined}
          aria-invalid={wrong !== undefined}
          aria-describedby={wrong ? `${id}-error` : undefined}
          onChange={(event) => {
            onChange(event.target.value.replaceAll("\n", " "));
            setCaret(event.target.selectionStart);
            setOpen(true);
            setIndex(-1);
          }}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
          onFocus={() => setOpen(true)}
          onClick={() => setOpen(true)}
          onBlur={() => setOpen(false)}
          onKeyDown={onKeyDown}
        />
      </div>
      {shown.length > 0 && (
        <div
          id={`${id}-list`}
          role="listbox"
          aria-label={text.traces.suggestions}
          className="m-filter-list"
        >
          {shown.map((suggestion, i) => (
            <div
              key={`${suggestion.kind}${suggestion.text}`}
              id={`${id}-${i}`}
              role="option"
              aria-selected={i === index}
              className="m-option"
              ref={(element) => {
                if (i === index) element?.scrollIntoView({ block: "nearest" });
              }}
              // Before blur, which would close the list under the pointer.
              onMouseDown={(event) => {
                event.preventDefault();
                accept(suggestion);
              }}
            >
              <span className="m-option-text">{suggestion.text}</span>
              <span className="m-option-kind">{text.traces.suggestionKind[suggestion.kind]}</span>
            </div>
          ))}
        </div>
      )}
      {wrong && (
        <div id={`${id}-error`} className="m-filter-error" role="alert" data-testid="filter-error">
          <span>{mistakeText(text, wrong)}</span>
        </div>
      )}
    </div>
  );
}

function mistakeText(text: Catalogue, { message, position, expected }: FilterError): string {
  const t = text.traces;
  const mistake = readMistake(message);
  const what = mistake
    ? t.mistakes[mistake.kind](mistake.one, t.places[mistake.two] ?? mistake.two)
    : message;
  const things = expected.slice(0, 6).map((thing) => t.things[thing] ?? thing.replaceAll("`", ""));
  return [t.mistake(what, position), things.length > 0 ? t.expected(things.join(", ")) : ""]
    .filter(Boolean)
    .join(" — ");
}

function Mirror({ value, position }: { value: string; position: number | undefined }) {
  if (position === undefined) return <>{value}&#8203;</>;
  const at = indexOfCharacter(value, position);
  const marked = [...value.slice(at)][0] ?? "";
  // Past the end there is no character to mark: a blank stands for what is missing.
  return (
    <>
      {value.slice(0, at)}
      <span className="m-filter-wrong">{marked || "\u00a0"}</span>
      {value.slice(at + marked.length)}
    </>
  );
}
