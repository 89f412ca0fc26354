// DuckDB, which reads a store without logstow, through the views that logstow
// prints for it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { after, before, test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { Archive } from './logstow.js';

const users = ['5', '007', 'a b%c', 'segments', 'žluťoučký/kůň'];
const months = ['2024-12', '2025-01', '2025-02'];

// job is a record whose bytes nobody would write twice.
function job(user, month, n) {
  return {
    id: `j-${n}`, account_id: user, recipe_id: n % 3 ? '456' : 'r 2', status: n % 2 ? 'failed' : 'succeeded',
    started_at: `${month}-0${1 + n % 9}T10:00:00Z`, completed_at: `${month}-0${1 + n % 9}T10:00:0${n % 10}.${100 + n}Z`,
    title: `job ${n} žluťoučký`, lines: Array.from({ length: n % 7 }, (_, i) => ({ n: i, text: 'x'.repeat((i * 37) % 90) })),
  };
}

const odd = '{"id":"j-bytes","account_id":"5","recipe_id":"456","status":"failed","completed_at":"2025-02-03T10:00:00Z","lines":[{"text":"\xff\xfe"}]}\n';

let archive, listed, db;

before(async () => {
  let n = 0;
  const jobs = users.flatMap((user) => months.flatMap((month) => Array.from({ length: 8 }, () => job(user, month, ++n))));
  archive = await Archive.make(...jobs);
  archive.env.LOGSTOW_COMPACT_GRACE = '0s';
  await archiveMore(Buffer.from(odd, 'latin1'));
  await pack();
  // Late documents of a month that is packed make a segment of their own.
  await archiveMore(Buffer.from(users.map((user) => JSON.stringify(job(user, '2025-02', ++n)) + '\n').join('')));
  await pack();
  await archiveMore(Buffer.from(users.map((user) => JSON.stringify(job(user, '2025-03', ++n)) + '\n').join('')));
  listed = new Map((await archive.logstow('ls', '--json', '--limit', '0')).split('\n').map((line) => {
    const row = JSON.parse(line);
    return [row.key, row];
  }));
  db = await (await DuckDBInstance.create(':memory:')).connect();
  await db.run(await archive.logstow('ddl', 'duckdb'));
});

after(async () => {
  db?.closeSync();
  await archive?.close();
});

async function archiveMore(records) {
  const file = join(archive.dir, 'late.ndjson');
  await writeFile(file, records);
  await archive.logstow('archive', file);
}

// pack packs everything and removes the files that were packed.
async function pack() {
  for (let i = 0; i < 2; i++) await archive.logstow('compact', '--after', '0s');
}

async function rows(sql) {
  return (await db.runAndReadAll(sql)).getRowObjectsJson();
}

// filesBelow returns the keys of a store's files that end so.
async function filesBelow(end) {
  const store = join(archive.dir, 'store');
  const entries = await readdir(store, { recursive: true, withFileTypes: true });
  return entries.filter((e) => e.isFile() && e.name.endsWith(end)).map((e) => relative(store, join(e.parentPath ?? e.path, e.name)));
}

test('every segment is read, with the rows that its own metadata says', async () => {
  const segments = await filesBelow('.parquet');
  assert.ok(segments.length >= users.length * 2, `there are ${segments.length} segments`);
  let total = 0;
  for (const key of segments) {
    const file = join(archive.dir, 'store', key).replaceAll("'", "''");
    const [[n], [meta]] = [await rows(`SELECT count(*) AS n FROM read_parquet('${file}')`),
      await rows(`SELECT num_rows AS n FROM parquet_file_metadata('${file}')`)];
    assert.equal(n.n, meta.n, key);
    total += Number(n.n);
  }
  const [all] = await rows('SELECT count(*) AS n FROM logstow_segments');
  assert.equal(Number(all.n), total);
});

test('segments and files together have what ls lists, each document once', async () => {
  const packed = await rows('SELECT key FROM logstow_segments');
  const loose = await rows('SELECT key FROM logstow_documents');
  assert.ok(packed.length > 100 && loose.length >= users.length, `${packed.length} packed, ${loose.length} not`);
  assert.deepEqual([...packed, ...loose].map((r) => r.key).sort(), [...listed.keys()].sort());
});

test('each row of a segment says what ls says, and its document has its SHA-256', async () => {
  const found = await rows(`SELECT key, user_id, recipe_id, job_id, kind, status, year, epoch_ms(time) AS time, title, line_count,
    size, octet_length(document) AS bytes, sha256(document) AS hash, lower(hex(sha256)) AS sha256, lower(hex(input_sha256)) AS input_sha256
    FROM logstow_segments`);
  for (const row of found) {
    const want = listed.get(row.key);
    const time = new Date(want.time);
    assert.deepEqual(row, {
      key: want.key, user_id: want.user_id, recipe_id: want.recipe_id, job_id: want.job_id, kind: want.kind, status: want.status,
      year: time.getUTCFullYear(), time: String(time.getTime()), title: want.title || null,
      line_count: want.lines === undefined || want.lines < 0 ? null : String(want.lines),
      size: String(want.size), bytes: String(want.size), hash: want.sha256, sha256: want.sha256, input_sha256: want.input_hash,
    });
  }
});

test('each file is found with the ids in its key, and its document has its SHA-256', async () => {
  const found = await rows(`SELECT key, user_id, event, recipe_id, job_id, status, strftime(day, '%Y-%m-%d') AS day, size,
    sha256(document) AS hash FROM logstow_documents`);
  for (const row of found) {
    const want = listed.get(row.key);
    assert.deepEqual(row, {
      key: want.key, user_id: want.user_id, event: want.kind !== 'job', recipe_id: want.recipe_id, job_id: want.job_id,
      status: want.status || null, day: want.time.slice(0, 10), size: String(want.size), hash: want.sha256,
    });
  }
});

test('a document is what cat prints, byte for byte', async () => {
  const keys = [...listed.keys()].filter((key, i) => i % 17 === 0 || key.includes('j-bytes'));
  for (const key of keys) {
    const { user_id: user, job_id: id, sha256 } = listed.get(key);
    const printed = await archive.bytes('cat', id, '--user', user);
    assert.equal(createHash('sha256').update(printed).digest('hex'), sha256, key);
    const [row] = await rows(`SELECT sha256(document) AS hash FROM logstow_segments WHERE key = '${key}'
      UNION ALL SELECT sha256(document) FROM logstow_documents WHERE key = '${key}'`);
    assert.equal(row.hash, sha256, key);
  }
});

test('a query that names a user and a year reads no other files', async () => {
  const plan = JSON.stringify(await rows(`EXPLAIN ANALYZE SELECT count(document) FROM logstow_segments WHERE user_id = '007' AND year = 2024`));
  const files = (await filesBelow('.parquet')).filter((key) => key.includes('/user_id=007/year=2024/'));
  const read = plan.match(/Total Files Read: (\d+)/);
  assert.equal(Number(read?.[1]), files.length, plan);
});

test('counts by user and year are those of ls', async () => {
  const want = {};
  const loose = new Set(await filesBelow('.json'));
  for (const d of listed.values()) {
    if (loose.has(d.key)) continue;
    const name = `${d.user_id} ${d.time.slice(0, 4)}`;
    want[name] = (want[name] ?? 0) + 1;
  }
  const got = await rows('SELECT user_id, year, count(*) AS n FROM logstow_segments GROUP BY ALL');
  assert.deepEqual(Object.fromEntries(got.map((r) => [`${r.user_id} ${r.year}`, Number(r.n)])), want);
});
