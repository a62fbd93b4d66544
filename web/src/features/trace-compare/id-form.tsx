// Without two traces there is nothing to compare: here they are named.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { Link } from "react-router";

import { useText } from "../../app/settings";
import { useTimeRange } from "../../app/time-range";
import { useUrlState } from "../../app/url-state";
import { normalizeTraceId } from "../../model/trace-id";
import { tracesPath } from "../../path";

export function IdForm({ a, b }: { a: string; b: string }) {
  const text = useText();
  const url = useUrlState();
  const { printed } = useTimeRange();
  const t = text.compare;
  const [typed, setTyped] = useState({ a, b });
  const [tried, setTried] = useState(false);
  const ids = { a: normalizeTraceId(typed.a), b: normalizeTraceId(typed.b) };
  const submit = () => {
    setTried(true);
    if (ids.a && ids.b) url.set({ a: ids.a, b: ids.b, pair: undefined }, { push: true });
  };
  const field = (side: "a" | "b") => (
    <FormField
      label={t.idOf(t[side])}
      constraintText={t.idHelp}
      errorText={(tried || typed[side] !== "") && !ids[side] ? t.badId : undefined}
    >
      <Input
        value={typed[side]}
        placeholder="1-6b02ffb7-d9051a340b482110b8b44d7c"
        onChange={({ detail }) => setTyped({ ...typed, [side]: detail.value })}
        onKeyDown={({ detail }) => {
          if (detail.key === "Enter") submit();
        }}
      />
    </FormField>
  );
  return (
    <Container header={<Header variant="h2">{t.chooseTitle}</Header>}>
      <SpaceBetween size="m">
        <Box color="text-body-secondary">{t.chooseText}</Box>
        <div className="m-compare">
          {field("a")}
          {field("b")}
        </div>
        <SpaceBetween direction="horizontal" size="m" alignItems="center">
          <Button variant="primary" onClick={submit}>
            {t.compare}
          </Button>
          <Link className="m-link" to={tracesPath({ range: printed })}>
            {text.trace.back}
          </Link>
        </SpaceBetween>
      </SpaceBetween>
    </Container>
  );
}
