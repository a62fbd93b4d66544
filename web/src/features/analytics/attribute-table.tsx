// One attribute: its values in A and in B, most different first; a click refines a set.

import Button from "@cloudscape-design/components/button";
import { useState } from "react";

import { useText } from "../../app/settings";
import { SideMark } from "../../app/side-mark";
import { typeText } from "../../app/type-text";
import { ShareBar } from "../../components/share-bar";
import type { Catalogue } from "../../i18n/en";
import { formatCount, formatPercent } from "../../model/format";
import type { State } from "../../model/statistics";
import type { AttributeComparison, ValueComparison } from "../../model/trace-attribute";
import type { Side } from "../../model/trace-compare";

interface AttributeTableProps {
  attribute: AttributeComparison;
  compared: boolean;
  onRefine: (side: Side, term: string) => void;
}

const few = 7;

export function AttributeTable({ attribute, compared, onRefine }: AttributeTableProps) {
  const text = useText();
  const t = text.analytics;
  const [all, setAll] = useState(false);
  const { values, divergence } = attribute;
  const name = attributeName(text, attribute);
  return (
    <section
      className="m-attribute"
      aria-label={name}
      data-testid="attribute"
      data-attribute={attribute.id}
    >
      <h3 className="m-attribute-head">
        <span>{name}</span>
        {compared && divergence > 0 && (
          <span className="m-tag m-tag-plain" title={t.divergenceHelp}>
            {t.divergence(formatPercent(Number(divergence.toPrecision(2))))}
          </span>
        )}
      </h3>
      <table className="m-table m-table-wide m-attribute-table">
        <thead>
          <tr>
            <th scope="col">{t.value}</th>
            <th scope="col" className="m-number-cell-end m-attribute-share">
              {compared ? <SideMark side="a" /> : t.traces}
            </th>
            {compared && (
              <>
                <th scope="col" className="m-number-cell-end m-attribute-share">
                  <SideMark side="b" />
                </th>
                <th scope="col" className="m-number-cell-end">
                  {t.difference}
                </th>
                <th scope="col" className="m-number-cell-end">
                  {t.refineHead}
                </th>
              </>
            )}
          </tr>
        </thead>
        <tbody>
          {values.slice(0, all ? 200 : few).map((value) => (
            <ValueRow
              key={value.term}
              label={valueLabel(text, attribute, value)}
              type={value.type && typeText(text, value.type)}
              value={value}
              compared={compared}
              onRefine={onRefine}
            />
          ))}
        </tbody>
      </table>
      {values.length > few && (
        <Button variant="inline-link" ariaExpanded={all} onClick={() => setAll(!all)}>
          {all ? t.showFewer : t.showAll(values.length)}
        </Button>
      )}
    </section>
  );
}

function ValueRow({
  label,
  type,
  value,
  compared,
  onRefine,
}: {
  label: string;
  type: string | undefined;
  value: ValueComparison;
  compared: boolean;
  onRefine: AttributeTableProps["onRefine"];
}) {
  const text = useText();
  const t = text.analytics;
  const points = value.difference * 100;
  const sign = points > 0 ? "+" : points < 0 ? "−" : "±";
  const size = Math.abs(points);
  return (
    <tr data-testid="attribute-value" data-value={value.label ?? ""}>
      <th scope="row">
        <button
          type="button"
          className="m-link-button m-attribute-value"
          title={t.refine(text.compare.sideA, value.term)}
          onClick={() => onRefine("a", value.term)}
        >
          {label}
        </button>
        {type && <span className="m-attribute-type">{type}</span>}
      </th>
      <Share count={value.aCount} share={value.aShare} side="a" />
      {compared && (
        <>
          <Share count={value.bCount} share={value.bShare} side="b" />
          <td className="m-number-cell-end">
            <b>{t.points(`${sign}${size >= 10 ? Math.round(size) : Number(size.toFixed(1))}`)}</b>
          </td>
          <td className="m-number-cell-end">
            <span className="m-refine-buttons">
              {(["a", "b"] as const).map((side) => (
                <button
                  key={side}
                  type="button"
                  className="m-side-button"
                  title={t.refine(text.compare[side], value.term)}
                  aria-label={t.refine(text.compare[side], value.term)}
                  onClick={() => onRefine(side, value.term)}
                >
                  <SideMark side={side} />
                </button>
              ))}
            </span>
          </td>
        </>
      )}
    </tr>
  );
}

function Share({ count, share, side }: { count: number; share: number; side: Side }) {
  return (
    <td className="m-attribute-share">
      <span className="m-attribute-numbers">
        <span>{formatCount(count)}</span>
        <span>{formatPercent(share)}</span>
      </span>
      <ShareBar share={share} kind={side} />
    </td>
  );
}

function attributeName(text: Catalogue, { kind, key }: AttributeComparison): string {
  const name = text.analytics.kinds[kind];
  return key === undefined ? name : `${name}: ${key}`;
}

function valueLabel(
  text: Catalogue,
  { kind }: AttributeComparison,
  { label }: ValueComparison,
): string {
  if (label === undefined) return text.analytics.noValue;
  return kind === "outcome" ? text.state[label as State] : label;
}
