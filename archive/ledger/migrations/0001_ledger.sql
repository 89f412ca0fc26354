-- Instants are integers, milliseconds since 1970 in UTC; NULL where unknown.
-- Hashes are 32 bytes. Ids and keys are text that may hold any bytes.

-- What the ledger knows of itself, such as the store it belongs to.
CREATE TABLE meta (
  name  TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
);

-- One row a version of a job or an event. What a look-up before writing reads
-- comes first and the long texts last, so that it need not follow a row that
-- goes on in another page.
CREATE TABLE documents (
  id           INTEGER NOT NULL PRIMARY KEY,
  job          TEXT    NOT NULL,
  user_id      TEXT    NOT NULL,
  input_hash   BLOB    NOT NULL,
  sha256       BLOB,                -- NULL: the same as input_hash
  state        TEXT    NOT NULL,
  kind         TEXT    NOT NULL,
  revision     INTEGER NOT NULL,
  overflow     INTEGER NOT NULL,
  verified     INTEGER NOT NULL,
  time         BIGINT  NOT NULL,
  status       TEXT    NOT NULL,
  recipe       TEXT    NOT NULL,
  key          TEXT    NOT NULL,
  size         BIGINT  NOT NULL,
  input_size   BIGINT,              -- NULL: the same as size
  line_count   BIGINT  NOT NULL,    -- -1 where unknown
  started_at   BIGINT,
  completed_at BIGINT,
  archived_at  BIGINT,
  changed      TEXT,                -- the rest: NULL where empty
  source       TEXT,
  title        TEXT,
  error        TEXT,
  error_type   TEXT
);

-- The one index whose order is random. It keeps a version from being recorded
-- twice and finds the versions of a job, of one user or of any, so that
-- nothing else needs an index on ids or hashes.
CREATE UNIQUE INDEX documents_identity ON documents (job, user_id, input_hash);

-- Listings are newest first, of one user and of all. Rows come about in the
-- order of their time, so that inserting into these two touches few pages, and
-- both leave out what is not listed. The row's id follows in each implicitly,
-- and makes the order whole. Neither can stand in for the other: without the
-- first a user with few jobs is found by reading everybody's, without the
-- second the newest of all are found by reading every user's.
CREATE INDEX documents_user_time ON documents (user_id, time) WHERE state = 'stored';
CREATE INDEX documents_time ON documents (time) WHERE state = 'stored';

-- How many documents there are, kept by the transactions that change it:
-- counting ten million rows takes seconds.
CREATE TABLE totals (
  kind      TEXT   NOT NULL,
  state     TEXT   NOT NULL,
  documents BIGINT NOT NULL,
  bytes     BIGINT NOT NULL,
  PRIMARY KEY (kind, state)
);

-- Records that could not be archived; their bytes are in the store.
CREATE TABLE quarantined (
  id             INTEGER NOT NULL PRIMARY KEY,
  source         TEXT    NOT NULL,
  part           TEXT    NOT NULL,
  byte_offset    BIGINT  NOT NULL,
  sha256         BLOB    NOT NULL,
  size           BIGINT  NOT NULL,
  key            TEXT    NOT NULL,
  reason         TEXT    NOT NULL,
  quarantined_at BIGINT  NOT NULL,
  state          TEXT    NOT NULL
);

CREATE UNIQUE INDEX quarantined_identity ON quarantined (key);

-- What still needs somebody, oldest first, without what is done with.
CREATE INDEX quarantined_state ON quarantined (state);

-- How far each part of a source was read.
CREATE TABLE cursors (
  source TEXT NOT NULL,
  part   TEXT NOT NULL,
  value  TEXT NOT NULL,
  PRIMARY KEY (source, part)
);

CREATE TABLE runs (
  id      INTEGER NOT NULL PRIMARY KEY,
  command TEXT    NOT NULL,
  started BIGINT  NOT NULL,
  ended   BIGINT,
  outcome TEXT    NOT NULL,
  summary TEXT    NOT NULL
);
