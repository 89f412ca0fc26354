// An EventSource as browsers have it, against the stream of VirtuousAI's logs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EventSource } from 'eventsource';
import { Archive } from './logstow.js';

let archive, url, key;

before(async () => {
  archive = await Archive.make();
  [key, url] = [await archive.key('org_4f9a21'), await archive.serve()];
});

after(() => archive?.close());

// follow opens the stream and leaves it alone until it gives up by itself. It
// returns the ids of what came, and the status that ended it.
function follow(query = '') {
  return new Promise((resolve) => {
    const ids = [];
    const requests = [];
    const source = new EventSource(`${url}/api/v1/action-runs/run_abc123/logs/stream${query}`, {
      fetch: (input, init) => {
        requests.push(init.headers['Last-Event-ID'] ?? '');
        return fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${key}` } });
      },
    });
    source.addEventListener('message', (e) => ids.push([e.lastEventId, JSON.parse(e.data).id]));
    source.addEventListener('end', (e) => ids.push([e.lastEventId, JSON.parse(e.data).status]));
    source.addEventListener('error', (e) => {
      if (source.readyState === EventSource.CLOSED) resolve({ ids, requests, code: e.code });
    });
  });
}

// Who is never told to stop would come again for ever.
const patience = { timeout: 60_000 };

test('it has each entry once, and stops by itself', patience, async () => {
  assert.deepEqual(await follow(), {
    ids: [['0', 'log_xyz786'], ['1', 'log_xyz789'], ['2', 'log_xyz812'], ['3', 'log_xyz990'], ['end', 'completed']],
    requests: ['', 'end'],
    code: 204,
  });
});

test('level is a threshold', patience, async () => {
  const { ids } = await follow('?level=warning');
  assert.deepEqual(ids, [['2', 'log_xyz812'], ['end', 'completed']]);
});
