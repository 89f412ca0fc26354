
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


CREATE TABLE api_keys (
  id        INTEGER NOT NULL PRIMARY KEY,
  hash      BLOB    NOT NULL,
  name      TEXT    NOT NULL,
  user_id   TEXT    NOT NULL,
  may       TEXT    NOT NULL,
  created   BIGINT  NOT NULL,
  revoked   BIGINT,
  last_used BIGINT
);

CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);

CREATE TABLE exports (
  n           INTEGER NOT NULL PRIMARY KEY,
  id          TEXT    NOT NULL,
  api_key     BIGINT  NOT NULL,
  user_id     TEXT    NOT NULL,
  job         TEXT    NOT NULL,
  state       TEXT    NOT NULL,
  attempt     BIGINT  NOT NULL,
  lease_until BIGINT,
  expires     BIGINT  NOT NULL,
  created     BIGINT  NOT NULL,
  updated     BIGINT  NOT NULL,
  jobs        BIGINT  NOT NULL,
  total       BIGINT  NOT NULL,
  line_count  BIGINT  NOT NULL,
  bytes       BIGINT  NOT NULL,
  object      TEXT,
  size        BIGINT,
  sha256      BLOB,
  filename    TEXT    NOT NULL,
  error       TEXT,
  request     TEXT    NOT NULL
);

CREATE UNIQUE INDEX exports_id ON exports (id);

CREATE INDEX exports_state ON exports (state);
CREATE INDEX exports_api_key ON exports (api_key);

CREATE INDEX exports_job ON exports (job);

CREATE TABLE tokens (
  id      INTEGER NOT NULL PRIMARY KEY,
  hash    BLOB    NOT NULL,
  export  TEXT    NOT NULL,
  api_key BIGINT  NOT NULL,
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
  api_key BIGINT  NOT NULL,
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

CREATE INDEX documents_deleting ON documents (user_id, job) WHERE state = 'deleting';

CREATE TABLE leases (
  task    TEXT   NOT NULL PRIMARY KEY,
  holder  TEXT   NOT NULL,
  fence   BIGINT NOT NULL,
  since   BIGINT NOT NULL,
  until   BIGINT,
  planned BIGINT,
  trying  BIGINT,
  attempt BIGINT NOT NULL
);

ALTER TABLE runs ADD COLUMN task TEXT;
ALTER TABLE runs ADD COLUMN planned BIGINT;
ALTER TABLE runs ADD COLUMN attempt BIGINT;
ALTER TABLE runs ADD COLUMN fence BIGINT;
ALTER TABLE runs ADD COLUMN error TEXT;

CREATE INDEX runs_task ON runs (task) WHERE task IS NOT NULL;

CREATE INDEX documents_unverified ON documents (time) WHERE state = 'stored' AND verified = 0;

CREATE TABLE segments (
  id      INTEGER NOT NULL PRIMARY KEY,
  key     TEXT    NOT NULL,
  user_id TEXT    NOT NULL,
  month   BIGINT  NOT NULL,
  state   TEXT    NOT NULL,
  n_rows  BIGINT  NOT NULL,
  size    BIGINT  NOT NULL,
  sha256  BLOB    NOT NULL,
  created BIGINT  NOT NULL,
  due     BIGINT
);

CREATE UNIQUE INDEX segments_key ON segments (key);
CREATE INDEX segments_user_month ON segments (user_id, month);
ALTER TABLE documents ADD COLUMN segment BIGINT;
ALTER TABLE documents ADD COLUMN segment_row BIGINT;
CREATE INDEX documents_segment ON documents (segment, state) WHERE segment IS NOT NULL;
CREATE TABLE inputs (
  document INTEGER NOT NULL PRIMARY KEY,
  segment  BIGINT  NOT NULL,
  claimed  BIGINT
);

CREATE INDEX inputs_segment ON inputs (segment);
CREATE TABLE copies (
  document BIGINT NOT NULL,
  segment  BIGINT NOT NULL,
  PRIMARY KEY (document, segment)
);

CREATE INDEX copies_segment ON copies (segment);
CREATE TABLE holds (
  id             TEXT   NOT NULL PRIMARY KEY,
  scope          TEXT   NOT NULL,
  placed_by      TEXT   NOT NULL,
  reason         TEXT   NOT NULL,
  placed         BIGINT NOT NULL,
  released       BIGINT,
  released_by    TEXT   NOT NULL,
  release_reason TEXT   NOT NULL
);
CREATE TABLE owed (
  document INTEGER NOT NULL PRIMARY KEY,
  since    BIGINT  NOT NULL
);
CREATE TABLE marks (
  document INTEGER NOT NULL PRIMARY KEY,
  policy   TEXT    NOT NULL,
  marked   BIGINT  NOT NULL,
  due      BIGINT  NOT NULL,
  expiring INTEGER NOT NULL
);

CREATE INDEX marks_due ON marks (expiring, due);
CREATE TABLE policy_runs (
  id     INTEGER NOT NULL PRIMARY KEY,
  policy TEXT    NOT NULL,
  at     BIGINT  NOT NULL,
  marked BIGINT  NOT NULL
);

CREATE INDEX policy_runs_policy ON policy_runs (policy);
CREATE TABLE job_runs (
  id             INTEGER NOT NULL PRIMARY KEY,
  entries        BIGINT  NOT NULL,
  buckets        BIGINT  NOT NULL,
  first_document BIGINT  NOT NULL,
  last_document  BIGINT  NOT NULL
);
CREATE TABLE job_filters (
  run    INTEGER NOT NULL PRIMARY KEY,
  filter BLOB    NOT NULL
);
CREATE TABLE job_buckets (
  id      INTEGER NOT NULL PRIMARY KEY,
  entries BLOB    NOT NULL
);

INSERT INTO meta VALUES ('store', 'file:///a');
INSERT INTO documents VALUES (1, '1', CAST(x'7500' AS TEXT), x'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb', x'5da3eed456d3597de1ec6fd3b89d54724b61482cc442de2b0e685158fefc98e6',
  'stored', 'job', 1, 1, 0, 1709208000123, 'Failed', 'recipe', CAST(x'75002f312f61' AS TEXT), 98, 99, 7,
  1709204400123, 1709207940123, 1709211600123, 'capped', 'a source', 'a title', 'an error', 'its type', NULL, NULL);
INSERT INTO documents VALUES (2, '2', CAST(x'7500' AS TEXT), x'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb', NULL,
  'expiring', 'job', 0, 0, 1, 1709208000123, '', 'recipe', 'k2', 5, NULL, -1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 3, 1);
INSERT INTO totals VALUES ('job', 'stored', 1, 98);
INSERT INTO totals VALUES ('job', 'expiring', 1, 5);
INSERT INTO job_runs VALUES (7, 2, 1, 1, 2);
INSERT INTO job_filters VALUES (7, x'00000000000000004010000000400000000000008090000000000000000000000000000000000000000000000000000000000000010004100010040000040000');
INSERT INTO job_buckets VALUES (7340032, x'6b86b27300000000d4735e3a00000001');
INSERT INTO segments VALUES (3, 'a segment', CAST(x'7500' AS TEXT), 1706745600000, 'stored', 2, 7, x'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb', 1709208000123, NULL);
INSERT INTO segments VALUES (4, 'another segment', CAST(x'7500' AS TEXT), 1706745600000, 'replaced', 1, 8, x'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb', 1709208000123, 1709208000124);
INSERT INTO meta VALUES ('last segment', '5');
INSERT INTO inputs VALUES (2, 3, 1709208000123);
INSERT INTO copies VALUES (1, 3);
INSERT INTO holds VALUES ('000102030405060708090a0b0c0d0e0f', '{"user":"v","statuses":["failed"]}', 'somebody', 'a reason', 1709208000123, NULL, '', '');
INSERT INTO holds VALUES ('0f0e0d0c0b0a09080706050403020100', '{"job":"1"}', 'somebody', 'a reason', 1709208000124, 1709208000125, 'another', 'another reason');
INSERT INTO owed VALUES (1, 1709208000123);
INSERT INTO marks VALUES (1, 'a policy', 1709208000123, 1709208000124, 0);
INSERT INTO marks VALUES (2, 'a policy', 1709208000123, 1709208000123, 1);
INSERT INTO policy_runs VALUES (1, 'a policy', 1709208000123, 2);
INSERT INTO quarantined VALUES (1, 's', 'p', 3, x'8e35c2cd3bf6641bdb0e2050b76932cbb2e6034a0ddacc1d9bea82a6ba57f7cf', 4, 'k', 'r', 1709208000123, 'open');
INSERT INTO cursors VALUES ('s', 'p', '1');
INSERT INTO runs VALUES (1, 'archive', 1709208000123, NULL, '', '', NULL, NULL, NULL, NULL, NULL);
INSERT INTO runs VALUES (2, 'retain', 1709208000123, 1709208060123, 'failed', '{}', 'nightly', 1709208000000, 2, 7, 'an error');
INSERT INTO leases VALUES ('nightly', 'a holder', 7, 1709208000123, 1709208060123, 1709121600000, 1709208000000, 2);
INSERT INTO leases VALUES ('other', '', 0, 1709208000123, NULL, 1709208000123, NULL, 0);
INSERT INTO api_keys VALUES (1, x'8254c329a92850f6d539dd376f4816ee2764517da5e0235514af433164480d7a', 'a name', CAST(x'7500' AS TEXT), 'read', 1709208000123, 1709208000124, 1709208000000);
INSERT INTO exports VALUES (1, '00112233445566778899aabbccddeeff', 1, CAST(x'7500' AS TEXT), '1', 'ready', 2, NULL, 1709211600123, 1709208000123, 1709208000125,
  3, 4, 5, 6, 'an object', 7, x'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb', 'a name', NULL, '{}');
INSERT INTO exports VALUES (2, 'ffeeddccbbaa99887766554433221100', 0, '', '', 'running', 1, 1709208060123, 1709211600123, 1709208000123, 1709208000125,
  0, -1, 0, 0, NULL, NULL, NULL, 'another', NULL, '{"user":"x"}');
INSERT INTO tokens VALUES (1, x'3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d', '00112233445566778899aabbccddeeff', 1, 1709208000123, 1709211600123, NULL);
INSERT INTO audit VALUES (1, 1709208000123, 1, '192.0.2.1', 'export', CAST(x'7500' AS TEXT), '1', 'ok', 'a detail');
INSERT INTO secrets VALUES ('urls', x'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
PRAGMA application_id = 1280535655;
PRAGMA user_version = 5;
