// The frame around every page: top bar, list of pages, page, details.

import AppLayout from "@cloudscape-design/components/app-layout";
import Badge from "@cloudscape-design/components/badge";
import I18nProvider, { type I18nProviderProps } from "@cloudscape-design/components/i18n";
import SideNavigation from "@cloudscape-design/components/side-navigation";
import SplitPanel from "@cloudscape-design/components/split-panel";
import TopNavigation, {
  type TopNavigationProps,
} from "@cloudscape-design/components/top-navigation";
import { lazy, Suspense, useEffect, useState } from "react";
import { useLocation, useNavigate } from "react-router";

import { useAlarms } from "../api/alarm-hook";
import { useActiveInsights, useMayRead, useSession, useSignOut } from "../api/hook";
import type { Catalogue } from "../i18n/en";
import {
  alarmPagePath,
  alarmsPath,
  analyticsPath,
  canariesPath,
  containersPath,
  dashboardsPath,
  groupsPath,
  insightsPath,
  logPath,
  logsPath,
  metricsPath,
  notificationsPath,
  pagePath,
  rangeParameter,
  samplingPath,
  sendingPath,
  statusPagePath,
  traceMapPath,
  tracesPath,
} from "../path";
import { AppRoutes } from "../routes";
import { ErrorBoundary } from "./error-boundary";
import { logo } from "./logo";
import { NoAccess } from "./no-access";
import { SessionGate } from "./session-gate";
import { useSettings, useStored, useText, type Language, type Theme } from "./settings";
import { useSidePaneSlot, type PanePosition } from "./side-pane";
import { useTimeRange } from "./time-range";

const Palette = lazy(() => import("./palette").then((m) => ({ default: m.Palette })));

export function Shell({ messages }: { messages: Record<Language, I18nProviderProps.Messages> }) {
  const { language } = useSettings();
  const [palette, setPalette] = useState(false);
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (
        (event.ctrlKey || event.metaKey) &&
        !event.shiftKey &&
        !event.altKey &&
        event.key.toLowerCase() === "k"
      ) {
        event.preventDefault();
        setPalette((open) => !open);
      }
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, []);
  return (
    <I18nProvider locale={language} messages={[messages[language]]}>
      <SessionGate>
        <SkipLink />
        <TopBar onPalette={() => setPalette(true)} />
        <Frame />
        {palette && (
          <Suspense>
            <Palette onClose={() => setPalette(false)} />
          </Suspense>
        )}
      </SessionGate>
    </I18nProvider>
  );
}

/** The first stop of the Tab key: past the bar and the list of pages. */
function SkipLink() {
  const { text } = useSettings();
  return (
    <a
      className="m-skip"
      href="#page"
      onClick={(event) => {
        // The address stays as it is: it belongs to the view.
        event.preventDefault();
        document.getElementById("page")?.focus();
      }}
    >
      {text.app.skip}
    </a>
  );
}

function TopBar({ onPalette }: { onPalette: () => void }) {
  const { text, language, theme, zone, change } = useSettings();
  const navigate = useNavigate();
  const { printed } = useTimeRange();
  const userMenu = useUserMenu();
  const check = (id: string, label: string, checked: boolean) => ({
    id,
    text: label,
    itemType: "checkbox" as const,
    checked,
  });
  return (
    <div id="top-bar">
      <TopNavigation
        identity={{
          href: traceMapPath({ range: printed }),
          title: "Mitoshi 見通し",
          logo: { src: logo, alt: "" },
          onFollow: (event) => {
            event.preventDefault();
            void navigate(traceMapPath({ range: printed }));
          },
        }}
        i18nStrings={{
          overflowMenuTriggerText: text.common.more,
          overflowMenuTitleText: text.common.more,
        }}
        utilities={[
          {
            type: "button",
            iconName: "search",
            text: `${text.app.palette} ${text.app.paletteHint}`,
            onClick: onPalette,
          },
          {
            type: "menu-dropdown",
            iconName: "settings",
            text: text.app.settings,
            items: [
              {
                text: text.app.theme,
                items: (["system", "light", "dark"] as const).map((id) =>
                  check(`theme:${id}`, text.app.themes[id], theme === id),
                ),
              },
              {
                text: text.app.timeZone,
                items: (["local", "utc"] as const).map((id) =>
                  check(`zone:${id}`, text.app.zones[id], zone === id),
                ),
              },
            ],
            onItemClick: ({ detail }) => {
              const [what, value] = detail.id.split(":");
              if (what === "theme") change({ theme: value as Theme });
              if (what === "zone") change({ zone: value === "utc" ? "utc" : "local" });
            },
          },
          {
            type: "menu-dropdown",
            text: language === "ja" ? "日本語" : "English",
            ariaLabel: `${text.app.language}: ${language === "ja" ? "日本語" : "English"}`,
            items: [
              check("en", "English", language === "en"),
              check("ja", "日本語", language === "ja"),
            ],
            onItemClick: ({ detail }) => change({ language: detail.id as Language }),
          },
          ...userMenu,
        ]}
      />
    </div>
  );
}

/** Who is signed in; nothing where nobody has to. */
function useUserMenu(): TopNavigationProps.Utility[] {
  const text = useText();
  const t = text.session;
  const session = useSession().data;
  const signOut = useSignOut();
  if (!session?.user) return [];
  const role = session.role ? t.roles[session.role] : "";
  return [
    {
      type: "menu-dropdown",
      iconName: "user-profile",
      text: session.user,
      ariaLabel: `${t.user}: ${session.user}`,
      title: session.user,
      description: t.facts(role, session.account_id ?? ""),
      items: [{ id: "sign-out", text: t.signOut }],
      onItemClick: () => signOut.mutate(),
    },
  ];
}

function Frame() {
  const { text } = useSettings();
  const { pathname } = useLocation();
  const [navigationOpen, setNavigationOpen] = useStored("navigation", window.innerWidth > 1200);
  const { request, setHost } = useSidePaneSlot();
  const [positions, setPositions] = useStored<Partial<Record<PanePosition, PanePosition>>>(
    "pane-position",
    {},
  );
  const [sizes, setSizes] = useStored<Partial<Record<PanePosition, number>>>("pane-size", {});
  const mayRead = useMayRead();
  const title = pageTitle(text, pathname);
  useEffect(() => {
    document.title = `${title} · Mitoshi`;
  }, [title]);
  const position = request ? (positions[request.position] ?? request.position) : "side";
  return (
    <AppLayout
      headerSelector="#top-bar"
      maxContentWidth={Number.MAX_VALUE}
      toolsHide
      navigationOpen={navigationOpen}
      navigationWidth={220}
      onNavigationChange={({ detail }) => setNavigationOpen(detail.open)}
      ariaLabels={{
        navigation: text.app.navigation,
        navigationClose: text.app.closeNavigation,
        navigationToggle: text.app.openNavigation,
      }}
      navigation={<Navigation />}
      splitPanelOpen={request !== undefined}
      splitPanelSize={sizes[position] ?? (position === "side" ? 480 : 340)}
      onSplitPanelResize={({ detail }) => setSizes({ ...sizes, [position]: detail.size })}
      onSplitPanelToggle={({ detail }) => !detail.open && request?.onClose()}
      splitPanelPreferences={{ position }}
      onSplitPanelPreferencesChange={({ detail }) =>
        request && setPositions({ ...positions, [request.position]: detail.position })
      }
      splitPanel={
        request && (
          <SplitPanel
            header={request.title}
            closeBehavior="hide"
            i18nStrings={{
              preferencesTitle: text.app.splitPanel,
              preferencesPositionLabel: text.app.panelPosition,
              preferencesPositionDescription: text.app.panelPositionText,
              preferencesPositionBottom: text.app.bottom,
              preferencesPositionSide: text.app.side,
              preferencesConfirm: text.app.confirm,
              preferencesCancel: text.app.cancel,
              closeButtonAriaLabel: text.app.closeDetails,
              openButtonAriaLabel: text.app.openDetails,
              resizeHandleAriaLabel: text.app.resize,
            }}
          >
            <div ref={setHost} data-testid="details" />
          </SplitPanel>
        )
      }
      content={
        <div id="page" tabIndex={-1}>
          <ErrorBoundary key={pathname}>
            {mayRead ? <AppRoutes /> : <NoAccess />}
          </ErrorBoundary>
        </div>
      }
    />
  );
}

function pageTitle(text: Catalogue, pathname: string): string {
  if (pathname === pagePath.traceCompare) return text.compare.title;
  if (pathname.startsWith(`${pagePath.traces}/`))
    return `${text.trace.title} ${decodeURIComponent(pathname.slice(pagePath.traces.length + 1))}`;
  if (pathname.startsWith(pagePath.traces)) return text.app.traces;
  if (pathname.startsWith(pagePath.analytics)) return text.analytics.title;
  if (pathname.startsWith(pagePath.insights)) return text.insight.title;
  if (pathname.startsWith(`${pagePath.containers}/`))
    return decodeURIComponent(pathname.slice(pathname.lastIndexOf("/") + 1));
  if (pathname.startsWith(pagePath.metrics)) return text.metric.title;
  if (pathname.startsWith(`${pagePath.dashboards}/`))
    return decodeURIComponent(pathname.slice(pagePath.dashboards.length + 1));
  if (pathname.startsWith(pagePath.dashboards)) return text.dashboard.title;
  if (pathname === logPath.query) return "Logs Insights";
  if (pathname === logPath.tail) return text.log.tail.title;
  if (pathname.startsWith(pagePath.logs)) return text.log.title;
  if (pathname.startsWith(pagePath.containers)) return text.container.title;
  if (pathname === alarmPagePath.create) return text.alarm.form.createMetric;
  if (pathname === alarmPagePath.createComposite) return text.alarm.form.createComposite;
  if (pathname === alarmPagePath.muteRules) return text.alarm.muteRule.title;
  if (pathname.startsWith(`${pagePath.alarms}/`))
    return decodeURIComponent(pathname.split("/")[2] ?? "");
  if (pathname.startsWith(pagePath.alarms)) return text.alarm.title;
  if (pathname.startsWith(pagePath.notifications)) return text.alarm.notification.title;
  if (pathname === `${pagePath.canaries}/create`) return text.canary.create;
  if (pathname.startsWith(`${pagePath.canaries}/`))
    return decodeURIComponent(pathname.split("/")[2] ?? "");
  if (pathname.startsWith(pagePath.canaries)) return text.canary.title;
  if (pathname.startsWith(pagePath.statusPage)) return text.canary.statusPage.title;
  if (pathname.startsWith(pagePath.groups)) return text.group.title;
  if (pathname.startsWith(pagePath.sampling)) return text.app.sampling;
  if (pathname.startsWith(pagePath.sending)) return text.app.sending;
  return text.app.traceMap;
}

function Navigation() {
  const { text } = useSettings();
  const { pathname } = useLocation();
  const { printed: range } = useTimeRange();
  const navigate = useNavigate();
  const active =
    Object.values(pagePath).find((path) => pathname.startsWith(path)) ?? pagePath.traceMap;
  // The active link is compared as text, so it needs the same query as the items.
  const href = (path: string) =>
    range ? `${path}?${rangeParameter}=${encodeURIComponent(range)}` : path;
  const link = (label: string, to: string) => ({ type: "link" as const, text: label, href: to });
  const insights = useActiveInsights().data?.length ?? 0;
  const alarms = (useAlarms().data ?? []).filter((alarm) => alarm.StateValue === "ALARM").length;
  return (
    <SideNavigation
      activeHref={href(active)}
      onFollow={(event) => {
        if (event.detail.external) return;
        event.preventDefault();
        void navigate(event.detail.href);
      }}
      items={[
        {
          type: "section-group",
          title: text.app.observe,
          items: [
            link(text.app.traceMap, href(traceMapPath())),
            link(text.app.traces, href(tracesPath())),
            link(text.container.title, href(containersPath())),
            link(text.metric.title, href(metricsPath())),
            link(text.log.title, href(logsPath())),
            link(text.dashboard.title, href(dashboardsPath())),
            link(text.analytics.title, href(analyticsPath())),
          ],
        },
        {
          type: "section-group",
          title: text.app.watch,
          items: [
            {
              ...link(text.alarm.title, href(alarmsPath())),
              ...(alarms > 0 ? { info: <AlarmCount count={alarms} /> } : {}),
            },
            link(text.canary.title, href(canariesPath())),
            {
              ...link(text.insight.title, href(insightsPath())),
              ...(insights > 0 ? { info: <InsightCount count={insights} /> } : {}),
            },
            link(text.alarm.notification.title, href(notificationsPath())),
          ],
        },
        {
          type: "section-group",
          title: text.app.setUp,
          items: [
            link(text.group.title, href(groupsPath())),
            link(text.app.sampling, href(samplingPath())),
            link(text.canary.statusPage.title, href(statusPagePath())),
            link(text.app.sending, href(sendingPath())),
          ],
        },
      ]}
    />
  );
}

function AlarmCount({ count }: { count: number }) {
  const text = useText();
  return (
    <span data-testid="alarm-count" title={text.alarm.badge(count)}>
      <Badge color="red">{count}</Badge>
      <span className="m-visually-hidden">{text.alarm.badge(count)}</span>
    </span>
  );
}

function InsightCount({ count }: { count: number }) {
  const text = useText();
  return (
    <span data-testid="insight-count" title={text.insight.badge(count)}>
      <Badge color="red">{count}</Badge>
      <span className="m-visually-hidden">{text.insight.badge(count)}</span>
    </span>
  );
}
