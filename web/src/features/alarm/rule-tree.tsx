// The rule of a composite alarm as a tree, with what holds now; alarms that are composite themselves are opened up too.

import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import { Link } from "react-router";

import { isComposite, type Alarm, type AlarmState, type CompositeAlarm } from "../../api/alarm";
import { useAlarms } from "../../api/alarm-hook";
import { AlarmStateText } from "../../app/alarm-state";
import { conditionText } from "../../app/alarm-words";
import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import type { Catalogue } from "../../i18n/en";
import { countOf, holds, parseRule, type RuleNode } from "../../model/alarm-rule";
import { alarmPath } from "../../path";

export function RuleTree({ alarm }: { alarm: CompositeAlarm }) {
  const text = useText();
  const t = text.alarm.rule;
  return (
    <Container header={<Header variant="h2">{t.title}</Header>}>
      <Tree rule={alarm.AlarmRule} above={[alarm.AlarmName]} />
    </Container>
  );
}

/** What is above is not opened again: rules may name each other in a circle. */
export function Tree({ rule, above }: { rule: string; above: readonly string[] }) {
  const text = useText();
  const alarms = new Map((useAlarms().data ?? []).map((alarm) => [alarm.AlarmName, alarm]));
  const node = parseRule(rule);
  if (!node)
    return (
      <div className="m-text-quiet">
        {text.alarm.rule.unreadable} <span className="m-mono">{rule}</span>
      </div>
    );
  return (
    <ul className="m-rule-tree" data-testid="rule-tree">
      <Node node={node} alarms={alarms} above={above} />
    </ul>
  );
}

interface NodeProps {
  node: RuleNode;
  alarms: ReadonlyMap<string, Alarm>;
  above: readonly string[];
}

function Node({ node, alarms, above }: NodeProps) {
  const text = useText();
  const stateOf = (name: string): AlarmState | undefined => alarms.get(name)?.StateValue;
  const isSo = holds(node, stateOf);
  return (
    <li>
      <div className="m-rule-line" data-holds={isSo}>
        <Verdict isSo={isSo} />
        <span className={isSo ? "m-rule-holds" : undefined}>{nodeText(text, node)}</span>
        {node.kind === "atLeast" && (
          <span className="m-text-quiet">{text.alarm.rule.soFar(countOf(node, stateOf))}</span>
        )}
        {node.kind === "is" && <Leaf name={node.alarm} alarm={alarms.get(node.alarm)} />}
      </div>
      {node.kind === "is" && <Below name={node.alarm} alarm={alarms.get(node.alarm)} above={above} />}
      {(node.kind === "and" || node.kind === "or") && (
        <ul>
          {node.parts.map((part, i) => (
            <Node key={i} node={part} alarms={alarms} above={above} />
          ))}
        </ul>
      )}
      {node.kind === "not" && (
        <ul>
          <Node node={node.inner} alarms={alarms} above={above} />
        </ul>
      )}
      {node.kind === "atLeast" && (
        <ul>
          {node.alarms.map((name) => (
            <li key={name}>
              <div className="m-rule-line">
                <Leaf name={name} alarm={alarms.get(name)} />
              </div>
              <Below name={name} alarm={alarms.get(name)} above={above} />
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}

function Verdict({ isSo }: { isSo: boolean }) {
  const t = useText().alarm.rule;
  return (
    <StatusIndicator type={isSo ? "success" : "stopped"} colorOverride={isSo ? "blue" : "grey"}>
      {isSo ? t.true : t.false}
    </StatusIndicator>
  );
}

export function nodeText(text: Catalogue, node: RuleNode): string {
  const t = text.alarm.rule;
  switch (node.kind) {
    case "constant":
      return node.value ? t.always : t.never;
    case "is":
      return `${node.state}:`;
    case "not":
      return t.not;
    case "and":
      return t.and;
    case "or":
      return t.or;
    case "atLeast": {
      const count = node.isPercent ? `${node.count}%` : String(node.count);
      const say = node.isNegated ? t.atLeastNot : t.atLeast;
      return say(count, node.alarms.length, text.alarm.states[node.state]);
    }
  }
}

function Leaf({ name, alarm }: { name: string; alarm: Alarm | undefined }) {
  const text = useText();
  const { printed: range } = useTimeRange();
  if (!alarm)
    return (
      <>
        {name} <StatusIndicator type="warning">{text.alarm.rule.gone}</StatusIndicator>
      </>
    );
  return (
    <>
      <Link className="m-link" to={alarmPath(name, { range })}>
        {name}
      </Link>
      <AlarmStateText state={alarm.StateValue} />
      {!isComposite(alarm) && <span className="m-text-quiet">{conditionText(text, alarm)}</span>}
    </>
  );
}

function Below({ name, alarm, above }: { name: string; alarm: Alarm | undefined; above: readonly string[] }) {
  if (!alarm || !isComposite(alarm) || above.includes(name)) return null;
  return (
    <ul>
      <li>
        <Tree rule={alarm.AlarmRule} above={[...above, name]} />
      </li>
    </ul>
  );
}
