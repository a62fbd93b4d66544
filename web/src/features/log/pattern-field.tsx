// A filter pattern, and a trial of it: lines of the group, or others, of which the server says which match and what it reads in them.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { ApiError } from "../../api/client";
import { filterLogEvents, testMetricFilter, type PatternMatch } from "../../api/logs";
import { ErrorState } from "../../app/error-state";
import { useText } from "../../app/settings";
import { StateMark } from "../../components/state-mark";

interface PatternFieldProps {
  group: string;
  value: string;
  onChange: (value: string) => void;
}

/** TestMetricFilter takes no more. */
const mostLines = 50;

export function PatternField({ group, value, onChange }: PatternFieldProps) {
  const t = useText().log;
  const newest = useQuery({
    queryKey: ["NewestLines", group],
    queryFn: async ({ signal }) => {
      const page = await filterLogEvents({ logGroupName: group }, undefined, 20, signal);
      return page.events.map((event) => event.message.replaceAll("\n", " "));
    },
    staleTime: 60_000,
    retry: false,
  });
  const [typed, setTyped] = useState<string | undefined>(undefined);
  const lines = typed ?? (newest.data ?? []).join("\n");
  const test = useMutation({
    mutationFn: async () => {
      const tried = lines.split("\n").filter((line) => line.trim() !== "").slice(0, mostLines);
      return { tried, matches: tried.length === 0 ? [] : await testMetricFilter(value, tried) };
    },
  });
  const refused = test.error instanceof ApiError && test.error.status === 400 ? test.error.message : undefined;
  return (
    <SpaceBetween size="xs">
      <FormField label={t.filter} description={t.patternHelp} errorText={refused} stretch>
        <Input
          value={value}
          placeholder={t.filterHint}
          spellcheck={false}
          onChange={({ detail }) => {
            onChange(detail.value);
            test.reset();
          }}
        />
      </FormField>
      <ExpandableSection headerText={t.tryPattern}>
        <SpaceBetween size="xs">
          <FormField label={t.tryLines} description={t.tryHelp} stretch>
            <Textarea
              value={lines}
              rows={6}
              spellcheck={false}
              onChange={({ detail }) => setTyped(detail.value)}
            />
          </FormField>
          <Button formAction="none" loading={test.isPending} onClick={() => test.mutate()}>
            {t.try}
          </Button>
          {test.error && !refused && <ErrorState error={test.error} />}
          {test.data && <Outcome tried={test.data.tried} matches={test.data.matches} />}
        </SpaceBetween>
      </ExpandableSection>
    </SpaceBetween>
  );
}

function Outcome({ tried, matches }: { tried: readonly string[]; matches: readonly PatternMatch[] }) {
  const t = useText().log;
  const byNumber = new Map(matches.map((match) => [match.eventNumber, match]));
  return (
    <div data-testid="pattern-outcome">
      <Box variant="strong">{t.matched(String(matches.length), String(tried.length))}</Box>
      <ul className="m-tried">
        {tried.map((line, i) => {
          const match = byNumber.get(i + 1);
          const values = Object.entries(match?.extractedValues ?? {});
          return (
            <li key={i} className={match ? "" : "m-text-quiet"}>
              {match ? <StateMark state="ok" size={14} label={t.matches} /> : <span className="m-tried-none">–</span>}
              <span className="m-mono">
                {line}
                {values.length > 0 && (
                  <span className="m-text-quiet"> {values.map(([key, value]) => `${key}=${value}`).join(" ")}</span>
                )}
              </span>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
