//! What is done for logs all the time: what is known of streams is written down, what logs say of themselves is kept, and what
//! subscription filters match goes on.

use std::sync::Arc;
use std::time::Duration;

use api::App;
use control::subscription_filter::{self, KeepEvents};
use deliver::Deliver;
use tokio::sync::watch;
use tracing::{error, warn};

/// How often what is known is written down.
const KEEP_EVERY: Duration = Duration::from_secs(10);

/// From time to time, and at the end.
pub(crate) async fn keep(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    loop {
        let is_over = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => true,
            () = tokio::time::sleep(KEEP_EVERY) => false,
        };
        for app in app.all_accounts() {
            if let Err(err) = app.logs.save().await {
                warn!(error = %err, "what is known of log streams cannot be written down");
            }
            if let Err(err) = api::keep_log_metrics(&app, is_over).await {
                warn!(error = %err, "metrics of logs cannot be kept");
            }
        }
        if is_over {
            return;
        }
    }
}

pub(crate) async fn forward(app: Arc<App>, stop: watch::Receiver<bool>) {
    let deliver = match Deliver::new() {
        Ok(deliver) => deliver,
        Err(err) => {
            error!(error = %err, "nothing can be sent to other servers: subscription filters do not work");
            return;
        }
    };
    let all = move || {
        let of = |app: Arc<App>| {
            let filters = app.subscription_filters.clone();
            let keep: KeepEvents = Arc::new(move |group, stream, events| {
                let app = app.clone();
                Box::pin(async move { api::take_forwarded(&app, &group, &stream, events).await })
            });
            (filters, keep)
        };
        app.all_accounts().into_iter().map(of).collect()
    };
    subscription_filter::run(all, deliver, stop).await;
}
