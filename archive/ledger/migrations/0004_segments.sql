-- Where documents lie that are in segments, what is to be removed, and holds.

-- One row a segment that is in the store, or may be.
CREATE TABLE segments (
  id      INTEGER NOT NULL PRIMARY KEY,
  key     TEXT    NOT NULL,
  user_id TEXT    NOT NULL,
  month   BIGINT  NOT NULL,      -- the first instant of the one its documents are of
  state   TEXT    NOT NULL,
  n_rows  BIGINT  NOT NULL,
  size    BIGINT  NOT NULL,
  sha256  BLOB    NOT NULL,      -- of the file
  created BIGINT  NOT NULL,
  due     BIGINT                 -- of a replaced one: when it may go
);

CREATE UNIQUE INDEX segments_key ON segments (key);
CREATE INDEX segments_user_month ON segments (user_id, month);

-- NULL: it lies under its own key.
ALTER TABLE documents ADD COLUMN segment BIGINT;
ALTER TABLE documents ADD COLUMN segment_row BIGINT;

-- What a segment holds, and how much of it is still there. What is archived lies
-- in none at first, so that this costs archiving nothing.
CREATE INDEX documents_segment ON documents (segment, state) WHERE segment IS NOT NULL;

-- Documents that lie in a segment, whose objects are still there and are to go.
CREATE TABLE inputs (
  document INTEGER NOT NULL PRIMARY KEY,
  segment  BIGINT  NOT NULL,
  claimed  BIGINT                -- since when somebody is removing it
);

CREATE INDEX inputs_segment ON inputs (segment);

-- Segments that hold a document which lies elsewhere.
CREATE TABLE copies (
  document BIGINT NOT NULL,
  segment  BIGINT NOT NULL,
  PRIMARY KEY (document, segment)
);

CREATE INDEX copies_segment ON copies (segment);

-- The holds that the store has.
CREATE TABLE holds (
  id             TEXT   NOT NULL PRIMARY KEY,
  scope          TEXT   NOT NULL, -- a layout.Scope in JSON
  placed_by      TEXT   NOT NULL,
  reason         TEXT   NOT NULL,
  placed         BIGINT NOT NULL,
  released       BIGINT,
  released_by    TEXT   NOT NULL,
  release_reason TEXT   NOT NULL
);

-- Documents that are to be erased once nothing holds them.
CREATE TABLE owed (
  document INTEGER NOT NULL PRIMARY KEY,
  since    BIGINT  NOT NULL
);

-- Documents that are to expire, and those that are expiring. All of a run are due
-- at once: the row's id, which follows in the index, makes their order whole.
CREATE TABLE marks (
  document INTEGER NOT NULL PRIMARY KEY,
  policy   TEXT    NOT NULL,
  marked   BIGINT  NOT NULL,
  due      BIGINT  NOT NULL,
  expiring INTEGER NOT NULL      -- 1: its removal was begun
);

CREATE INDEX marks_due ON marks (expiring, due);

-- How many documents each policy marked, each time.
CREATE TABLE policy_runs (
  id     INTEGER NOT NULL PRIMARY KEY,
  policy TEXT    NOT NULL,
  at     BIGINT  NOT NULL,
  marked BIGINT  NOT NULL
);

CREATE INDEX policy_runs_policy ON policy_runs (policy);
