// The only route table. Every page is its own chunk.

import Box from "@cloudscape-design/components/box";
import { lazy, Suspense } from "react";
import { Link, Navigate, Route, Routes, useLocation } from "react-router";

import { useText } from "./app/settings";
import { PageLoading } from "./components/page-loading";
import { alarmPagePath, logPath, pagePath } from "./path";

const TraceMapPage = lazy(() =>
  import("./features/service-graph/page").then((m) => ({ default: m.TraceMapPage })),
);
const TracesPage = lazy(() =>
  import("./features/trace-summary/page").then((m) => ({ default: m.TracesPage })),
);
const TracePage = lazy(() =>
  import("./features/trace/page").then((m) => ({ default: m.TracePage })),
);
const TraceComparePage = lazy(() =>
  import("./features/trace-compare/page").then((m) => ({ default: m.TraceComparePage })),
);
const AnalyticsPage = lazy(() =>
  import("./features/analytics/page").then((m) => ({ default: m.AnalyticsPage })),
);
const InsightsPage = lazy(() =>
  import("./features/insight/page").then((m) => ({ default: m.InsightsPage })),
);
const InsightPage = lazy(() =>
  import("./features/insight/insight-page").then((m) => ({ default: m.InsightPage })),
);
const ContainersPage = lazy(() =>
  import("./features/container/page").then((m) => ({ default: m.ContainersPage })),
);
const PlacePage = lazy(() =>
  import("./features/container/place-page").then((m) => ({ default: m.PlacePage })),
);
const MetricsPage = lazy(() =>
  import("./features/metric/page").then((m) => ({ default: m.MetricsPage })),
);
const DashboardsPage = lazy(() =>
  import("./features/dashboard/page").then((m) => ({ default: m.DashboardsPage })),
);
const DashboardPage = lazy(() =>
  import("./features/dashboard/dashboard-page").then((m) => ({ default: m.DashboardPage })),
);
const LogsPage = lazy(() => import("./features/log/page").then((m) => ({ default: m.LogsPage })));
const LogGroupPage = lazy(() =>
  import("./features/log/group-page").then((m) => ({ default: m.LogGroupPage })),
);
const LogQueryPage = lazy(() =>
  import("./features/log/query-page").then((m) => ({ default: m.LogQueryPage })),
);
const LogTailPage = lazy(() =>
  import("./features/log/tail-page").then((m) => ({ default: m.LogTailPage })),
);
const CanariesPage = lazy(() =>
  import("./features/canary/page").then((m) => ({ default: m.CanariesPage })),
);
const CanaryPage = lazy(() =>
  import("./features/canary/canary-page").then((m) => ({ default: m.CanaryPage })),
);
const NewCanaryPage = lazy(() =>
  import("./features/canary/form-page").then((m) => ({ default: m.NewCanaryPage })),
);
const EditCanaryPage = lazy(() =>
  import("./features/canary/form-page").then((m) => ({ default: m.EditCanaryPage })),
);
const StatusPageSettings = lazy(() =>
  import("./features/status-page/page").then((m) => ({ default: m.StatusPageSettings })),
);
const AlarmsPage = lazy(() =>
  import("./features/alarm/page").then((m) => ({ default: m.AlarmsPage })),
);
const AlarmPage = lazy(() =>
  import("./features/alarm/alarm-page").then((m) => ({ default: m.AlarmPage })),
);
const CreateAlarmPage = lazy(() =>
  import("./features/alarm/form-page").then((m) => ({ default: m.CreateAlarmPage })),
);
const CreateCompositeAlarmPage = lazy(() =>
  import("./features/alarm/form-page").then((m) => ({ default: m.CreateCompositeAlarmPage })),
);
const EditAlarmPage = lazy(() =>
  import("./features/alarm/form-page").then((m) => ({ default: m.EditAlarmPage })),
);
const MuteRulesPage = lazy(() =>
  import("./features/alarm/mute-page").then((m) => ({ default: m.MuteRulesPage })),
);
const NotificationsPage = lazy(() =>
  import("./features/notification/page").then((m) => ({ default: m.NotificationsPage })),
);
const GroupsPage = lazy(() =>
  import("./features/group/page").then((m) => ({ default: m.GroupsPage })),
);
const SamplingPage = lazy(() =>
  import("./features/sampling/page").then((m) => ({ default: m.SamplingPage })),
);
const SendingPage = lazy(() =>
  import("./features/sending/page").then((m) => ({ default: m.SendingPage })),
);

export function AppRoutes() {
  const text = useText();
  return (
    <Suspense fallback={<PageLoading label={text.common.loading} />}>
      <Routes>
        <Route path="/" element={<Start />} />
        <Route path={pagePath.traceMap} element={<TraceMapPage />} />
        <Route path={pagePath.traces} element={<TracesPage />} />
        <Route path={`${pagePath.traces}/:id`} element={<TracePage />} />
        <Route path={pagePath.traceCompare} element={<TraceComparePage />} />
        <Route path={pagePath.analytics} element={<AnalyticsPage />} />
        <Route path={pagePath.insights} element={<InsightsPage />} />
        <Route path={`${pagePath.insights}/:id`} element={<InsightPage />} />
        <Route path={pagePath.containers} element={<ContainersPage />} />
        {["", "/services/:service", "/tasks/:task", "/tasks/:task/containers/:container"].map((below) => (
          <Route
            key={below}
            path={`${pagePath.containers}/:cluster${below}`}
            element={<PlacePage />}
          />
        ))}
        <Route path={pagePath.metrics} element={<MetricsPage />} />
        <Route path={pagePath.dashboards} element={<DashboardsPage />} />
        <Route path={`${pagePath.dashboards}/:name`} element={<DashboardPage />} />
        <Route path={pagePath.logs} element={<LogsPage />} />
        <Route path={logPath.events} element={<LogGroupPage />} />
        <Route path={logPath.query} element={<LogQueryPage />} />
        <Route path={logPath.tail} element={<LogTailPage />} />
        <Route path={pagePath.canaries} element={<CanariesPage />} />
        <Route path={`${pagePath.canaries}/create`} element={<NewCanaryPage />} />
        <Route path={`${pagePath.canaries}/:name`} element={<CanaryPage />} />
        <Route path={`${pagePath.canaries}/:name/edit`} element={<EditCanaryPage />} />
        <Route path={pagePath.statusPage} element={<StatusPageSettings />} />
        <Route path={pagePath.alarms} element={<AlarmsPage />} />
        <Route path={alarmPagePath.create} element={<CreateAlarmPage />} />
        <Route path={alarmPagePath.createComposite} element={<CreateCompositeAlarmPage />} />
        <Route path={alarmPagePath.muteRules} element={<MuteRulesPage />} />
        <Route path={`${pagePath.alarms}/:name`} element={<AlarmPage />} />
        <Route path={`${pagePath.alarms}/:name/edit`} element={<EditAlarmPage />} />
        <Route path={pagePath.notifications} element={<NotificationsPage />} />
        <Route path={pagePath.groups} element={<GroupsPage />} />
        <Route path={pagePath.sampling} element={<SamplingPage />} />
        <Route path={pagePath.sending} element={<SendingPage />} />
        <Route path="*" element={<NotFound />} />
      </Routes>
    </Suspense>
  );
}

function Start() {
  const { search } = useLocation();
  return <Navigate to={{ pathname: pagePath.traceMap, search }} replace />;
}

function NotFound() {
  const text = useText();
  return (
    <Box padding="xxl" textAlign="center">
      <Box variant="h1">{text.app.notFound}</Box>
      <Box variant="p">{text.app.notFoundText}</Box>
      <Link to={pagePath.traceMap} className="m-link">
        {text.app.traceMap}
      </Link>
    </Box>
  );
}
