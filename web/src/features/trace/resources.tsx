// AWS and runtime facts of a row: plain values side by side, objects as sections.

import Box from "@cloudscape-design/components/box";
import SpaceBetween from "@cloudscape-design/components/space-between";

import { useText } from "../../app/settings";
import { JsonTree } from "../../components/json-tree";
import type { SegmentDocument } from "../../model/segment";

export function Resources({ document }: { document: SegmentDocument }) {
  const text = useText();
  const aws = document.aws ?? {};
  const flat = Object.fromEntries(Object.entries(aws).filter(([, v]) => !isPlainObject(v)));
  const nested = Object.entries(aws).filter(([, v]) => isPlainObject(v)) as [
    string,
    Record<string, unknown>,
  ][];
  const arn = document.resource_arn ? { resource_arn: document.resource_arn } : {};
  const sections: [string, Record<string, unknown>][] = [
    ["aws", { ...arn, ...flat }],
    ...nested,
    ["service", document.service ?? {}],
  ];
  const used = sections.filter(([, values]) => Object.keys(values).length > 0);
  if (used.length === 0) return <Box color="text-body-secondary">{text.trace.noResources}</Box>;
  return (
    <SpaceBetween size="m">
      {used.map(([name, values]) => (
        <section key={name}>
          <Box variant="h4">{text.trace.sections[name] ?? name}</Box>
          <dl className="m-facts m-facts-grid">
            {Object.entries(values).map(([key, value]) => (
              <div key={key} className="m-fact">
                <dt className="m-mono">{key}</dt>
                <dd>
                  {typeof value === "object" && value !== null ? (
                    <JsonTree value={value} />
                  ) : (
                    String(value)
                  )}
                </dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </SpaceBetween>
  );
}

function isPlainObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
