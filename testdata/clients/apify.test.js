// Apify's own JavaScript client, against logstow's form of Apify's API.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ApifyClient, StreamedLog } from 'apify-client';
import { Archive } from './logstow.js';

const user = '7sT5jcggjjA9fNcxF';
const sample = {
  id: 'HG7ML7M8z78YcAPEB',
  log: '2017-07-14T06:00:49.733Z Application started.\n'
    + '2017-07-14T06:00:49.741Z Input: { test: 123 }\n'
    + '2017-07-14T06:00:49.752Z Some useful debug information follows.\n',
};
const coloured = {
  id: 'coloured',
  raw: '2026-01-02T03:04:06.123Z \x1b[33mWARN\x1b[39m žluťoučký\r\n  at \x1b]8;;https://a.example\x07here\x1b]8;;\x07\n2026-01-02T03:04:07Z end',
  log: '2026-01-02T03:04:06.123Z WARN žluťoučký\r\n  at here\n2026-01-02T03:04:07Z end',
  stream: '2026-01-02T03:04:06.123Z WARN žluťoučký\n2026-01-02T03:04:06.123Z   at here\n2026-01-02T03:04:07.000Z end\n',
};
const many = Array.from({ length: 30_000 }, (_, i) =>
  `${new Date(1_767_000_000_000 + 7 * i).toISOString()} line ${i} ${'ž'.repeat(i % 89)}`);

function apifyRun(id, log) {
  return {
    id, actId: 'act', userId: user, status: 'SUCCEEDED',
    startedAt: '2026-01-02T03:04:05Z', finishedAt: '2026-01-02T03:05:00Z', log,
  };
}

let archive, url, key;

before(async () => {
  archive = await Archive.make(
    apifyRun(coloured.id, coloured.raw), apifyRun('many', many.join('\n') + '\n'), apifyRun('empty', ''),
  );
  [key, url] = [await archive.key(user), await archive.serve()];
});

after(() => archive?.close());

const client = (token = key, baseUrl = url) => new ApifyClient({ baseUrl, token, maxRetries: 0 });

async function textOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

// failure is the error that a call ends with.
async function failure(call) {
  const [outcome] = await Promise.allSettled([call]);
  assert.equal(outcome.status, 'rejected', `it returned ${outcome.value}`);
  const { name, statusCode, type, message } = outcome.reason;
  return { name, statusCode, type, message };
}

test('log().get() is the log', async () => {
  assert.equal(await client().log(sample.id).get(), sample.log);
});

test('get() is without escapes, get({ raw: true }) as it was', async () => {
  assert.equal(await client().log(coloured.id).get(), coloured.log);
  assert.equal(await client().log(coloured.id).get({ raw: true }), coloured.raw);
});

test('run().log().get() and build().log().get() are the same', async () => {
  assert.equal(await client().run(sample.id).log().get(), sample.log);
  assert.equal(await client().build(sample.id).log().get(), sample.log);
});

test('log().stream() is the log, each line with its time', async () => {
  assert.equal(await textOf(await client().log(sample.id).stream()), sample.log);
  assert.equal(await textOf(await client().log(coloured.id).stream()), coloured.stream);
  assert.equal(await textOf(await client().log(coloured.id).stream({ raw: true })), coloured.raw);
});

test('a StreamedLog loses no line and parts none', async () => {
  const got = [];
  const redirect = new StreamedLog({ logClient: client().log('many'), toLog: { info: (line) => got.push(line) } });
  redirect.start();
  await redirect.streamingTask;
  assert.equal(got.length, many.length);
  assert.deepEqual(got, many.map((line) => line.trim()));
});

test('a job of another platform is read as text', async () => {
  const other = client(await archive.key('org_4f9a21'));
  const lines = (await other.log('run_abc123').get()).trimEnd().split('\n');
  assert.equal(lines.length, 4);
  assert.equal(lines[2], '2026-01-23T10:32:20.000Z WARN SIGTERM received, saving checkpoint');
});

test('an empty log is undefined to the client', async () => {
  assert.equal(await client().log('empty').get(), undefined);
});

test('a missing log is undefined', async () => {
  assert.equal(await client().log('nothing').get(), undefined);
  assert.equal(await client().run('nothing').log().get(), undefined);
});

test("another user's log is undefined", async () => {
  const stranger = client(await archive.key('somebody'));
  assert.equal(await stranger.log(sample.id).get(), undefined);
  assert.equal(await stranger.build(sample.id).log().get(), undefined);
});

test('a wrong token throws 401', async () => {
  const want = { name: 'ApifyApiError', statusCode: 401, type: 'token-not-valid', message: 'Authentication token is not valid.' };
  assert.deepEqual(await failure(client('nonsense').log(sample.id).get()), want);
  assert.deepEqual(await failure(client('').log(sample.id).get()), want);
});

test('a token that may not read throws 403', async () => {
  const blind = client(await archive.key(user, 'export'));
  const { statusCode, type } = await failure(blind.log(sample.id).get());
  assert.deepEqual({ statusCode, type }, { statusCode: 403, type: 'permission-denied' });
});

test('too many requests throw 429', async () => {
  const limited = client(key, await archive.serve('--rate', '1'));
  const outcomes = [];
  for (let i = 0; i < 50 && outcomes.at(-1) !== 429; i++) {
    const [{ reason }] = await Promise.allSettled([limited.log(sample.id).get()]);
    outcomes.push(reason ? reason.statusCode : 200);
    if (reason) assert.equal(reason.type, 'rate-limit-exceeded');
  }
  assert.equal(outcomes[0], 200);
  assert.equal(outcomes.at(-1), 429);
});
