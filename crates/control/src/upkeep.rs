//! The store's upkeep: memory to parts, small parts to large ones, old parts away.

use std::time::Duration;

use store::Store;
use tracing::warn;

/// How often the loop looks, when nothing wakes it.
const TICK: Duration = Duration::from_secs(2);
/// Content stays in memory only for at most this long, however little it is.
const MEMORY_AGE_US: i64 = 30_000_000;
/// Ticks between two looks at retention.
const RETENTION_TICKS: u32 = 300;

/// Runs until told to stop. Failures are logged and tried again at the next tick: a full disk may be emptied.
pub async fn run(store: Store, stop: impl Future<Output = ()> + Send) {
    tokio::pin!(stop);
    let mut ticks = 0u32;
    loop {
        let full = tokio::select! {
            () = &mut stop => return,
            () = store.flush_due() => true,
            () = tokio::time::sleep(TICK) => false,
        };
        if full || store.memory_age_us().is_some_and(|age_us| age_us >= MEMORY_AGE_US) {
            match store.flush().await {
                Ok(_) => compact(&store).await,
                Err(err) => {
                    warn!(error = %err, "flush failed; what is in memory stays there and in the log");
                    // Without a pause a full disk would be tried as fast as the loop turns.
                    tokio::time::sleep(TICK).await;
                }
            }
        }
        if ticks.is_multiple_of(RETENTION_TICKS) {
            if let Err(err) = store.retain().await {
                warn!(error = %err, "retention failed");
            }
            if let Err(err) = store.set_damaged_aside().await {
                warn!(error = %err, "cannot note damaged parts");
            }
        }
        ticks = ticks.wrapping_add(1);
    }
}

async fn compact(store: &Store) {
    loop {
        match store.compact().await {
            Ok(true) => {}
            Ok(false) => return,
            Err(err) => {
                warn!(error = %err, "compaction failed");
                return;
            }
        }
    }
}
