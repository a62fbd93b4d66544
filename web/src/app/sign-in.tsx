import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input, { type InputProps } from "@cloudscape-design/components/input";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useEffect, useRef, useState, type FormEvent } from "react";

import { ApiError } from "../api/client";
import { useSignIn } from "../api/hook";
import type { Catalogue } from "../i18n/en";
import { ErrorState } from "./error-state";
import { logo } from "./logo";
import { useSettings, type Language } from "./settings";

/** A card in the middle; `ended` when a session was there until now. */
export function SignIn({ ended }: { ended: boolean }) {
  const { text, language, change } = useSettings();
  const t = text.session;
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const [checked, setChecked] = useState(false);
  const passwordInput = useRef<InputProps.Ref>(null);
  const signIn = useSignIn();
  useEffect(() => {
    document.title = `${t.title} · Mitoshi`;
  }, [t]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setChecked(true);
    if (!user || !password || signIn.isPending) return;
    signIn.mutate({ user, password }, { onError: () => passwordInput.current?.select() });
  };
  return (
    <main className="m-sign-in" data-testid="sign-in">
      <form className="m-sign-in-card" onSubmit={submit} aria-label={t.title}>
        <div className="m-sign-in-head">
          <img src={logo} alt="" width="40" height="40" />
          <h1>Mitoshi 見通し</h1>
        </div>
        <SpaceBetween size="m">
          {signIn.error ? (
            <Refusal error={signIn.error} />
          ) : (
            ended && <Alert type="info">{t.ended}</Alert>
          )}
          <FormField label={t.name} errorText={checked && !user ? t.nameMissing : undefined}>
            <Input
              value={user}
              onChange={({ detail }) => setUser(detail.value)}
              autoComplete="username"
              autoFocus
              spellcheck={false}
              nativeInputAttributes={{ autoCapitalize: "none" }}
            />
          </FormField>
          <FormField
            label={t.password}
            errorText={checked && !password ? t.passwordMissing : undefined}
          >
            <Input
              ref={passwordInput}
              type="password"
              value={password}
              onChange={({ detail }) => setPassword(detail.value)}
              autoComplete="current-password"
            />
          </FormField>
          <Button
            variant="primary"
            fullWidth
            loading={signIn.isPending}
            loadingText={text.common.loading}
          >
            {t.signIn}
          </Button>
        </SpaceBetween>
      </form>
      <SegmentedControl
        label={text.app.language}
        selectedId={language}
        options={[
          { id: "en", text: "English" },
          { id: "ja", text: "日本語" },
        ]}
        onChange={({ detail }) => change({ language: detail.selectedId as Language })}
      />
    </main>
  );
}

function Refusal({ error }: { error: Error }) {
  const { text } = useSettings();
  const known = refusalOf(text, error);
  return known ? <Alert type="error">{known}</Alert> : <ErrorState error={error} />;
}

function refusalOf(text: Catalogue, error: Error): string | undefined {
  if (!(error instanceof ApiError)) return undefined;
  if (error.status === 403) return text.session.wrong;
  if (error.status === 429) return text.session.tooMany;
  return undefined;
}
