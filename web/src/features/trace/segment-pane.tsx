// Details of the chosen row, in tabs. The tab is in the URL, so a link opens it again.

import Box from "@cloudscape-design/components/box";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import { useNavigate } from "react-router";

import { SidePane } from "../../app/side-pane";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { useUrlState } from "../../app/url-state";
import { CopyButton } from "../../components/copy-button";
import { JsonTree } from "../../components/json-tree";
import { exceptionsOf } from "../../model/exception";
import { quote } from "../../model/filter";
import type { SegmentDocument } from "../../model/segment";
import type { SegmentNode, Waterfall } from "../../model/waterfall";
import { tracesPath } from "../../path";
import { Exceptions } from "./exceptions";
import { Logs } from "./logs";
import { nodeTitle } from "./node-title";
import { Overview } from "./overview";
import { Resources } from "./resources";
import type { TraceLogs } from "./use-trace-logs";

interface SegmentPaneProps {
  waterfall: Waterfall;
  node: SegmentNode;
  /** False: the row stands in for the whole trace. */
  isChosen: boolean;
  onSelect: (key: string | undefined, tab?: string, line?: string) => void;
  logs: TraceLogs;
}

export function SegmentPane({ waterfall, node, isChosen, onSelect, logs }: SegmentPaneProps) {
  const text = useText();
  const url = useUrlState();
  const { document } = node;
  const t = text.trace.tabs;
  const count = (size: number) => (size > 0 ? ` (${size})` : "");
  const exceptions = exceptionsOf(waterfall, node);
  return (
    <SidePane title={isChosen ? nodeTitle(node) : text.trace.title} position="bottom" onClose={() => onSelect(undefined)}>
      <Tabs
        activeTabId={url.get("tab") ?? "overview"}
        onChange={({ detail }) =>
          // Other tabs are about a row.
          url.set({ tab: detail.activeTabId, line: undefined, ...(isChosen ? {} : { segment: node.key }) })
        }
        ariaLabel={document.name}
        tabs={[
          {
            id: "overview",
            label: t.overview,
            content: <Overview waterfall={waterfall} node={node} onSelect={onSelect} />,
          },
          { id: "resources", label: t.resources, content: <Resources document={document} /> },
          {
            id: "annotations",
            label: t.annotations + count(Object.keys(document.annotations ?? {}).length),
            content: <Annotations annotations={document.annotations} />,
          },
          {
            id: "metadata",
            label: t.metadata + count(Object.keys(document.metadata ?? {}).length),
            content: <Metadata document={document} />,
          },
          {
            id: "exceptions",
            label: t.exceptions + count(exceptions.list.length),
            content: (
              <Exceptions
                waterfall={waterfall}
                node={node}
                shown={exceptions}
                onSelect={onSelect}
              />
            ),
          },
          {
            id: "logs",
            label: t.logs + count(logs.lines.length),
            content: <Logs waterfall={waterfall} logs={logs} node={isChosen ? node : undefined} />,
          },
          {
            id: "sql",
            label: t.sql + count(document.sql ? 1 : 0),
            content: <Sql document={document} />,
          },
          { id: "raw", label: t.raw, content: <Raw document={document} /> },
        ]}
      />
    </SidePane>
  );
}

function Annotations({ annotations }: { annotations: SegmentDocument["annotations"] }) {
  const text = useText();
  const navigate = useNavigate();
  const { printed } = useTimeRange();
  const entries = Object.entries(annotations ?? {});
  if (entries.length === 0)
    return <Box color="text-body-secondary">{text.trace.noAnnotations}</Box>;
  const filter = (key: string, value: string | number | boolean) =>
    `annotation[${key}] = ${typeof value === "string" ? quote(value) : String(value)}`;
  return (
    <table className="m-table">
      <thead>
        <tr>
          <th scope="col">{text.trace.key}</th>
          <th scope="col">{text.trace.value}</th>
          <th scope="col">
            <span className="m-visually-hidden">{text.trace.filterBy}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {entries.map(([key, value]) => (
          <tr key={key}>
            <td className="m-mono">{key}</td>
            <td className="m-mono">{String(value)}</td>
            <td>
              <button
                type="button"
                className="m-chip"
                onClick={() =>
                  void navigate(tracesPath({ range: printed, filter: filter(key, value) }))
                }
              >
                {text.trace.filterBy}
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Metadata({ document }: { document: SegmentDocument }) {
  const text = useText();
  if (Object.keys(document.metadata ?? {}).length === 0)
    return <Box color="text-body-secondary">{text.trace.noMetadata}</Box>;
  return (
    <SpaceBetween size="xs">
      <CopyButton
        label={text.common.copy}
        done={text.common.copied}
        failed={text.common.copyFailed}
        value={() => JSON.stringify(document.metadata, null, 2)}
      />
      <div>
        {Object.entries(document.metadata ?? {}).map(([namespace, value]) => (
          <JsonTree key={namespace} name={namespace} value={value} open={4} />
        ))}
      </div>
    </SpaceBetween>
  );
}

function Sql({ document }: { document: SegmentDocument }) {
  const text = useText();
  if (!document.sql) return <Box color="text-body-secondary">{text.trace.noSql}</Box>;
  const { sanitized_query: query, ...rest } = document.sql;
  return (
    <SpaceBetween size="xs">
      {typeof query === "string" && (
        <div className="m-snippet">
          <pre className="m-code m-code-wrap" tabIndex={0} aria-label={text.trace.tabs.sql}>
            {query}
          </pre>
          <span className="m-snippet-copy">
            <CopyButton
              iconOnly
              label={text.common.copy}
              done={text.common.copied}
              failed={text.common.copyFailed}
              value={() => query}
            />
          </span>
        </div>
      )}
      {Object.entries(rest).map(([key, value]) => (
        <JsonTree key={key} name={key} value={value} />
      ))}
    </SpaceBetween>
  );
}

function Raw({ document }: { document: SegmentDocument }) {
  const text = useText();
  const json = JSON.stringify(document, null, 2);
  return (
    <div className="m-snippet">
      <pre className="m-code" tabIndex={0} aria-label={text.trace.tabs.raw}>
        {json.length > 200_000 ? `${json.slice(0, 200_000)}\n…` : json}
      </pre>
      <span className="m-snippet-copy">
        <CopyButton
          iconOnly
          label={text.common.copy}
          done={text.common.copied}
          failed={text.common.copyFailed}
          value={() => json}
        />
      </span>
    </div>
  );
}
