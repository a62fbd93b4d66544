//! What handlers may hold.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use control::alarm::{self, Alarms, Place};
use control::anomaly_detector::AnomalyDetectors;
use control::canary::{Canaries, CanaryGroups};
use control::cluster::Clusters;
use control::dashboard::Dashboards;
use control::delivery::Deliveries;
use control::export_task::ExportTasks;
use control::group::Groups;
use control::insight::Insights;
use control::link::Links;
use control::log::Logs;
use control::log_query::LogQueries;
use control::lookup_table::LookupTables;
use control::metric_filter::MetricFilters;
use control::mute_rule::MuteRules;
use control::query_definition::QueryDefinitions;
use control::resource_policy::ResourcePolicies;
use control::retrieval::Retrievals;
use control::sampling::Sampling;
use control::setting::Settings;
use control::subscription_filter::SubscriptionFilters;
use control::tag::Tagging;
use control::topic::Topics;
use ingest::Ingest;
use model::Clock;
use model::link::METRICS;
use model::owner::{Owner, Scope};
use model::quota::Quotas;
use query::Query;
use sql::Sql;
use store::Store;
use tokio::sync::{Semaphore, watch};

use crate::access::Access;
use crate::error::ApiError;
use crate::guard::Guard;
use crate::logs::live_tail;
use crate::notification::NotificationSetup;
use crate::{body, otlp};

/// The doors, and who this server says it is.
#[derive(Clone)]
pub struct App {
    pub ingest: Ingest,
    pub query: Query,
    pub sql: Sql,
    pub sampling: Sampling,
    pub groups: Groups,
    pub insights: Insights,
    pub tags: Tagging,
    pub policies: ResourcePolicies,
    pub settings: Settings,
    pub dashboards: Dashboards,
    pub anomaly_detectors: AnomalyDetectors,
    pub alarms: Alarms,
    pub canaries: Canaries,
    pub canary_groups: CanaryGroups,
    pub mute_rules: MuteRules,
    pub topics: Topics,
    pub deliveries: Deliveries,
    pub notification_setup: Arc<NotificationSetup>,
    /// Where people see the console, for those who are notified.
    pub console_url: Option<String>,
    pub clusters: Clusters,
    pub logs: Logs,
    pub log_queries: LogQueries,
    pub metric_filters: MetricFilters,
    pub subscription_filters: SubscriptionFilters,
    pub query_definitions: QueryDefinitions,
    pub lookup_tables: LookupTables,
    pub export_tasks: ExportTasks,
    pub retrievals: Retrievals,
    pub clock: Arc<dyn Clock>,
    pub identity: Identity,
    pub listeners: Listeners,
    pub guard: Guard,
    pub access: Arc<Access>,
    pub links: Links,
    pub accounts: Accounts,
    /// For health alone.
    pub store: Store,
    pub started_us: i64,
    pub quotas: Arc<Quotas>,
    pub limits: Arc<Limits>,
    /// Says when the server stops.
    pub stopping: watch::Receiver<bool>,
}

/// The other accounts that someone asked for so far.
#[derive(Clone, Default)]
pub struct Accounts(Arc<Mutex<HashMap<String, Arc<App>>>>);

/// What is done at the same time; more waits.
pub struct Limits {
    /// Questions that are answered.
    questions: Arc<Semaphore>,
    /// Room for request bodies, in units.
    pub(crate) bodies: Arc<Semaphore>,
    /// Calls of OTLP over gRPC.
    pub(crate) otlp_calls: Semaphore,
    /// Room for what is made of OTLP's requests, in the same units.
    pub(crate) otlp_messages: Semaphore,
    /// Sessions of live tail.
    pub(crate) live_tails: Arc<Semaphore>,
}

impl Default for Limits {
    fn default() -> Limits {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Limits {
            questions: Arc::new(Semaphore::new(cores.max(2))),
            bodies: Arc::new(Semaphore::new(body::UNITS)),
            otlp_calls: Semaphore::new(otlp::CALLS_MAX),
            otlp_messages: Semaphore::new(body::UNITS),
            live_tails: Arc::new(Semaphore::new(live_tail::SESSIONS_MAX)),
        }
    }
}

/// The account and region that ARNs carry.
#[derive(Debug, Clone)]
pub struct Identity {
    pub account_id: String,
    pub region: String,
    pub retention_days: u32,
}

/// The addresses this server listens on.
#[derive(Debug, Clone)]
pub struct Listeners {
    pub http: String,
    pub daemon: String,
    pub otlp_grpc: Option<String>,
    pub otlp_http: Option<String>,
    pub emf: Option<String>,
    pub task_metadata: Option<String>,
}

impl App {
    /// The same for another account: its resources, its documents, and what was linked to it.
    pub fn of_account(self: &Arc<App>, account_id: &str) -> Arc<App> {
        if account_id == self.identity.account_id {
            return self.clone();
        }
        let mut known = self.accounts.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(account_id.to_owned()).or_insert_with(|| Arc::new(self.make_account(account_id))).clone()
    }

    /// This account, and the others that were asked for.
    pub fn all_accounts(self: &Arc<App>) -> Vec<Arc<App>> {
        let known = self.accounts.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().cloned().chain([self.clone()]).collect()
    }

    /// The accounts whose metrics are linked to this one, for who asks the server's own account.
    pub(crate) fn linked_accounts(&self, root: &App) -> Vec<String> {
        match self.links.scope(&self.identity.account_id, METRICS) {
            Scope::Everything => Vec::new(),
            Scope::Accounts { own, others } => {
                let own = (own && self.identity.account_id != root.identity.account_id).then(|| root.identity.account_id.clone());
                own.into_iter().chain(others.into_iter().filter(|other| *other != self.identity.account_id)).collect()
            }
        }
    }

    /// What this account may see of another one that linked its metrics to it: its clusters and metrics, and nothing that was linked
    /// to that one.
    fn linked(&self, root: &Arc<App>, account_id: &str) -> Option<Arc<App>> {
        if !self.linked_accounts(root).iter().any(|linked| linked == account_id) {
            return None;
        }
        let other = root.of_account(account_id);
        let own = account_id == root.identity.account_id;
        let scope = Scope::Accounts { own, others: (!own).then(|| account_id.to_owned()).into_iter().collect() };
        let nothing = Scope::Accounts { own: false, others: BTreeSet::new() };
        let query = other.query.scoped(Arc::new(move |kind| if kind == METRICS { scope.clone() } else { nothing.clone() }));
        Some(Arc::new(App { query, ..(*other).clone() }))
    }

    /// The account that a request is about: that which asks, or the one that a header names, of those that are linked to it. This may
    /// only be read.
    pub(crate) fn asked(self: Arc<App>, root: &Arc<App>, headers: &HeaderMap) -> Result<Arc<App>, ApiError> {
        let Some(named) = headers.get(ACCOUNT_HEADER) else { return Ok(self) };
        let named = named.to_str().unwrap_or_default();
        if named == self.identity.account_id {
            return Ok(self);
        }
        self.linked(root, named).ok_or_else(|| {
            let message = format!("account {named} has not linked its metrics to account {}", self.identity.account_id);
            ApiError::new(StatusCode::FORBIDDEN, "AccessDeniedException", message)
        })
    }

    fn make_account(&self, account_id: &str) -> App {
        let catalog = self.store.catalog().of_account(account_id);
        let (clock, quotas) = (self.clock.clone(), self.quotas.clone());
        let (links, of) = (self.links.clone(), account_id.to_owned());
        let query = self.query.scoped(Arc::new(move |kind| links.scope(&of, kind)));
        let logs = self.logs.of(catalog.clone(), Some(Owner::new(account_id, &self.identity.region)));
        let sampling = Sampling::new(catalog.clone(), clock.clone(), quotas.clone());
        let groups = Groups::new(catalog.clone(), clock.clone(), quotas.clone());
        let anomaly_detectors = AnomalyDetectors::new(catalog.clone());
        let mute_rules = MuteRules::new(catalog.clone(), clock.clone());
        let topics = Topics::new(catalog.clone(), clock.clone(), &self.identity.region, account_id);
        let deliveries = self.deliveries.of(catalog.clone());
        let parts = alarm::Parts {
            query: query.clone(),
            detectors: anomaly_detectors.clone(),
            topics: topics.clone(),
            mute_rules: mute_rules.clone(),
            deliveries: deliveries.clone(),
        };
        let place = Place {
            account_id: account_id.to_owned(),
            server_account_id: self.links.own_account_id().to_owned(),
            region: self.identity.region.clone(),
            console: self.console_url.clone(),
        };
        App {
            alarms: Alarms::new(catalog.clone(), parts, clock.clone(), place),
            canaries: self.canaries.of(catalog.clone(), account_id),
            canary_groups: CanaryGroups::new(catalog.clone(), clock.clone()),
            mute_rules,
            topics,
            deliveries,
            notification_setup: self.notification_setup.clone(),
            console_url: self.console_url.clone(),
            ingest: self.ingest.of(Some(Owner::new(account_id, &self.identity.region))),
            insights: Insights::new(catalog.clone(), query.clone(), groups.clone(), clock.clone(), quotas.clone()),
            query: query.clone(),
            sql: self.sql.clone(),
            tags: Tagging::new(catalog.clone(), groups.clone(), sampling.clone(), quotas.clone()),
            sampling,
            groups,
            policies: ResourcePolicies::new(catalog.clone(), clock.clone(), quotas.clone()),
            settings: Settings::new(catalog.clone(), clock.clone()),
            dashboards: Dashboards::new(catalog.clone(), clock.clone()),
            anomaly_detectors,
            clusters: self.clusters.of(catalog.clone()),
            metric_filters: MetricFilters::new(catalog.clone(), clock.clone()),
            query_definitions: QueryDefinitions::new(catalog.clone(), clock.clone()),
            lookup_tables: LookupTables::new(catalog.clone(), clock.clone()),
            export_tasks: self.export_tasks.of(catalog.clone(), logs.clone(), query.clone(), account_id),
            subscription_filters: SubscriptionFilters::new(self.store.clone(), catalog, clock.clone(), logs.clone(), account_id),
            logs,
            log_queries: LogQueries::new(clock.clone()),
            retrievals: Retrievals::new(clock.clone()),
            clock,
            identity: Identity { account_id: account_id.to_owned(), ..self.identity.clone() },
            listeners: self.listeners.clone(),
            guard: self.guard.clone(),
            access: self.access.clone(),
            links: self.links.clone(),
            accounts: self.accounts.clone(),
            store: self.store.clone(),
            started_us: self.started_us,
            quotas,
            limits: self.limits.clone(),
            stopping: self.stopping.clone(),
        }
    }

    /// Asks the read door off the event loop: it reads files.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Query) -> query::Result<T> + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = self.limits.questions.clone().acquire_owned().await.map_err(|_| ApiError::shutting_down())?;
        let query = self.query.clone();
        // The place goes with the work: a caller who hangs up does not end it.
        let work = move || {
            let _place = place;
            question(&query)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(answer) => answer.map_err(ApiError::from),
            Err(err) => Err(ApiError::internal(err.to_string())),
        }
    }
}

/// Names the account that is asked about, where that is not the one that asks: for the console.
pub(crate) const ACCOUNT_HEADER: &str = "x-mitoshi-account";

/// The account that asks, as `access` found out.
pub(crate) struct Asking(pub(crate) Arc<App>);

impl FromRequestParts<Arc<App>> for Asking {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Asking, Infallible> {
        Ok(Asking(parts.extensions.get::<Arc<App>>().unwrap_or(app).clone()))
    }
}

/// The account that is asked about, as `ACCOUNT_HEADER` has it.
pub(crate) struct Asked(pub(crate) Arc<App>);

impl FromRequestParts<Arc<App>> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, root: &Arc<App>) -> Result<Asked, ApiError> {
        let asking = parts.extensions.get::<Arc<App>>().unwrap_or(root).clone();
        asking.asked(root, &parts.headers).map(Asked)
    }
}
