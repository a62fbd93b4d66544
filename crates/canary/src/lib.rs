//! Runs of canaries.
