/** Bases: the real and the simulated form keep the same promises, and each loses only what it may lose. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Base } from '../../node/storage/base.js';
import { FORMAT_KEY, headKey, rowKey, seal } from '../../node/storage/base-rows.js';
import { openLmdb } from '../../node/storage/lmdb.js';
import { lmdbBases } from '../../node/storage/lmdb-base.js';
import type { Done, File, Files } from '../../node/world.js';
import { realFiles } from '../../node/world-real.js';
import { SimBases } from '../simulation/bases.js';
import { Faults } from '../simulation/faults.js';
import { baseCompliance, pack } from './base-compliance.js';
import { call, codeOf } from './files-compliance.js';
import { seeded, VirtualTime } from './virtual-time.js';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that is not there yet, in one that goes when the tests are over. */
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'concord-base-'));
  folders.push(folder);
  return join(folder, 'some', 'base');
}

const real = lmdbBases(realFiles);

/** Memory of this process that is no file's, bytes. */
function anonymousBytes(): number {
  return Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
}

/** Changes what stands in a base that is closed, past everything that looks after it. */
async function tamper(
  folder: string,
  change: (get: (key: Buffer) => Buffer, put: (key: Buffer, sealed: Buffer) => void) => void,
) {
  const db = openLmdb(folder, { readOnly: false });
  change(
    (key) => db.get(key) ?? Buffer.alloc(0),
    (key, sealed) => {
      db.putSync(key, sealed);
    },
  );
  await db.close();
}

/** A file's methods, to put another in the place of one of them. */
function methodsOf(file: File): File {
  return {
    size: (done) => file.size(done),
    read: (offset, length, done) => file.read(offset, length, done),
    write: (offset, data, done) => file.write(offset, data, done),
    sync: (done) => file.sync(done),
    close: (done) => file.close(done),
  };
}

baseCompliance('real', () => {
  const folder = newFolder();
  return {
    bases: real,
    folder,
    call,
    rot: () =>
      tamper(folder, (get, put) => {
        const key = rowKey(1, Buffer.from('rotten'));
        const sealed = get(key);
        sealed[6] = (sealed[6] ?? 0) ^ 1;
        put(key, sealed);
      }),
    sabotage: (write) => write.add(1, pack([['z', 'cut short']]).subarray(0, -1)),
  };
});

baseCompliance('simulated', () => {
  const time = new VirtualTime();
  const faults = new Faults();
  const bases = new SimBases({ scheduler: time, random: seeded(1), faults });
  return {
    bases: bases.mount(),
    folder: '/base',
    call: (make) => {
      const over = call(make);
      time.pass(10_000);
      return over;
    },
    rot: async () => {
      bases.rot('/base', seeded(1));
    },
    sabotage: () => faults.fail({ operation: 'sync', path: '/base', code: 'EIO' }),
  };
});

describe('a base on a real disk', () => {
  let folder: string;
  const open = () => call<Base | null>((done) => real.open(folder, done));
  const close = (base: Base | null) => new Promise<void>((resolve) => (base ? base.close(resolve) : resolve()));

  beforeEach(async () => {
    folder = newFolder();
    const base = await open();
    const write = base?.begin();
    write?.add(1, pack([['a', '1']]));
    await call<void>((done) => write?.commit({ group: 'g', bytes: Buffer.from('head') }, done));
    await close(base);
  });

  it('says which format it is in, and refuses one that it does not know', async () => {
    await tamper(folder, (_, put) => put(FORMAT_KEY, seal(FORMAT_KEY, Buffer.from([0, 0, 0, 9]))));
    const error = await open().then(close, (failed) => failed);
    expect(error).to.include({ code: 'FORMAT', path: `${folder}/data.mdb` });
    expect(error.message).to.match(/format 9, known is 1\. Run the version of Concord/);
  });

  it('refuses a head that is not what was written', async () => {
    await tamper(folder, (get, put) => {
      const sealed = get(headKey('g'));
      put(headKey('g'), Buffer.concat([sealed, Buffer.from('!')]));
    });
    expect(await codeOf(open())).to.equal('ROT');
  });

  it('refuses a row that stands in the place of another', async () => {
    await tamper(folder, (get, put) => put(rowKey(2, Buffer.from('a')), get(rowKey(1, Buffer.from('a')))));
    const base = await open();
    expect(() => base?.get(2, Buffer.from('a'))).to.throw(/not what was written/);
    await close(base);
  });

  it('refuses a file that is none of its own', async () => {
    const path = join(folder, 'data.mdb');
    const sound = readFileSync(path);
    const changed = (change: (bytes: Buffer) => unknown) => {
      const bytes = Buffer.from(sound);
      change(bytes);
      return bytes;
    };
    const cases: [code: string, bytes: Buffer][] = [
      ['ROT', Buffer.alloc(64 << 10, 'no database ')],
      ['ROT', Buffer.alloc(64 << 10)],
      ['ROT', sound.subarray(0, 100)],
      ['ROT', Buffer.from(sound.subarray(0, 5_000)).fill(0, 4_096)],
      ['ROT', changed((bytes) => bytes.writeUInt32LE(0x12345, 48))],
      ['ROT', changed((bytes) => bytes.writeUInt32LE(1, 4_096 + 24))],
      ['FORMAT', changed((bytes) => bytes.writeUInt32LE(3, 28))],
    ];
    for (const [code, bytes] of cases) {
      writeFileSync(path, bytes);
      const error = await open().then(close, (failed) => failed);
      expect(error).to.include({ code, path });
    }
    writeFileSync(path, sound);
    await close(await open());
  });

  it('says what keeps it from being opened: no room, for example', async () => {
    const full: Files = {
      ...realFiles,
      open: (path, options, done) =>
        realFiles.open(path, options, (error, file) => {
          const write: File['write'] = (_offset, _data, written) =>
            setImmediate(() => written(Object.assign(new Error('no space left'), { code: 'ENOSPC' })));
          done(error, error ? file : { ...methodsOf(file), write });
        }),
    };
    folder = newFolder();
    expect(await codeOf(call<Base | null>((done) => lmdbBases(full).open(folder, done)))).to.equal('ENOSPC');
    await close(await open());
  });

  it('can be opened again after an opening that was refused', async () => {
    await tamper(folder, (_, put) => put(FORMAT_KEY, Buffer.from('nonsense')));
    expect(await codeOf(open())).to.equal('ROT');
    await tamper(folder, (_, put) => put(FORMAT_KEY, seal(FORMAT_KEY, Buffer.from([0, 0, 0, 1]))));
    const base = await open();
    expect(base?.get(1, Buffer.from('a'))?.toString()).to.equal('1');
    await close(base);
  });

  it('gives large values in memory of their own, whatever is written over them', async () => {
    const base = (await open()) as Base;
    const commit = (value: Buffer | null) => {
      const write = base.begin();
      write.add(1, pack([['large', value]]));
      return call<void>((done) => write.commit(null, done));
    };
    await commit(Buffer.alloc(70_000, 1));
    const got = base.get(1, Buffer.from('large'));
    const reader = base.read(1, Buffer.from('a'));
    const [read] = reader.next(1);
    reader.close();
    for (let i = 2; i < 6; i++) {
      await commit(null);
      await commit(Buffer.alloc(70_000, i));
    }
    const last = base.get(1, Buffer.from('large'));
    await close(base);
    expect([got, read?.value, last].map((value) => [value?.length, value?.[0], value?.[69_999]])).to.deep.equal([
      [70_000, 1, 1],
      [70_000, 1, 1],
      [70_000, 5, 5],
    ]);
  });

  it('gives the memory of rows back when they are written', async function () {
    this.timeout(30_000);
    const base = (await open()) as Base;
    const commit = () => {
      const write = base.begin();
      for (let i = 0; i < 128; i++) write.add(1, pack([[`${i}`, Buffer.alloc(128 << 10, i)]]));
      return call<void>((done) => write.commit(null, done));
    };
    await commit();
    await commit();
    const before = anonymousBytes();
    for (let i = 0; i < 8; i++) await commit();
    const more = anonymousBytes() - before;
    await close(base);
    expect(more, 'of 16 MB each').to.be.at.most(24 << 20);
  });

  it('says which folder cannot be used', async () => {
    writeFileSync(join(folder, '..', 'file'), '');
    const failed = call<Base | null>((done) => real.open(join(folder, '..', 'file', 'base'), done));
    expect(await codeOf(failed)).to.equal('ENOTDIR');
  });

  // LMDB waits for its write lock for good when the thread that holds it is ended.
  for (const [way, ended] of [
    ['exit', 3],
    ['throw', 1],
    ['kill', 'SIGKILL'],
  ])
    it(`lets a process end in the middle of a transaction, and keeps nothing of it (${way})`, async function () {
      this.timeout(30_000);
      const script = fileURLToPath(new URL('./base-exiting.js', import.meta.url));
      const child = spawn(process.execPath, [script, folder, `${way}`], { stdio: ['ignore', 'pipe', 'ignore'] });
      let said = '';
      child.stdout.on('data', (text) => {
        said += text;
      });
      const how = await new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
      expect([said, how]).to.deep.equal(['writing\n', ended]);
      const base = await open();
      expect([...(base?.heads() ?? [])].map(([group, bytes]) => `${group}=${bytes}`)).to.deep.equal(['g=head']);
      expect(base?.spaces()).to.deep.equal([1]);
      await close(base);
    });
});

describe('a simulated base', () => {
  let time: VirtualTime;
  let faults: Faults;
  let bases: SimBases;
  let base: Base;

  function now<T>(make: (done: Done<T>) => void): T | string | undefined {
    let outcome: T | string | undefined = 'no answer';
    make((error, value) => {
      outcome = error ? error.code : value;
    });
    time.pass(1_000);
    return outcome;
  }
  function open(): Base {
    const opened = now<Base | null>((done) => bases.mount().open('/base', done));
    if (typeof opened !== 'object' || opened === null) throw new Error(`open: ${opened}`);
    return opened;
  }
  function begin(value: string, bytes = 0) {
    const write = base.begin();
    write.add(1, pack([['a', value + ' '.repeat(bytes)]]));
    return (done: Done) => write.commit({ group: 'g', bytes: Buffer.from(value) }, done);
  }
  const put = (value: string) => now<void>(begin(value));
  const shown = () => [base.get(1, Buffer.from('a')), base.heads().get('g')].map((bytes) => bytes?.toString().trim());
  /** Lets a commit go on until it is written and not flushed. */
  const write = (value: string) => {
    faults.slow({ operation: 'sync', path: '/base', ms: 500 });
    begin(value)(() => {});
    time.pass(100);
    faults.hasten();
  };

  beforeEach(() => {
    time = new VirtualTime();
    faults = new Faults();
    bases = new SimBases({ scheduler: time, random: seeded(1), faults });
    base = open();
  });

  it('keeps what was flushed, whatever becomes of the process and of the power', () => {
    put('1');
    bases.kill();
    bases.crash({ random: seeded(1), fate: 'lost' });
    base = open();
    expect(shown()).to.deep.equal(['1', '1']);
  });

  it('loses a transaction that was not written when the process dies', () => {
    put('1');
    begin('2')(() => {});
    bases.kill();
    base = open();
    expect(shown()).to.deep.equal(['1', '1']);
  });

  it('may lose a transaction that was written and not flushed when the power goes, or keep it', () => {
    for (const [fate, left] of [
      ['lost', '1'],
      ['kept', '2'],
    ] as const) {
      put('1');
      write('2');
      expect(shown()).to.deep.equal(['1', '1']);
      bases.crash({ random: seeded(1), fate });
      base = open();
      expect(shown()).to.deep.equal([left, left]);
    }
    const met = new Set<string | undefined>();
    for (let seed = 0; seed < 20; seed++) {
      put('1');
      write('2');
      bases.crash({ random: seeded(seed) });
      base = open();
      met.add(shown()[0]);
    }
    expect([...met].sort()).to.deep.equal(['1', '2']);
  });

  it('shows what a dead process has written only once no power cut can undo it', () => {
    put('1');
    write('2');
    bases.kill();
    base = open();
    expect(shown()).to.deep.equal(['2', '2']);
    bases.crash({ random: seeded(1), fate: 'lost' });
    base = open();
    expect(shown()).to.deep.equal(['2', '2']);
  });

  it('answers nothing that belongs to a dead process', () => {
    let answered = false;
    begin('1')(() => {
      answered = true;
    });
    bases.kill();
    time.pass(1_000);
    expect(answered).to.equal(false);
    expect(put('ghost')).to.equal('no answer');
    base = open();
    expect(shown()).to.deep.equal([undefined, undefined]);
  });

  it('takes no more after an error, and has what it had', () => {
    put('1');
    faults.fail({ operation: 'sync', path: '/base', code: 'EIO' });
    expect([put('2'), put('3')]).to.deep.equal(['EIO', 'EIO']);
    expect(shown()).to.deep.equal(['1', '1']);
  });

  it('waits while the disk is full, and goes on by itself', () => {
    put('1');
    faults.leave(100);
    const outcome: unknown[] = [];
    begin('2', 1_000)((error) => outcome.push(error));
    time.pass(5_000);
    expect([base.full, outcome, shown()]).to.deep.equal([true, [], ['1', '1']]);
    faults.leave(10_000);
    time.pass(1_000);
    expect([base.full, outcome, shown()]).to.deep.equal([false, [null], ['2', '2']]);
    expect(faults.free_bytes).to.be.lessThan(10_000);
  });

  it('gives up what waits for a full disk when it is closed', () => {
    faults.leave(100);
    let outcome: string | undefined = 'none';
    begin(
      '2',
      1_000,
    )((error) => {
      outcome = error?.code;
    });
    time.pass(1_000);
    let closed = false;
    base.close(() => {
      closed = true;
    });
    expect([outcome, closed]).to.deep.equal(['none', false]);
    time.pass(1_000);
    expect([outcome, closed]).to.deep.equal(['ENOSPC', true]);
  });

  it('takes buffers away from whoever hands them over', () => {
    const packed = pack([['a', '1']]);
    base.begin().add(1, packed);
    expect(packed.length).to.equal(0);
  });

  it('leaves some rows of a drop that the power cut off', () => {
    const write = base.begin();
    write.add(1, pack(Array.from({ length: 100 }, (_, i) => [`${i}`, 'x'] as const)));
    now<void>((done) => write.commit(null, done));
    base.drop(1, () => {});
    time.pass(150);
    bases.crash({ random: seeded(1) });
    base = open();
    expect(base.spaces()).to.deep.equal([1]);
    expect(base.read(1, null).next(10_000).length).to.be.within(1, 99);
    now<void>((done) => base.drop(1, done));
    bases.kill();
    expect(open().spaces()).to.deep.equal([]);
  });

  it('does the same again for the same random numbers', () => {
    const run = () => {
      bases = new SimBases({ scheduler: time, random: seeded(7), faults });
      const times: number[] = [];
      base = open();
      const start = time.now();
      for (let i = 0; i < 20; i++) begin(`${i}`)(() => times.push(time.now() - start));
      time.pass(5_000);
      return times;
    };
    expect(run()).to.deep.equal(run());
  });
});
