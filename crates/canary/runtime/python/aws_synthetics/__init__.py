"""The names that AWS's Python canaries import; the work is done in `mitoshi_canary`."""
