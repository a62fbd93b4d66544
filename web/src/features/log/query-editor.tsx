// The text of a query: in colours, with completion, and with what the server does not understand underlined.
// A mirror of the text lies under a text area whose own text cannot be seen; both have one font, so they wrap alike.

import { useId, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";

import { useText } from "../../app/settings";
import { completeQuery, partsOfQuery, type QuerySuggestion } from "../../model/insights-query";
import { indexOfCharacter } from "../../model/filter-mistake";

interface QueryEditorProps {
  value: string;
  onChange: (value: string) => void;
  onRun: () => void;
  /** Names for completion. */
  fields: readonly string[];
  /** Characters that could not be understood, and why; negative: they are not there any more. */
  wrong: { start: number; end: number; message: string } | undefined;
}

export function QueryEditor({ value, onChange, onRun, fields, wrong }: QueryEditorProps) {
  const text = useText();
  const t = text.log;
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const anchor = useRef<HTMLSpanElement>(null);
  const [caret, setCaret] = useState(0);
  const [open, setOpen] = useState(false);
  const [index, setIndex] = useState(0);
  /** Enter is a new line, unless somebody has gone through the list. */
  const [moved, setMoved] = useState(false);
  const [place, setPlace] = useState({ left: 0, top: 0 });
  const completion = useMemo(() => completeQuery(value, caret, fields), [value, caret, fields]);
  const shown = open ? completion.suggestions : [];
  const isOpen = shown.length > 0;
  useLayoutEffect(() => {
    const at = anchor.current;
    if (isOpen && at) setPlace({ left: Math.min(at.offsetLeft, at.parentElement!.clientWidth - 300), top: at.offsetTop + 26 });
  }, [isOpen, completion.from]);

  const close = () => {
    setOpen(false);
    setIndex(0);
    setMoved(false);
  };
  const accept = (suggestion: QuerySuggestion) => {
    const next = value.slice(0, completion.from) + suggestion.text + value.slice(completion.to);
    const at = completion.from + suggestion.text.length - (suggestion.back ?? 0);
    onChange(next);
    setCaret(at);
    close();
    requestAnimationFrame(() => {
      area.current?.focus();
      area.current?.setSelectionRange(at, at);
    });
  };
  const move = (by: number) => {
    setIndex((index + by + shown.length) % shown.length);
    setMoved(true);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    const control = event.ctrlKey || event.metaKey;
    if (event.key === "Enter" && control) {
      close();
      onRun();
    } else if (event.key === " " && control) setOpen(true);
    else if (!isOpen) return;
    else if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp") move(-1);
    else if (event.key === "Escape") close();
    else if ((event.key === "Tab" && !event.shiftKey) || (event.key === "Enter" && moved)) accept(shown[index] ?? shown[0]!);
    else return;
    event.preventDefault();
  };
  return (
    <div className="m-filter">
      <div className={`m-filter-box m-query-box${wrong ? " m-filter-box-error" : ""}`}>
        <div className="m-filter-mirror m-query-mirror" aria-hidden="true">
          <Mirror value={value} wrong={wrong} anchorAt={isOpen ? completion.from : undefined} anchor={anchor} />
        </div>
        <textarea
          ref={area}
          className="m-filter-text m-query-text"
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="off"
          value={value}
          aria-label={t.query}
          aria-autocomplete="list"
          aria-controls={isOpen ? `${id}-list` : undefined}
          aria-activedescendant={isOpen ? `${id}-${index}` : undefined}
          aria-invalid={wrong !== undefined}
          aria-describedby={wrong ? `${id}-error` : undefined}
          onChange={(event) => {
            onChange(event.target.value);
            setCaret(event.target.selectionStart);
            setIndex(0);
            setMoved(false);
            // Only where a word is being typed: a list at every blank would be in the way.
            setOpen(/[\w@.`]$/.test(event.target.value.slice(0, event.target.selectionStart)));
          }}
          onSelect={(event) => {
            const at = event.currentTarget.selectionStart;
            if (at !== caret && !(open && at === caret + 1)) setOpen(false);
            setCaret(at);
          }}
          onBlur={close}
          onKeyDown={onKeyDown}
        />
        {isOpen && (
          <div
            id={`${id}-list`}
            role="listbox"
            aria-label={text.traces.suggestions}
            className="m-filter-list m-query-list"
            style={{ left: Math.max(0, place.left), top: place.top }}
          >
            {shown.map((suggestion, i) => (
              <div
                key={`${suggestion.kind} ${suggestion.text}`}
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
                <span className={`m-option-text m-query-${suggestion.kind}`}>{suggestion.text}</span>
                <span className="m-option-kind">{t.suggestionKind[suggestion.kind]}</span>
              </div>
            ))}
          </div>
        )}
      </div>
      {wrong && (
        <div id={`${id}-error`} className="m-filter-error" role="alert" data-testid="query-error">
          <span>{`${t.malformed}: ${wrong.message}`}</span>
        </div>
      )}
    </div>
  );
}

interface MirrorProps {
  value: string;
  wrong: QueryEditorProps["wrong"];
  anchorAt: number | undefined;
  anchor: React.RefObject<HTMLSpanElement | null>;
}

/** Coloured parts, cut once more where the underlined ones begin and end. */
function Mirror({ value, wrong, anchorAt, anchor }: MirrorProps) {
  const parts = useMemo(() => partsOfQuery(value), [value]);
  // The server counts characters, a text of the browser counts halves of some of them.
  const marked = wrong && wrong.start >= 0 ? wrong : undefined;
  const start = marked ? Math.min(value.length, indexOfCharacter(value, marked.start)) : -1;
  const end = marked ? Math.max(start + 1, indexOfCharacter(value, marked.end)) : -1;
  return (
    <>
      {parts.map(({ kind, text, at }) => {
        const cuts = [...new Set([at, start, end, anchorAt ?? -1, at + text.length])]
          .filter((cut) => cut >= at && cut <= at + text.length)
          .sort((a, b) => a - b);
        return cuts.slice(0, -1).map((from, i) => {
          const piece = value.slice(from, cuts[i + 1]);
          return (
            <span key={from} className={`m-query-${kind}`}>
              {from === anchorAt && <span ref={anchor} />}
              {from >= start && from < end ? <mark className="m-filter-wrong">{piece}</mark> : piece}
            </span>
          );
        });
      })}
      {anchorAt === value.length && <span ref={anchor} />}
      {/* Past the end there is no character to mark: a blank stands for what is missing. */}
      {marked && start >= value.length && <mark className="m-filter-wrong">{"\u00a0"}</mark>}
      {"\u200b"}
    </>
  );
}
