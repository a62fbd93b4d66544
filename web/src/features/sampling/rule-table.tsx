import { useCollection } from "@cloudscape-design/collection-hooks";
import Header from "@cloudscape-design/components/header";
import Table, { type TableProps } from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import type { ReactNode } from "react";

import type { SamplingRule } from "../../api/xray";
import { ChangeButton } from "../../app/change-button";
import { useText } from "../../app/settings";
import { formatCount, formatPercent } from "../../model/format";
import { isDefaultRule } from "../../model/sampling-rule";

interface RuleTableProps {
  rules: readonly SamplingRule[];
  onEdit: (rule: SamplingRule) => void;
  onDelete: (rule: SamplingRule) => void;
  create: ReactNode;
}

export function RuleTable({ rules, onEdit, onDelete, create }: RuleTableProps) {
  const text = useText();
  const t = text.sampling;
  const column = (
    id: keyof SamplingRule,
    header: string,
  ): TableProps.ColumnDefinition<SamplingRule> => ({
    id,
    header,
    cell: (rule) => <span className="m-mono">{String(rule[id] ?? "")}</span>,
    sortingField: id,
  });
  const number = (
    id: keyof SamplingRule,
    header: string,
    value: (rule: SamplingRule) => string,
  ): TableProps.ColumnDefinition<SamplingRule> => ({
    id,
    header: <span className="m-number-cell">{header}</span>,
    cell: (rule) => <span className="m-number-cell">{value(rule)}</span>,
    sortingField: id,
  });
  const columns: TableProps.ColumnDefinition<SamplingRule>[] = [
    {
      id: "RuleName",
      header: t.name,
      cell: (rule) => rule.RuleName,
      sortingField: "RuleName",
      isRowHeader: true,
    },
    number("Priority", t.priority, (rule) => String(rule.Priority)),
    number("ReservoirSize", t.reservoir, (rule) =>
      t.reservoirUnit(formatCount(rule.ReservoirSize)),
    ),
    number("FixedRate", t.fixedRate, (rule) => formatPercent(rule.FixedRate)),
    column("ServiceName", t.service),
    column("ServiceType", t.serviceType),
    column("Host", t.host),
    column("HTTPMethod", t.method),
    column("URLPath", t.path),
    column("ResourceARN", t.arn),
    {
      id: "actions",
      minWidth: 110,
      header: t.actions,
      cell: (rule) => (
        <span className="m-nowrap m-row-actions">
          <ChangeButton
            variant="inline-icon"
            iconName="edit"
            ariaLabel={`${text.common.edit}: ${rule.RuleName}`}
            onClick={() => onEdit(rule)}
          />
          {!isDefaultRule(rule) && (
            <ChangeButton
              variant="inline-icon"
              iconName="remove"
              ariaLabel={`${text.common.delete}: ${rule.RuleName}`}
              onClick={() => onDelete(rule)}
            />
          )}
        </span>
      ),
    },
  ];
  const { items, collectionProps, filterProps } = useCollection(rules, {
    sorting: { defaultState: { sortingColumn: columns[1]! } },
    filtering: { empty: t.empty, noMatch: t.empty },
  });
  return (
    <Table
      {...collectionProps}
      items={items}
      columnDefinitions={columns}
      trackBy="RuleName"
      variant="container"
      stickyColumns={{ last: 1 }}
      header={
        <Header variant="h2" counter={`(${formatCount(rules.length)})`} actions={create}>
          {t.table}
        </Header>
      }
      filter={
        rules.length > 8 && (
          <TextFilter {...filterProps} filteringPlaceholder={t.find} filteringAriaLabel={t.find} />
        )
      }
      ariaLabels={{ tableLabel: t.table }}
    />
  );
}
