-- API keys, exports, their tokens and who did what. None of it can be rebuilt
-- from the store.

-- The key itself is nowhere: whoever asks has it, and is found by its hash.
CREATE TABLE api_keys (
  id        INTEGER NOT NULL PRIMARY KEY,
  hash      BLOB    NOT NULL,
  name      TEXT    NOT NULL,
  user_id   TEXT    NOT NULL,    -- empty: sees everybody's
  may       TEXT    NOT NULL,
  created   BIGINT  NOT NULL,
  revoked   BIGINT,
  last_used BIGINT
);

CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);

-- One row an export, in the order of their making.
CREATE TABLE exports (
  n           INTEGER NOT NULL PRIMARY KEY,
  id          TEXT    NOT NULL,
  api_key     BIGINT  NOT NULL,  -- 0: the command line
  user_id     TEXT    NOT NULL,  -- empty: everybody's
  job         TEXT    NOT NULL,  -- empty: a query
  state       TEXT    NOT NULL,
  attempt     BIGINT  NOT NULL,
  lease_until BIGINT,            -- NULL unless running
  expires     BIGINT  NOT NULL,
  created     BIGINT  NOT NULL,
  updated     BIGINT  NOT NULL,
  jobs        BIGINT  NOT NULL,
  total       BIGINT  NOT NULL,  -- -1 where unknown
  line_count  BIGINT  NOT NULL,
  bytes       BIGINT  NOT NULL,
  object      TEXT,              -- these three: NULL unless ready
  size        BIGINT,
  sha256      BLOB,
  filename    TEXT    NOT NULL,
  error       TEXT,
  request     TEXT    NOT NULL
);

CREATE UNIQUE INDEX exports_id ON exports (id);

-- Work is found by state, oldest first, and so is what a sweep removes; what
-- was swept is the bulk of the table, and never looked for this way.
CREATE INDEX exports_state ON exports (state);
CREATE INDEX exports_api_key ON exports (api_key);

-- What an erasure must not leave behind.
CREATE INDEX exports_job ON exports (job);

CREATE TABLE tokens (
  id      INTEGER NOT NULL PRIMARY KEY,
  hash    BLOB    NOT NULL,
  export  TEXT    NOT NULL,
  api_key BIGINT  NOT NULL,      -- 0: the command line
  created BIGINT  NOT NULL,
  expires BIGINT  NOT NULL,
  revoked BIGINT
);

CREATE UNIQUE INDEX tokens_hash ON tokens (hash);
CREATE INDEX tokens_export ON tokens (export);
CREATE INDEX tokens_api_key ON tokens (api_key);

CREATE TABLE audit (
  id      INTEGER NOT NULL PRIMARY KEY,
  at      BIGINT  NOT NULL,
  api_key BIGINT  NOT NULL,      -- 0: the command line, or nobody we know
  remote  TEXT    NOT NULL,
  action  TEXT    NOT NULL,
  user_id TEXT    NOT NULL,
  job     TEXT    NOT NULL,
  outcome TEXT    NOT NULL,
  detail  TEXT    NOT NULL
);

CREATE TABLE secrets (
  name  TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL
);

-- Erasures that were begun.
CREATE INDEX documents_deleting ON documents (user_id, job) WHERE state = 'deleting';
