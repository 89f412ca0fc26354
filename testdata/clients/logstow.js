// What the tests share: the records, and a running logstow that holds them.
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const binary = process.env.LOGSTOW_BIN ?? join(root, 'bin/logstow');

// Archive is a folder with a store and a ledger in it, and the servers that
// were started on them.
export class Archive {
  #servers = [];

  // make archives the files of testdata/records and the runs in more.
  static async make(...more) {
    const a = new Archive();
    a.dir = await mkdtemp(join(tmpdir(), 'logstow-clients-'));
    await writeFile(join(a.dir, 'config.yaml'), '');
    await writeFile(join(a.dir, 'more.ndjson'), more.map((r) => JSON.stringify(r) + '\n').join(''));
    a.env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LOGSTOW_')));
    Object.assign(a.env, {
      LOGSTOW_CONFIG: join(a.dir, 'config.yaml'),
      LOGSTOW_STORE: 'file://' + join(a.dir, 'store'),
      LOGSTOW_LEDGER: join(a.dir, 'ledger.db'),
    });
    const records = ['apify/apify-run.json', 'virtuousai/virtuousai-run.json'];
    await a.logstow('archive', ...records.map((r) => join(root, 'testdata/records', r)), join(a.dir, 'more.ndjson'));
    return a;
  }

  // logstow runs a command and returns what it prints.
  async logstow(...args) {
    const { stdout } = await run(binary, args, { env: this.env, maxBuffer: 1 << 26 });
    return stdout.trim();
  }

  // bytes runs a command and returns what it prints, as it is.
  async bytes(...args) {
    const { stdout } = await run(binary, args, { env: this.env, encoding: 'buffer' });
    return stdout;
  }

  // key makes an API key of a user.
  key(user, may = 'read') {
    return this.logstow('key', 'create', `test-${user}-${may}`, '--user', user, '--may', may);
  }

  // serve starts a server and returns its URL.
  async serve(...args) {
    const server = spawn(binary, ['serve', '--listen', '127.0.0.1:0', ...args], {
      env: this.env, stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    const ended = new Promise((resolve) => server.once('close', (code) => resolve(code)));
    this.#servers.push({ server, ended, said: () => said });
    return new Promise((resolve, reject) => {
      ended.then((code) => reject(new Error(`logstow serve ended with ${code}: ${said}`)));
      server.once('error', reject);
      server.stderr.setEncoding('utf8').on('data', (text) => {
        said += text;
        const url = said.match(/^(?:logstow: )?serving on (http:\S+)$/m);
        if (url) resolve(url[1]);
      });
    });
  }

  // close stops the servers, which must end cleanly, and removes everything.
  async close() {
    for (const { server, ended, said } of this.#servers) {
      server.kill('SIGTERM');
      const code = await ended;
      if (code !== 0) throw new Error(`logstow serve ended with ${code}: ${said()}`);
    }
    await rm(this.dir, { recursive: true });
  }
}
