/** What the screen shows at each size: golden pictures, and what holds for every picture. */
import '../../tui/env.js';
import { expect } from 'chai';
import fc from 'fast-check';
import { cursorPlace } from '../../tui/view/console-rows.js';
import { lookOf } from '../../tui/view/look.js';
import { expectGolden, Picture, type PictureOptions } from './picture.js';
import { down, failure, group, healthy, leading, local, reply, status, up } from './screen-world.js';

const SIZES = [
  { columns: 120, rows: 40 },
  { columns: 80, rows: 24 },
  { columns: 60, rows: 20 },
  { columns: 50, rows: 12 },
] as const;

const ESC = '\u001b';

const NODES = [
  { id: 'n1', address: '127.0.0.1:7101', state: 'up', role: 'leader', term: 7, commit: 1042, lag: 0 },
  { id: 'n2', address: '127.0.0.1:7102', state: 'up', role: 'follower', term: 7, commit: 1042, lag: 0 },
];

/** Some seconds of an ordinary session. */
function session(picture: Picture): Picture {
  picture.tell(...healthy(1000)).pass(1000);
  for (const commit of [1010, 1042, 1050, 1100]) picture.tell(...healthy(commit)).pass(1000);
  return picture
    .ran('enqueue(41)', reply('enqueue(41)', { queue: 'default', id: 12 }))
    .ran('dequeue', reply('dequeue', 41, { index: 1044, ms: 0.84 }))
    .ran('dequeue', reply('dequeue', null, { index: 1045, found: false }))
    .ran('nodes', reply('nodes', NODES, { group: null, term: null, index: null }))
    .ran('enqueue', failure('enqueue', 'USAGE', 'enqueue takes one value'))
    .session({ id: 12, state: 'open' });
}

/** The leader was killed a moment ago; n2 took over, and n3 is behind. */
function failover(picture: Picture): Picture {
  session(picture).processes(local('n1'), local('n2'), local('n3')).pass(1000);
  picture.processes(local('n1', 'killed'), local('n2'), local('n3')).tell(down('n1', 'connection closed')).pass(700);
  const s0 = { term: 8, commit: 1180, applied: 1180, since_ms: 300 };
  const match = { n1: 1100, n2: 1180, n3: 1171 };
  picture.tell(
    status('n2', { c: leading('n2', { term: 4, commit: 18, since_ms: 310 }), s0: leading('n2', { ...s0, match }) }),
    status('n3', {
      c: group({ term: 4, leader: 'n2', commit: 18 }),
      s0: group({ ...s0, leader: 'n2', commit: 1171, applied: 1171 }),
    }),
  );
  return picture
    .ran('enqueue(42)', failure('enqueue(42)', 'TIMEOUT'))
    .ran('dequeue --wait 10s')
    .pass(1300)
    .edit({ do: 'type', text: 'enq' });
}

/** The log of n3 was damaged: it has come back. */
function damaged(picture: Picture, unheard: readonly string[], leader: string): Picture {
  const broken = { leader, repairing: true, commit: 0, applied: 0, last: 0 };
  const repair = { unheard, damaged: [{ part: 'log', aside: 'log.damaged-1' }] } as const;
  const groups = { c: group({ ...broken, term: 3 }), s0: group(broken) };
  return picture.tell(status('n3', groups, { repair, bytes: { log: 4096, base: 16_384 } })).pass(500);
}

describe('the screen', () => {
  let open: Picture[] = [];
  const picture = (options: PictureOptions): Picture => {
    const made = new Picture(options);
    open.push(made);
    return made;
  };
  afterEach(() => {
    for (const each of open) each.close();
    open = [];
  });

  for (const size of SIZES) {
    const name = `${size.columns}x${size.rows}`;
    it(`shows an ordinary session at ${name}`, async () => {
      expectGolden(`session-${name}`, await session(picture(size)).text());
    });
    it(`shows a failover at ${name}`, async () => {
      expectGolden(`failover-${name}`, await failover(picture(size)).text());
    });
  }

  it('shows that it knows nothing yet', async () => {
    expectGolden('begin-120x40', await picture({ columns: 120, rows: 40 }).text());
  });

  it('shows nodes that start', async () => {
    const nodes = [
      local('n1', 'starting'),
      local('n2', 'starting'),
      { ...local('n3', 'failed'), reason: 'port 7103 is taken' },
    ];
    expectGolden(
      'starting-120x40',
      await picture({ columns: 120, rows: 40 })
        .processes(...nodes)
        .pass(1200)
        .text(),
    );
  });

  it('shows a lost quorum as such, with nothing stale in the guise of news', async () => {
    const shown = session(picture({ columns: 80, rows: 24 }));
    shown.processes(local('n1'), local('n2', 'paused'), local('n3', 'killed')).pass(3000);
    const text = await shown.text();
    expectGolden('lost-80x24', text);
    expect(text)
      .to.match(/n2 +‖ PAUSED .* stale 3\.0s/)
      .and.match(/n3 +✖ KILLED .* stale 3\.0s/);
    expect(text).to.include('quorum 1/3: locks and sessions (c), queues (s0) stopped');
  });

  for (const size of SIZES.slice(0, 2)) {
    const name = `${size.columns}x${size.rows}`;
    it(`shows the colours of a failover at ${name}, what is stale in the background`, async () => {
      const shown = await failover(picture(size)).coloured();
      expectGolden(`colours-${name}`, shown.replaceAll(ESC, '^['));
      expect(shown).to.match(new RegExp(`${ESC}\\[2m[^${ESC}]*1,100`));
    });
  }

  it('shows no colour at all when none is wanted, and every state as a word all the same', async () => {
    const shown = await failover(picture({ columns: 120, rows: 40, colour: false })).coloured();
    expect(shown).not.to.match(/\[(?:[\d;]*;)?(?:3\d|4\d|9\d)m/);
    expect(shown).to.include('KILLED').and.include('LEADER').and.include('follower');
  });

  it('shows ASCII only when that is asked for', async () => {
    const shown = failover(picture({ columns: 80, rows: 24, ascii: true })).ran('enqueue(ü)', reply('x', '宽é'));
    const text = await shown.text();
    expect(text).to.match(/^[\x20-\x7e\n]*$/);
    expectGolden('ascii-80x24', text);
  });

  for (const size of SIZES.slice(0, 2)) {
    const name = `${size.columns}x${size.rows}`;
    it(`shows a damaged node, what it waits for and what that puts at risk, at ${name}`, async () => {
      const shown = damaged(session(picture(size)), ['n2'], '');
      const text = await shown.text();
      expectGolden(`damaged-${name}`, text);
      expect(text)
        .to.match(/n3 +✚ REPAIRING/)
        .and.include('waits to hear n2');
      if (size.columns > 100) expect(text).to.include('n2 ✓  n3 -1,100');
      expect(text).to.include('quorum 2/3, n3 repairs: losing n1 or n2 stops c, s0');
      const refills = await damaged(shown, [], 'n1').text();
      expect(refills).to.include('quorum 2/3, n3 repairs: losing n1 stops c, s0');
      expect(refills).to.include('refills from n1').and.include('n3 is damaged and refills');
    });

    it(`shows who is sent a snapshot at ${name}`, async () => {
      const shown = session(picture(size));
      shown.tell(
        status('n1', {
          c: leading('n1', { term: 3, commit: 17 }),
          s0: leading('n1', { commit: 9000, sending: ['n3'] }),
        }),
        status('n3', { c: group({ term: 3, commit: 17 }), s0: group({ installing: true, commit: 1100 }) }),
      );
      const text = await shown.text();
      expectGolden(`snapshot-${name}`, text);
      expect(text)
        .to.match(/n3 +⇣ installing/)
        .and.include('sends n3 a snapshot of s0');
    });
  }

  it('shows a damaged node in ASCII and without colour by its word and mark', async () => {
    const plain = await damaged(
      session(picture({ columns: 120, rows: 40, ascii: true, colour: false })),
      ['n2'],
      '',
    ).text();
    expect(plain).to.include('n3 % REPAIRING').and.include('! damaged: no vote until refilled');
  });

  for (const size of SIZES.slice(0, 2)) {
    const name = `${size.columns}x${size.rows}`;
    it(`shows the locks that the terminal holds, who waits for whom, and a loss, at ${name}`, async () => {
      const held = { lock: 'build', mode: 'x', token: 118, session: 12 };
      const edges = [
        { waiter: { session: 17, owner: 1, mode: 's' }, holder: { session: 12, owner: 1, mode: 'x' }, lock: 'build' },
        { waiter: { session: 19, owner: 2, mode: 'x' }, holder: { session: 17, owner: 1, mode: 'x' }, lock: 'docs' },
      ];
      const where = { group: 'c', term: 3, index: 118 };
      const shown = session(picture(size))
        .ran('acquire build', reply('acquire build', held, where))
        .ran('waits', reply('waits', { edges }, where))
        .session({ id: 12, state: 'open' }, ['build', 'deploy'])
        .output({ do: 'note', text: 'the lock docs is lost: it was revoked (token 90)', tone: 'warn' });
      const text = await shown.text();
      expectGolden(`locks-${name}`, text);
      const isNarrow = size.columns < 100;
      expect(text.split('\n')[0]).to.contain(isNarrow ? 'holds 2 locks' : 'session 12 · holds build, deploy');
      shown.session({ id: 12, state: 'open' }, ['build']);
      expect((await shown.text()).split('\n')[0]).to.contain('holds build');
      shown.session({ id: 12, state: 'open' }, ['a', 'b', 'c', 'd']);
      expect((await shown.text()).split('\n')[0]).to.contain(isNarrow ? 'holds 4 locks' : 'holds a, b, c +1');
      shown.session({ id: 12, state: 'open' }, ['a lock with a name that is much too long for the head']);
      expect((await shown.text()).split('\n')[0]).to.contain('holds 1 lock');
    });
  }

  it('shows the help from the tables of keys and words', async () => {
    const shown = session(picture({ columns: 120, rows: 40 }));
    shown.store.dispatch({ kind: 'help', open: true });
    const text = await shown.text();
    expectGolden('help-120x40', text);
    expect(text)
      .to.include('^R')
      .and.include('search the lines typed before')
      .and.include('put a value into the queue');
    expect(shown.cursor).to.equal(null);
  });

  it('shows completions above the prompt, and the signature behind the line', async () => {
    const candidates = ['n1', 'n2', 'n3'].map((text) => ({ text, help: 'node' }));
    const shown = session(picture({ columns: 80, rows: 24 })).edit(
      { do: 'type', text: 'kill ' },
      { do: 'complete', completion: { from: 5, candidates } },
      { do: 'complete.next' },
    );
    const text = await shown.text();
    expectGolden('completion-80x24', text);
    expect(text)
      .to.include('▸ n1')
      .and.match(/› kill n1 +kill node/);
    expect(shown.cursor).to.deep.equal({ row: 22, column: 11 });
  });

  it('shows a question in place of the prompt', async () => {
    const question = { text: 'kill n1: no goodbye', answer: 'n1', line: 'kill n1 --yes', typed: 'n', lines: [] };
    const shown = session(picture({ columns: 80, rows: 24 })).ask({ ...question, purpose: 'run' });
    expectGolden('question-80x24', await shown.text());
  });

  it('shows the search in place of the prompt', async () => {
    const shown = session(picture({ columns: 60, rows: 20 })).edit(
      { do: 'load', history: ['enqueue(7)'] },
      { do: 'search.start' },
      { do: 'type', text: 'que' },
    );
    expect(await shown.text()).to.include('search "que" enqueue(7)');
  });

  it('keeps the cursor of a long line in sight', async () => {
    const shown = session(picture({ columns: 60, rows: 20 })).edit({
      do: 'type',
      text: `enqueue("${'wide 宽 '.repeat(30)}")`,
    });
    await shown.text();
    expect(shown.cursor?.row).to.equal(18);
    expect(shown.cursor?.column).to.be.within(50, 58);
  });

  it('shows values, tables and pages as people read them', async () => {
    const shown = picture({ columns: 100, rows: 40 })
      .ran('read k', reply('read k', { a: [1, 'two', null], b: { c: true }, d: Buffer.from('00ff', 'hex') }))
      .ran('read long', reply('read long', 'word '.repeat(60).trim()))
      .ran(
        'status',
        reply('status', { cluster: 'demo', nodes: [{ id: 'n1', since: 65_000, on: ['a', 'b'] }], warnings: [] }),
      )
      .ran(
        'help log',
        reply('help log', { word: 'log', usage: 'log', text: 'log [n]\n\n  the newest entries' }, { node: null }),
      )
      .ran('size', reply('size', 0))
      .ran('release x', reply('release x', null));
    expectGolden('values-100x40', await shown.text());
  });

  it('shows the group and the node that were chosen', async () => {
    const shown = session(picture({ columns: 120, rows: 40 }));
    shown.store.dispatch({ kind: 'view', use: 'n2', focus: 'c' });
    const text = await shown.text();
    expect(text)
      .to.match(/★ n1 leads c .* term 3 .* commit 17 .* via n2/)
      .and.match(/^│ n2› +│$/m);
    expect(text).to.match(/commit +17 /);
  });

  it('says how far it is scrolled', async () => {
    const shown = session(picture({ columns: 80, rows: 24 }));
    shown.store.dispatch({ kind: 'scroll', to: 4 });
    expect(await shown.text()).to.include('4 newer below, PgDn');
  });

  it('says that it is too small, and what else there is', async () => {
    const text = await session(picture({ columns: 39, rows: 8 })).text();
    expect(text).to.include('too small').and.include('concord --plain');
  });

  it('says that nothing may be changed', async () => {
    expect(await session(picture({ columns: 120, rows: 40, readonly: true })).text()).to.include('READ ONLY');
  });

  for (const size of SIZES)
    it(`never hides that a fault is on, at ${size.columns}x${size.rows}`, async () => {
      const none = { peer: null, way: null, ms: null, percent: null };
      const faults = ['n1', 'n3'].map((peer) => ({ ...none, fault: 'partition', peer, way: 'both' }) as const);
      const replicas = { c: group({ term: 3 }), s0: group() };
      const shown = session(picture(size)).tell(status('n2', replicas, { faults }));
      const text = await shown.text();
      expect(text).to.include('FAULTS 1');
      if (size.rows > 12) {
        expect(text).to.include('faults on: n2 cut off from n1 n3');
        expect(text).to.match(/n2 .*fault: cut off from|fault: cut off from n1 n3/);
      }
      expect(await shown.tell(down('n2', 'connection closed')).text()).to.include('FAULTS 1');
      // What was told by a process that is gone is no fault that is on.
      const after = await shown.processes(local('n1'), local('n2', 'killed'), local('n3')).text();
      expect(after).not.to.include('FAULTS').and.not.to.include('faults on');
    });

  it('tells in the feed when faults come and go', async () => {
    const fill = { fault: 'fill', peer: null, way: null, ms: null, percent: null } as const;
    const replicas = { c: group({ term: 3 }), s0: group() };
    const shown = session(picture({ columns: 120, rows: 40 })).tell(status('n2', replicas, { faults: [fill] }));
    shown.tell(status('n2', replicas, { faults: [] }));
    expect(await shown.text())
      .to.match(/n2 .*fault: disk filled up/)
      .and.match(/n2 .*healed: no fault is on/);
  });

  it('says why no node answers', async () => {
    const text = await picture({ columns: 80, rows: 24 })
      .tell(down('n1', 'ECONNREFUSED'), down('n2', 'ECONNREFUSED'))
      .text();
    expect(text).to.include('no node answers: ECONNREFUSED');
  });

  it('shows many nodes as lines, and says how many more there are', async () => {
    const ids = Array.from({ length: 12 }, (_, nth) => `n${nth + 1}`);
    const shown = picture({ columns: 120, rows: 40 });
    for (const id of ids) shown.tell(up(id), status(id, { s0: group({ voters: ids, leader: '' }) }));
    expect(await shown.text())
      .to.include('n10')
      .and.include('and 2 more');
  });

  it('lets nothing from outside act on the terminal or break a row', async () => {
    const evil = '\u001b[2J\u001b]0;x\u0007\u202eab\u0000c\r\n宽👩‍👩‍👧\u0301\ud800 '.repeat(9);
    for (const size of SIZES) {
      const shown = picture({ ...size, title: evil });
      shown.tell(...healthy(), down('n3', evil), up(evil));
      shown.processes({ ...local('n2', 'failed'), reason: evil });
      shown.ran(
        evil,
        reply(evil, { [evil]: evil, list: [{ [evil]: evil }, { b: Buffer.from(evil) }] }, { node: evil, group: evil }),
      );
      shown.ran(evil, failure(evil, 'INTERNAL', evil)).output({ do: 'note', text: evil, tone: 'warn' });
      shown.edit(
        { do: 'type', text: evil },
        {
          do: 'complete',
          completion: {
            from: 0,
            candidates: [
              { text: evil, help: evil },
              { text: 'b', help: '' },
            ],
          },
        },
      );
      await shown.text();
    }
  });

  it('fills exactly the rows it has and never more, at any size', async () => {
    const size = fc.record({ columns: fc.integer({ min: 1, max: 220 }), rows: fc.integer({ min: 1, max: 70 }) });
    await fc.assert(
      fc.asyncProperty(size, async ({ columns, rows }) => {
        const shown = new Picture({ columns, rows });
        failover(shown);
        const text = await shown.text();
        if (columns >= 40 && rows >= 8) expect(text.split('\n')).to.have.lengthOf(rows);
        const place = cursorPlace(shown.store.get(), '', lookOf({ ascii: false, colour: true }));
        if (place) {
          expect(place.row).to.be.within(0, rows - 1);
          expect(place.column).to.be.within(0, columns - 1);
        }
        shown.close();
      }),
      { numRuns: 60 },
    );
  });

  it('changes only the rows that have something new', async () => {
    const shown = session(picture({ columns: 120, rows: 40 }));
    const before = (await shown.coloured()).split('\n');
    shown.tell(...healthy(1101));
    const after = (await shown.coloured()).split('\n');
    const changed = after.filter((line, row) => line !== before[row]);
    expect(changed.length).to.be.within(1, 6);
  });
});
