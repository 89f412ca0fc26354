
CREATE TABLE meta (
  name  TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
);

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

CREATE UNIQUE INDEX documents_identity ON documents (job, user_id, input_hash);

CREATE INDEX documents_user_time ON documents (user_id, time) WHERE state = 'stored';
CREATE INDEX documents_time ON documents (time) WHERE state = 'stored';

CREATE TABLE totals (
  kind      TEXT   NOT NULL,
  state     TEXT   NOT NULL,
  documents BIGINT NOT NULL,
  bytes     BIGINT NOT NULL,
  PRIMARY KEY (kind, state)
);

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


CREATE INDEX quarantined_state ON quarantined (state);

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

INSERT INTO meta VALUES ('store', 'file:///a');
INSERT INTO documents VALUES (1, '1', CAST(x'7500' AS TEXT), x'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb', x'5da3eed456d3597de1ec6fd3b89d54724b61482cc442de2b0e685158fefc98e6',
  'stored', 'job', 1, 1, 0, 1709208000123, 'Failed', 'recipe', CAST(x'75002f312f61' AS TEXT), 98, 99, 7,
  1709204400123, 1709207940123, 1709211600123, 'capped', 'a source', 'a title', 'an error', 'its type');
INSERT INTO totals VALUES ('job', 'stored', 1, 98);
INSERT INTO quarantined VALUES (1, 's', 'p', 3, x'8e35c2cd3bf6641bdb0e2050b76932cbb2e6034a0ddacc1d9bea82a6ba57f7cf', 4, 'k', 'r', 1709208000123, 'open');
INSERT INTO cursors VALUES ('s', 'p', '1');
INSERT INTO runs VALUES (1, 'archive', 1709208000123, NULL, '', '');
PRAGMA application_id = 1280535655;
PRAGMA user_version = 1;
