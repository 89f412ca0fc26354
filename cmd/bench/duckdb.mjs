// What DuckDB does for bench: node duckdb.mjs write FROM TO, or read SEGMENT.
import { createHash } from 'node:crypto';
import { DuckDBInstance } from '@duckdb/node-api';

const db = await (await DuckDBInstance.create(':memory:')).connect();
const quoted = (text) => `'${text.replaceAll("'", "''")}'`;

// A file of records, one a line, or a folder of them.
function records(from) {
  return from.endsWith('.ndjson')
    ? `SELECT text, encode(text) AS document FROM read_csv(${quoted(from)}, columns = {'text': 'VARCHAR'}, auto_detect = false,
        header = false, delim = '\x01', quote = '', escape = '', max_line_size = 40000000)`
    : `SELECT decode(content) AS text, content AS document FROM read_blob(${quoted(`${from}/*/jobs/*/*/*/*.json`)})`;
}

// The table of a segment, in its order, without adapters and the number of lines.
const table = (from) => `
  WITH read AS (${records(from)}),
  found AS (
    SELECT document, from_hex(sha256(document)) AS hash,
      json_extract_string(text, ['$.id', '$.recipe_id', '$.account_id', '$.status', '$.started_at', '$.completed_at',
        '$.title', '$.error', '$.error_type']) AS member
    FROM read),
  named AS (
    SELECT document, hash, member[1] AS job_id, member[2] AS recipe_id, member[3] AS user_id, member[4] AS status,
      member[5]::TIMESTAMP_MS AS started_at, member[6]::TIMESTAMP_MS AS completed_at,
      member[7] AS title, member[8] AS error, member[9] AS error_type
    FROM found)
  SELECT job_id, recipe_id, user_id, 'job' AS kind, status, completed_at AS time, started_at, completed_at,
    TIMESTAMP_MS '2026-11-01 00:00:00' AS archived_at, title, error, error_type,
    octet_length(document) AS size, octet_length(document) AS input_size, hash AS input_sha256, hash AS sha256,
    user_id || '/jobs/' || recipe_id || '/' || strftime(completed_at, '%Y%m%d') || '/' || job_id || '/' || user_id || '-' || recipe_id
      || '-' || job_id || '-' || strftime(completed_at, '%Y%m%d%H%M%S') || '-' || status || '.json' AS key,
    document
  FROM named ORDER BY user_id, recipe_id, time, job_id`;

const [, , what, from, to] = process.argv;
if (what === 'write') {
  await db.run(`COPY (${table(from)}) TO ${quoted(to)} (FORMAT parquet, COMPRESSION zstd)`);
} else {
  console.log(JSON.stringify(await lookUp(from)));
}

// lookUp reads 200 jobs of a segment, one by one, and tells what one took.
async function lookUp(segment) {
  const file = `read_parquet(${quoted(segment)})`;
  const all = (await db.runAndReadAll(`SELECT job_id FROM ${file} USING SAMPLE reservoir(201 ROWS) REPEATABLE (1)`)).getRows();
  const find = async ([id]) => { // a constant, since filters are asked for nothing else
    const rows = (await db.runAndReadAll(`SELECT document, lower(hex(sha256)) FROM ${file} WHERE job_id = ${quoted(id)}`)).getRows();
    if (rows.length !== 1) throw new Error(`there are ${rows.length} jobs ${id}`);
    const [document, hash] = rows[0];
    if (createHash('sha256').update(document.bytes).digest('hex') !== hash) throw new Error(`the document of ${id} is another`);
  };
  await find(all.pop());
  const before = process.cpuUsage();
  const began = performance.now();
  const took = [];
  for (const row of all) {
    const start = performance.now();
    await find(row);
    took.push(performance.now() - start);
  }
  const { user, system } = process.cpuUsage(before);
  took.sort((a, b) => a - b);
  return {
    objects: took.length, seconds: (performance.now() - began) / 1e3, cpu_seconds: (user + system) / 1e6,
    median_ms: took[took.length >> 1],
  };
}
