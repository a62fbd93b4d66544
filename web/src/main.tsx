import "@cloudscape-design/global-styles/index.css";
import "virtual:fonts.css";
import "./app/theme.css";

import type { I18nProviderProps } from "@cloudscape-design/components/i18n";
import {
  MutationCache,
  QueryCache,
  QueryClient,
  QueryClientProvider,
} from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router";

import { ApiError, isSignedOut } from "./api/client";
import { sessionKey } from "./api/hook";
import { signedOut } from "./api/server";
import { SettingsProvider } from "./app/settings";
import { Shell } from "./app/shell";
import { SidePaneProvider } from "./app/side-pane";
import { TimeRangeProvider } from "./app/time-range";

/** The session is over: the page gives way to the sign-in page. */
const onError = (error: Error) => {
  if (isSignedOut(error)) queries.setQueryData(sessionKey, { ...signedOut, ended: true });
};

const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // With auto-refresh each window is a new key: old ones must not pile up.
      gcTime: 60_000,
      refetchOnWindowFocus: false,
      // Asking again does not help when the server has understood and refused.
      retry: (count, error) =>
        count < 1 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
      retryDelay: 500,
      networkMode: "always",
    },
  },
});

// The library's own words (buttons of its tables, pickers) come with it, in both languages.
const [english, japanese] = await Promise.all([
  import("@cloudscape-design/components/i18n/messages/all.en"),
  import("@cloudscape-design/components/i18n/messages/all.ja"),
]);
const messages = {
  en: english.default as I18nProviderProps.Messages,
  ja: japanese.default as I18nProviderProps.Messages,
};

// Choices such as a check box live in the URL: they must show at once, not as a transition.
createRoot(document.getElementById("root")!).render(
  <QueryClientProvider client={queries}>
    <SettingsProvider>
      <BrowserRouter useTransitions={false}>
        <TimeRangeProvider>
          <SidePaneProvider>
            <Shell messages={messages} />
          </SidePaneProvider>
        </TimeRangeProvider>
      </BrowserRouter>
    </SettingsProvider>
  </QueryClientProvider>,
);
