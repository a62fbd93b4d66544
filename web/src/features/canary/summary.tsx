// Above the list: how many passed, which are slow, and the groups.

import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import { useState } from "react";
import { Link } from "react-router";

import { ChangeButton } from "../../app/change-button";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { Donut } from "../../components/donut";
import { StateMark } from "../../components/state-mark";
import { standings, type Standing } from "../../model/canary";
import { formatDuration } from "../../model/format";
import type { SegmentState } from "../../model/segment";
import { canaryPath } from "../../path";
import { isMember, type CanaryRow, type GroupWithMembers } from "./canary-rows";
import { DeleteGroup, NewGroup } from "./group-dialogs";

interface SummaryProps {
  rows: readonly CanaryRow[];
  groups: readonly GroupWithMembers[];
  result: Standing | undefined;
  onResult: (result: string | undefined) => void;
  group: string | undefined;
  onGroup: (group: string | undefined) => void;
}

const marks: Partial<Record<Standing, SegmentState>> = { passed: "ok", failed: "fault", running: "in-progress" };
const slowest = 5;

export function Summary(props: SummaryProps) {
  const t = useText().canary;
  const { rows, result, onResult } = props;
  return (
    <div className="m-summary">
      <Container header={<Header variant="h2">{t.list.lastResults}</Header>} fitHeight>
        <Donut
          title={t.list.lastResults}
          unit={t.list.canaries(rows.length).replace(/^\d+\s*/, "")}
          parts={standings.map((key) => ({
            key,
            name: t.standings[key],
            value: rows.filter((row) => row.standing === key).length,
            className: `m-donut-ring-${key}`,
            mark: marks[key] ? (
              <StateMark state={marks[key]} size={14} />
            ) : (
              <span className={`m-donut-mark m-donut-mark-${key}`} aria-hidden="true" />
            ),
          }))}
          chosen={result}
          chooseLabel={t.list.onlyThese}
          onChoose={onResult}
        />
      </Container>
      <Slowest rows={rows} />
      <Groups {...props} />
    </div>
  );
}

function Slowest({ rows }: { rows: readonly CanaryRow[] }) {
  const t = useText().canary;
  const { printed: range } = useTimeRange();
  const measured = rows
    .flatMap((row) => {
      const mean = row.figures?.duration.mean;
      return mean === undefined ? [] : [{ row, mean }];
    })
    .sort((a, b) => b.mean - a.mean)
    .slice(0, slowest);
  const longest = measured[0]?.mean ?? 1;
  return (
    <Container header={<Header variant="h2">{t.list.slowest}</Header>} fitHeight>
      {measured.length === 0 ? (
        <Box color="text-body-secondary">{t.list.noRuns}</Box>
      ) : (
        <ol className="m-slowest" aria-label={t.list.slowestHelp}>
          {measured.map(({ row, mean }) => (
            <li key={row.name}>
              <Link to={canaryPath(row.name, { range })} className="m-link" title={row.name}>
                {row.name}
              </Link>
              <span>{formatDuration(mean / 1000)}</span>
              <span className="m-slowest-bar" aria-hidden="true">
                <span style={{ width: `${(mean / longest) * 100}%` }} />
              </span>
            </li>
          ))}
        </ol>
      )}
    </Container>
  );
}

function Groups({ rows, groups, group: chosen, onGroup }: SummaryProps) {
  const text = useText();
  const t = text.canary;
  const [action, setAction] = useState<"create" | { remove: GroupWithMembers } | undefined>(undefined);
  return (
    <Container
      fitHeight
      header={
        <Header
          variant="h2"
          actions={
            <ChangeButton iconName="add-plus" onClick={() => setAction("create")}>
              {t.list.newGroup}
            </ChangeButton>
          }
        >
          {t.list.groups}
        </Header>
      }
    >
      {groups.length === 0 ? (
        <Box color="text-body-secondary">{t.list.noGroups}</Box>
      ) : (
        <ul className="m-canary-groups">
          {groups.map((group) => {
            const members = rows.filter((row) => isMember(group, row.name));
            const failed = members.filter((row) => row.standing === "failed").length;
            return (
              <li key={group.Id}>
                <button
                  type="button"
                  className="m-link-button"
                  aria-pressed={chosen === group.Name}
                  onClick={() => onGroup(chosen === group.Name ? undefined : group.Name)}
                >
                  {group.Name}
                </button>
                <span className="m-text-quiet">{t.list.members(members.length)}</span>
                <span className="m-state">
                  {failed > 0 && (
                    <>
                      <StateMark state="fault" size={14} />
                      {t.standings.failed} {failed}
                    </>
                  )}
                </span>
                <ChangeButton
                  variant="inline-icon"
                  iconName="remove"
                  ariaLabel={`${text.common.delete}: ${group.Name}`}
                  onClick={() => setAction({ remove: group })}
                />
              </li>
            );
          })}
        </ul>
      )}
      {action === "create" && (
        <NewGroup taken={groups.map((group) => group.Name)} onClose={() => setAction(undefined)} />
      )}
      {typeof action === "object" && (
        <DeleteGroup group={action.remove} onClose={() => setAction(undefined)} />
      )}
    </Container>
  );
}
