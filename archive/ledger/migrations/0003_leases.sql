-- Who runs which task, and what each run was for.

-- One row a task, for good: its fence only grows.
CREATE TABLE leases (
  task    TEXT   NOT NULL PRIMARY KEY,
  holder  TEXT   NOT NULL,       -- who has it, or had it last
  fence   BIGINT NOT NULL,       -- how often it was given out
  since   BIGINT NOT NULL,
  until   BIGINT,                -- NULL: it was given back
  planned BIGINT,                -- up to which planned time everything is done
  trying  BIGINT,                -- the planned time that is being tried
  attempt BIGINT NOT NULL        -- how often that was begun
);

-- These five: NULL where a run was not a task's, or has none.
ALTER TABLE runs ADD COLUMN task TEXT;
ALTER TABLE runs ADD COLUMN planned BIGINT;
ALTER TABLE runs ADD COLUMN attempt BIGINT;
ALTER TABLE runs ADD COLUMN fence BIGINT;
ALTER TABLE runs ADD COLUMN error TEXT;

-- The latest runs of a task. Most runs of a ledger that nobody schedules are
-- of none.
CREATE INDEX runs_task ON runs (task) WHERE task IS NOT NULL;

-- What was adopted and could never be compared with what was given to us; it is
-- asked for often, and mostly none.
CREATE INDEX documents_unverified ON documents (time) WHERE state = 'stored' AND verified = 0;
