// What a person prefers, remembered in this browser: language, theme, time zone, refresh.

import { applyMode, Mode } from "@cloudscape-design/global-styles";
import { createContext, use, useEffect, useMemo, useState, type ReactNode } from "react";

import { en, type Catalogue } from "../i18n/en";
import { ja } from "../i18n/ja";
import type { Zone } from "../model/format";

export type Language = "en" | "ja";
export type Theme = "light" | "dark" | "system";

export interface Preferences {
  language: Language;
  theme: Theme;
  zone: Zone;
  /** Seconds between refreshes, 0 for none. */
  refresh: number;
}

interface Settings extends Preferences {
  text: Catalogue;
  dark: boolean;
  change(part: Partial<Preferences>): void;
}

const storageKey = "mitoshi.preferences";
const catalogues: Record<Language, Catalogue> = { en, ja };
const SettingsContext = createContext<Settings | undefined>(undefined);

export function readPreferences(): Preferences {
  const preferred: Preferences = {
    language: navigator.language.toLowerCase().startsWith("ja") ? "ja" : "en",
    theme: "system",
    zone: "local",
    refresh: 0,
  };
  try {
    const kept = JSON.parse(localStorage.getItem(storageKey) ?? "{}") as Partial<Preferences>;
    return { ...preferred, ...kept };
  } catch {
    return preferred;
  }
}

const darkQuery = "(prefers-color-scheme: dark)";

export function SettingsProvider({ children }: { children: ReactNode }) {
  const [preferences, setPreferences] = useState(readPreferences);
  const [systemDark, setSystemDark] = useState(() => matchMedia(darkQuery).matches);
  const dark = preferences.theme === "dark" || (preferences.theme === "system" && systemDark);

  useEffect(() => {
    const media = matchMedia(darkQuery);
    const listen = () => setSystemDark(media.matches);
    media.addEventListener("change", listen);
    return () => media.removeEventListener("change", listen);
  }, []);
  useEffect(() => {
    document.documentElement.lang = preferences.language;
  }, [preferences.language]);
  useEffect(() => {
    applyMode(dark ? Mode.Dark : Mode.Light);
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
  }, [dark]);

  const value = useMemo<Settings>(
    () => ({
      ...preferences,
      text: catalogues[preferences.language],
      dark,
      change: (part) =>
        setPreferences((old) => {
          const next = { ...old, ...part };
          try {
            localStorage.setItem(storageKey, JSON.stringify(next));
          } catch {
            // Private windows may refuse: the choice then lasts until the page closes.
          }
          return next;
        }),
    }),
    [preferences, dark],
  );
  return <SettingsContext value={value}>{children}</SettingsContext>;
}

export function useSettings(): Settings {
  const settings = use(SettingsContext);
  if (!settings) throw new Error("no SettingsProvider above");
  return settings;
}

export function useText(): Catalogue {
  return useSettings().text;
}

/** A value in localStorage, for how a person likes a table or a panel. */
export function useStored<T>(key: string, initial: T): [T, (value: T) => void] {
  const name = `mitoshi.${key}`;
  const [value, setValue] = useState<T>(() => {
    try {
      const kept = localStorage.getItem(name);
      return kept === null ? initial : (JSON.parse(kept) as T);
    } catch {
      return initial;
    }
  });
  const store = (next: T) => {
    setValue(next);
    try {
      localStorage.setItem(name, JSON.stringify(next));
    } catch {
      // As above: not remembered, still used.
    }
  };
  return [value, store];
}
