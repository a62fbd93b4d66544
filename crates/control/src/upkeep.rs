//! The store's upkeep: memory to parts, small parts to large ones, old parts away.

use std::time::Duration;

use store::Store;
use tokio::sync::watch;
use tracing::{error, warn};

/// How often the loops look, when nothing wakes them.
const TICK: Duration = Duration::from_secs(2);
/// Content stays in memory only for at most this long, however little it is.
const MEMORY_AGE_US: i64 = 30_000_000;
/// Between two looks at retention and at parts that were found damaged.
const RETENTION: Duration = Duration::from_secs(600);

/// Runs until told to stop. Failures are logged and tried again: a full disk may be emptied. Compaction has a loop of its own, so
/// that memory is written out while large parts are merged.
pub async fn run(store: Store, stop: watch::Receiver<bool>) {
    tokio::join!(
        keep_up("flush", || flush(store.clone(), stop.clone())),
        keep_up("compaction", || compact(store.clone(), stop.clone())),
        keep_up("retention", || retain(store.clone(), stop.clone())),
    );
}

/// Runs a loop until it ends by itself; begins it again when it panics, as without it memory or the disk would fill.
async fn keep_up<F: Future<Output = ()> + Send + 'static>(name: &'static str, start: impl Fn() -> F) {
    while let Err(err) = tokio::spawn(start()).await {
        error!(error = %err, "{name} failed in an unexpected way and is begun again");
        tokio::time::sleep(TICK).await;
    }
}

async fn flush(store: Store, mut stop: watch::Receiver<bool>) {
    loop {
        let full = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = store.flush_due() => true,
            () = tokio::time::sleep(TICK) => false,
        };
        let due = full || store.memory_age_us().is_some_and(|age_us| age_us >= MEMORY_AGE_US);
        if !due {
            continue;
        }
        if let Err(err) = store.flush().await {
            warn!(error = %err, "flush failed; what is in memory stays there and in the log");
            // Without a pause a full disk would be tried as fast as the loop turns.
            tokio::time::sleep(TICK).await;
        }
    }
}

async fn compact(store: Store, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(TICK) => {}
        }
        while !*stop.borrow() {
            match store.compact().await {
                Ok(true) => {}
                Ok(false) => break,
                Err(err) => {
                    warn!(error = %err, "compaction failed");
                    break;
                }
            }
        }
    }
}

async fn retain(store: Store, mut stop: watch::Receiver<bool>) {
    loop {
        if let Err(err) = store.retain().await {
            warn!(error = %err, "retention failed");
        }
        if let Err(err) = store.set_damaged_aside().await {
            warn!(error = %err, "cannot note damaged parts");
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(RETENTION) => {}
        }
    }
}
