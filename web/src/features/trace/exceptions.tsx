// Exceptions of a row: type, message, stack, and the chain of causes through the trace.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";

import { useText } from "../../app/settings";
import { CopyButton } from "../../components/copy-button";
import type { ShownException, ShownExceptions } from "../../model/exception";
import { isLibraryFrame, type ExceptionDocument, type StackFrame } from "../../model/segment";
import type { SegmentNode, Waterfall } from "../../model/waterfall";

interface ExceptionsProps {
  waterfall: Waterfall;
  node: SegmentNode;
  shown: ShownExceptions;
  onSelect: (key: string | undefined, tab?: string, line?: string) => void;
}

export function Exceptions({ waterfall, node, shown, onSelect }: ExceptionsProps) {
  const text = useText();
  if (shown.list.length === 0 && !shown.unresolved) {
    const nearest = nearestBelow(node) ?? waterfall.firstFailure;
    return (
      <Box color="text-body-secondary">
        {nearest?.document.cause && nearest !== node ? (
          <>
            {text.trace.noExceptionsBelow(nearest.document.name)}{" "}
            <Button variant="inline-link" onClick={() => onSelect(nearest.key, "exceptions")}>
              {text.trace.goThere}
            </Button>
          </>
        ) : (
          text.trace.noExceptions
        )}
      </Box>
    );
  }
  return (
    <div data-testid="exceptions">
      {shown.unresolved && <div className="m-note">{text.trace.unresolved(shown.unresolved)}</div>}
      {shown.list.map((item, i) => (
        <ExceptionCard key={item.exception.id ?? i} item={item} node={node} onSelect={onSelect} />
      ))}
      {shown.workingDirectory && (
        <div className="m-exception-note">
          {text.trace.workingDirectory}: <span className="m-mono">{shown.workingDirectory}</span>
        </div>
      )}
    </div>
  );
}

function nearestBelow(node: SegmentNode): SegmentNode | undefined {
  for (const child of node.children) {
    if (child.document.cause) return child;
    const found = nearestBelow(child);
    if (found) return found;
  }
  return undefined;
}

function ExceptionCard({
  item,
  node,
  onSelect,
}: {
  item: ShownException;
  node: SegmentNode;
  onSelect: ExceptionsProps["onSelect"];
}) {
  const text = useText();
  const { exception, from, level } = item;
  const owner = from ?? node;
  return (
    <article className={`m-exception${level > 0 ? " m-exception-cause" : ""}`}>
      {level > 0 && <div className="m-exception-note">{text.trace.causedBy}</div>}
      <h3>
        <span>{exception.type ?? "Exception"}</span>
        <CopyButton
          iconOnly
          label={text.trace.copyStack}
          done={text.common.copied}
          failed={text.common.copyFailed}
          value={() => plainText(exception)}
        />
      </h3>
      {exception.message && <p>{exception.message}</p>}
      <div className="m-exception-note">
        {exception.remote ? text.trace.remote : text.trace.local}
        {" · "}
        <Button
          variant="inline-link"
          data-testid="exception-logs"
          onClick={() => onSelect(owner.key, "logs", String(Math.round(owner.interval.end * 1000)))}
        >
          {text.trace.logs.around}
        </Button>
        {from && (
          <>
            {" · "}
            <Button variant="inline-link" onClick={() => onSelect(from.key, "exceptions")}>
              {text.trace.recordedOn(
                from.service === from.document.name
                  ? from.document.name
                  : `${from.service} › ${from.document.name}`,
              )}
            </Button>
          </>
        )}
      </div>
      {exception.stack && exception.stack.length > 0 ? (
        <ol className="m-stack">
          {exception.stack.map((frame, i) => (
            <li key={i} className={isLibraryFrame(frame) ? "m-stack-library" : ""}>
              {frameText(frame)}
            </li>
          ))}
        </ol>
      ) : (
        <div className="m-exception-note">{text.trace.noStack}</div>
      )}
      {exception.truncated ? (
        <div className="m-exception-note">{text.trace.moreFrames(exception.truncated)}</div>
      ) : null}
      {exception.skipped ? (
        <div className="m-exception-note">{text.trace.moreExceptions(exception.skipped)}</div>
      ) : null}
    </article>
  );
}

function frameText(frame: StackFrame): string {
  const place = frame.path
    ? frame.line !== null && frame.line !== undefined
      ? `${frame.path}:${frame.line}`
      : frame.path
    : "";
  return `${frame.label || "?"}${place ? ` (${place})` : ""}`;
}

function plainText(exception: ExceptionDocument): string {
  const frames = (exception.stack ?? []).map((frame) => `    at ${frameText(frame)}`);
  return [`${exception.type ?? "Exception"}: ${exception.message ?? ""}`, ...frames].join("\n");
}
