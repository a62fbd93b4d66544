-- Parts of the tables. One of segments is four Parquet files, <id>.parquet in segment/, trace/, visit/ and minute/; one of a table of
-- rows, such as metric, is one file in the folder of that name.
CREATE TABLE part (
    id            INTEGER PRIMARY KEY,
    family        TEXT NOT NULL,     -- segment, or the name of the table of rows
    day           INTEGER NOT NULL,  -- UTC days since 1970 of the traces' time
    segment_rows  INTEGER NOT NULL,  -- documents; of a table of rows, rows
    trace_rows    INTEGER NOT NULL,
    bytes         INTEGER NOT NULL,
    min_time_us   INTEGER NOT NULL,
    max_time_us   INTEGER NOT NULL,
    min_start_us  INTEGER NOT NULL,
    max_end_us    INTEGER NOT NULL,
    created_us    INTEGER NOT NULL,
    checksums     BLOB NOT NULL,     -- for each file how many there are, then CRC-32C of each 16 KiB; all little endian, 4 bytes
    filter        BLOB NOT NULL,     -- Bloom filters of trace ids and of values, see docs/format/catalog.md; empty where the table has none
    checksum      INTEGER NOT NULL,  -- CRC-32C of the columns above
    damaged       TEXT               -- why the part is set aside, if it is
) STRICT;

-- The next part's number.
CREATE TABLE part_number (
    only  INTEGER PRIMARY KEY CHECK (only = 1),
    next  INTEGER NOT NULL
) STRICT;
INSERT INTO part_number VALUES (1, 1);

-- Traces whose row in a part no longer counts, because a later part has a newer one.
CREATE TABLE superseded (
    part_id   INTEGER NOT NULL REFERENCES part (id) ON DELETE CASCADE,
    trace_id  BLOB NOT NULL,
    checksum  INTEGER NOT NULL,  -- CRC-32C of the columns above
    PRIMARY KEY (part_id, trace_id)
) STRICT, WITHOUT ROWID;

-- The newest write-ahead log sequence whose content is in parts.
CREATE TABLE checkpoint (
    only      INTEGER PRIMARY KEY CHECK (only = 1),
    sequence  INTEGER NOT NULL,
    checksum  INTEGER NOT NULL   -- CRC-32C of the sequence
) STRICT;
INSERT INTO checkpoint VALUES (1, 0, 2351477386);

-- From this time on the sums of the minute tables add up to what the traces say. Before it, parts are gone from which others
-- subtract.
CREATE TABLE minute_sums (
    only           INTEGER PRIMARY KEY CHECK (only = 1),
    exact_from_us  INTEGER NOT NULL,
    checksum       INTEGER NOT NULL   -- CRC-32C of the time
) STRICT;
INSERT INTO minute_sums VALUES (1, 0, 2351477386);

CREATE TABLE sampling_rule (
    account         TEXT NOT NULL,   -- empty: the server's own
    name            TEXT NOT NULL,
    priority        INTEGER NOT NULL,
    fixed_rate      REAL NOT NULL,
    reservoir_size  INTEGER NOT NULL,
    service_name    TEXT NOT NULL,
    service_type    TEXT NOT NULL,
    host            TEXT NOT NULL,
    http_method     TEXT NOT NULL,
    url_path        TEXT NOT NULL,
    resource_arn    TEXT NOT NULL,
    attributes      TEXT NOT NULL,   -- JSON object
    boost_max_rate  REAL,
    boost_cooldown_minutes INTEGER,
    created_us      INTEGER NOT NULL,
    modified_us     INTEGER NOT NULL,
    checksum        INTEGER NOT NULL, -- CRC-32C of the account, a zero byte and the rule as JSON
    PRIMARY KEY (account, name)
) STRICT;

-- What else is kept as a whole: groups, policies, settings, insights, keys. A JSON text each.
CREATE TABLE resource (
    account   TEXT NOT NULL,     -- empty: the server's own
    kind      TEXT NOT NULL,
    key       TEXT NOT NULL,
    value     TEXT NOT NULL,
    checksum  INTEGER NOT NULL,  -- CRC-32C of account, kind, key and value, with a zero byte between
    PRIMARY KEY (account, kind, key)
) STRICT, WITHOUT ROWID;

-- When any sampling rule of an account was last made, changed or deleted.
CREATE TABLE sampling_rule_change (
    account      TEXT PRIMARY KEY,
    modified_us  INTEGER NOT NULL
) STRICT;

-- Accounts that segments are of, besides the server's own.
CREATE TABLE owner (
    owner  TEXT PRIMARY KEY      -- account/region
) STRICT;
