-- The rows of a job, found by an index whose end alone is written to: a job's id
-- is random, so that in a B-tree of them each new row would change a page of its
-- own. See package jobindex for what is in it. That no version (user, job, input hash)
-- is recorded twice is no longer the database's to see to, but that of whoever
-- inserts documents, in the same transaction.
DROP INDEX documents_identity;

-- One row a run. Whatever changes the index makes a run whose id is greater than
-- all before it, so that the greatest tells whether anything has changed.
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

-- Bucket n of run r has the id r * 2^20 + n.
CREATE TABLE job_buckets (
  id      INTEGER NOT NULL PRIMARY KEY,
  entries BLOB    NOT NULL
);
