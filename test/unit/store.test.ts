/** The state of the screen: what news make of it, what the feed says, what is called stale, and that nothing grows for ever. */
import { expect } from 'chai';
import type { Observation } from '../../protocol/client/types.js';
import { reduceScreen, type ScreenAction } from '../../tui/session/reducer.js';
import { conditionOf, groupSummary, isLive, SILENT_MS, safetyOf, staleFor } from '../../tui/session/selectors.js';
import { emptyScreen, type NodeView, SCREEN_LIMITS, type ScreenState } from '../../tui/session/state.js';
import { DATA_MS_MIN, Store } from '../../tui/session/store.js';
import { FakeClock } from '../terminal/fake-clock.js';
import { addressOf, down, group, healthy, leading, local, reply, status, up } from '../terminal/screen-world.js';

/** A screen that is told things. */
class Watched {
  readonly clock = new FakeClock();
  readonly store = new Store(emptyScreen('demo', false, this.clock.now()), reduceScreen, this.clock);

  tell(...news: Observation[]): this {
    for (const each of news) this.store.dispatch({ kind: 'observation', news: each }, 'soon');
    return this;
  }

  processes(...states: Parameters<typeof local>[]): this {
    this.store.dispatch({ kind: 'processes', nodes: states.map((each) => local(...each)) });
    return this;
  }

  pass(ms: number): this {
    this.clock.advance(ms);
    this.store.dispatch({ kind: 'tick' });
    return this;
  }

  get state(): ScreenState {
    return this.store.get();
  }

  node(id: string): NodeView {
    const node = this.state.nodes[id];
    if (!node) throw new Error(`no node ${id}`);
    return node;
  }

  condition(id: string): string {
    return conditionOf(this.state, this.node(id));
  }

  stale(id: string): number | null {
    return staleFor(this.state, this.node(id));
  }

  /** The feed from its event number `from` on. */
  feed(from = 0): string[] {
    return this.state.feed.slice(from).map((event) => `${event.node} ${event.text}`.trim());
  }
}

const watched = () => new Watched().tell(...healthy());

describe('the store', () => {
  const counting = (clock: FakeClock) => {
    const store = new Store(0, (sum: number, change: number) => sum + change, clock);
    const seen: number[] = [];
    store.subscribe(() => seen.push(store.get()));
    return { store, seen };
  };

  it('tells of keys and replies at once', () => {
    const { store, seen } = counting(new FakeClock());
    store.dispatch(1);
    store.dispatch(1, 'now');
    expect(seen).to.deep.equal([1, 2]);
  });

  it('tells of data at most every 100 ms, all of it together', () => {
    const clock = new FakeClock();
    const { store, seen } = counting(clock);
    for (let nth = 0; nth < 50; nth++) {
      store.dispatch(1, 'soon');
      clock.advance(DATA_MS_MIN / 10);
    }
    clock.advance(DATA_MS_MIN);
    expect(seen.at(-1)).to.equal(50);
    expect(seen.length).to.be.at.most(7);
  });

  it('keeps what is told soon for whoever is told now', () => {
    const clock = new FakeClock();
    const { store, seen } = counting(clock);
    store.dispatch(1);
    store.dispatch(1, 'soon');
    store.dispatch(1, 'now');
    clock.advance(1000);
    expect(seen).to.deep.equal([1, 3]);
  });

  it('tells nothing when nothing changed, and leaves no timer when it is closed', () => {
    const clock = new FakeClock();
    const { store, seen } = counting(clock);
    store.dispatch(0);
    store.dispatch(5, 'soon');
    store.close();
    clock.advance(1000);
    expect([seen, clock.waiting]).to.deep.equal([[], 0]);
  });
});

describe('the state of the cluster', () => {
  it('knows who leads, since when, and in which term', () => {
    const summary = groupSummary(watched().state, 's0');
    expect(summary).to.include({ leader: 'n1', term: 7, voters: 3, alive: 3, majority: 2 });
    expect(watched().clock.now() - (summary.since ?? 0)).to.equal(252_000);
  });

  it('takes deltas as changes of what was told before', () => {
    const screen = watched().tell({
      kind: 'status',
      node: 'n2',
      whole: false,
      state: { clients: 9, groups: { s0: group({ commit: 1050 }) } },
    });
    const { told, groups } = screen.node('n2');
    expect([told.clients, told.sessions]).to.deep.equal([9, 2]);
    expect([groups['s0']?.commit, groups['c']?.commit]).to.deep.equal([1050, 17]);
  });

  it('shows members that others name before they are heard', () => {
    const screen = new Watched().tell(up('n1'), status('n1', { s0: leading('n1') }));
    expect(screen.condition('n3')).to.equal('connecting');
    expect(screen.node('n3').address).to.equal(addressOf('n3'));
  });

  it('calls values of a node that is down stale, since it went down', () => {
    const screen = watched().tell(down('n3', 'ECONNRESET')).pass(3200);
    expect(screen.condition('n3')).to.equal('down');
    expect(screen.stale('n3')).to.equal(3200);
    expect(screen.stale('n1')).to.equal(null);
  });

  it('keeps the beginning of an absence through further tries', () => {
    const screen = watched().tell(down('n3', 'ECONNRESET')).pass(2000).tell(down('n3', 'ECONNREFUSED')).pass(1000);
    expect(screen.stale('n3')).to.equal(3000);
    expect(screen.node('n3').reason).to.equal('ECONNREFUSED');
    expect(screen.tell(up('n3')).stale('n3')).to.equal(null);
  });

  it('calls a paused process stale although its connection stands', () => {
    const screen = watched().processes(['n1'], ['n2'], ['n3', 'paused']).pass(1500);
    expect([screen.condition('n3'), screen.stale('n3')]).to.deep.equal(['paused', 1500]);
  });

  it('calls a node silent when others go on without it, but not when nothing happens', () => {
    const screen = watched().pass(SILENT_MS * 5);
    expect(screen.condition('n3')).to.equal('follower');
    screen.tell(status('n1', { s0: leading('n1', { commit: 1100 }) })).pass(SILENT_MS - 100);
    expect(screen.condition('n3')).to.equal('follower');
    screen.pass(100);
    expect([screen.condition('n3'), isLive(screen.state, screen.node('n3'))]).to.deep.equal(['silent', false]);
  });

  it('does not call a node silent that speaks, however far it is behind', () => {
    const screen = watched().tell(status('n1', { s0: leading('n1', { commit: 9000 }) }));
    for (let commit = 1043; commit < 1053; commit++) {
      screen
        .pass(SILENT_MS / 2)
        .tell({ kind: 'status', node: 'n3', whole: false, state: { groups: { s0: group({ commit }) } } });
    }
    expect(screen.condition('n3')).to.equal('follower');
  });

  it('shows the state of a process before anything else', () => {
    const conditions = (['starting', 'stopping', 'stopped', 'killed', 'failed'] as const).map((state) =>
      new Watched().processes(['n1', state]).condition('n1'),
    );
    expect(conditions).to.deep.equal(['starting', 'stopping', 'stopped', 'killed', 'failed']);
  });

  it('counts a voter that only the others hear', () => {
    const screen = watched().tell(down('n3', 'ETIMEDOUT'));
    expect(safetyOf(screen.state)).to.include({ level: 'safe', alive: 3 });
    const members = ['n1', 'n2', 'n3'].map((id) => ({ id, address: addressOf(id), connected: id !== 'n3' }));
    for (const id of ['n1', 'n2']) screen.tell({ kind: 'status', node: id, whole: false, state: { members } });
    expect(safetyOf(screen.state)).to.include({ level: 'edge', alive: 2 });
  });

  it('counts no voter that follows nobody while another has led for some time', () => {
    const strayed = (since_ms: number) =>
      watched()
        .tell(status('n1', { s0: leading('n1', { since_ms }) }))
        .tell(status('n3', { s0: group({ leader: '' }) }));
    expect(safetyOf(strayed(100).state), 'it may not have heard yet').to.include({ level: 'safe', alive: 3 });
    expect(safetyOf(strayed(60_000).state)).to.include({ level: 'edge', alive: 2 });
  });

  it('believes no leader that it knows to be gone', () => {
    const screen = watched().processes(['n1', 'killed'], ['n2'], ['n3']);
    expect(groupSummary(screen.state, 's0').leader).to.equal('');
  });
});

describe('the feed', () => {
  it('tells of the first contact in order', () => {
    expect(watched().feed()).to.deep.equal([
      'n1 up',
      'n2 up',
      'n3 up',
      'n1 leads c in term 3, s0 in term 7',
      'quorum 3/3: any one node may fail',
    ]);
  });

  it('tells of a failover: who went, who leads, what is left', () => {
    const screen = watched().processes(['n1'], ['n2'], ['n3']);
    const before = screen.state.feed.length;
    screen.processes(['n1', 'killed'], ['n2'], ['n3']).tell(down('n1', 'ECONNRESET'));
    screen.tell(
      status('n2', { c: leading('n2', { term: 4, since_ms: 0 }), s0: leading('n2', { term: 8, since_ms: 0 }) }),
      status('n3', { c: group({ term: 4, leader: 'n2' }), s0: group({ term: 8, leader: 'n2' }) }),
    );
    expect(screen.feed(before)).to.deep.equal([
      'n1 killed',
      'c has no leader (term 3)',
      's0 has no leader (term 7)',
      'quorum 2/3: one more failure stops locks and sessions (c), queues (s0)',
      'n2 leads c in term 4, s0 in term 8',
    ]);
  });

  it('tells of a lost quorum and of its return', () => {
    const screen = watched().processes(['n1'], ['n2', 'paused'], ['n3', 'paused']);
    const before = screen.state.feed.length;
    expect(screen.feed().at(-1)).to.equal('quorum 1/3: locks and sessions (c), queues (s0) stopped');
    screen.processes(['n1'], ['n2'], ['n3', 'paused']);
    expect(screen.feed(before)).to.deep.equal([
      'n2 resumed',
      'quorum 2/3: writes go on; one more failure stops locks and sessions (c), queues (s0)',
    ]);
  });

  it('tells of a node that is damaged, what it waits for, and that it votes again', () => {
    const screen = watched().processes(['n1'], ['n2'], ['n3']);
    const before = screen.state.feed.length;
    const damaged = [{ part: 'log', aside: 'log.damaged-1' }] as const;
    const broken = (leader: string) => ({
      c: group({ term: 3, leader, repairing: true }),
      s0: group({ leader, repairing: true }),
    });
    screen.tell(status('n3', broken(''), { repair: { unheard: ['n2'], damaged } }));
    expect(screen.condition('n3')).to.equal('repairing');
    expect(safetyOf(screen.state)).to.deep.include({ level: 'edge', alive: 2, repairing: ['n3'] });
    screen.tell(status('n3', broken('n1'), { repair: { unheard: [], damaged } }));
    screen.tell(status('n3', { c: group({ term: 3 }), s0: group() }));
    expect(screen.feed(before)).to.deep.equal([
      'n3 is damaged and has no vote until it has refilled: log put aside as log.damaged-1',
      'n3 waits to hear n2',
      'quorum 2/3, n3 repairs: losing n1 or n2 stops c, s0',
      'n3 has heard all others and refills',
      'n3 is whole again and votes',
      'quorum 3/3: any one node may fail',
    ]);
  });

  it('tells who is sent a snapshot, and what it got, once', () => {
    const screen = watched();
    const before = screen.state.feed.length;
    const quiet = { c: leading('n1', { term: 3 }), s0: leading('n1') };
    screen.tell(status('n1', { ...quiet, s0: leading('n1', { sending: ['n3'] }) }));
    screen.tell(status('n3', { s0: group({ installing: true }) }));
    expect(screen.condition('n3')).to.equal('installing');
    const installed = { index: 8881, bytes: 1_234_567, ms: 412 };
    for (let times = 0; times < 2; times++) screen.tell(status('n3', { s0: group({ installed }) }));
    screen.tell(status('n1', quiet));
    expect(screen.feed(before)).to.deep.equal([
      'n1 sends n3 a snapshot of s0',
      'n3 has got a snapshot of s0 as of entry 8,881 (1.2 MB in 0.4s)',
    ]);
  });

  it('tells nothing of snapshots that were over before it came', () => {
    const screen = new Watched()
      .tell(up('n3'))
      .tell(status('n3', { s0: group({ installed: { index: 7, bytes: 1, ms: 1 } }) }));
    expect(screen.feed()).not.to.match(/snapshot/);
  });

  it('tells why a node is down and that it came back', () => {
    const screen = watched();
    const before = screen.state.feed.length;
    screen.tell(down('n3', 'ECONNRESET'), down('n3', 'ECONNREFUSED'), up('n3'));
    expect(screen.feed(before)).to.deep.equal(['n3 down: ECONNRESET', 'n3 up']);
  });

  it('tells of candidates and of terms that move on', () => {
    const screen = watched();
    const before = screen.state.feed.length;
    screen.tell({
      kind: 'status',
      node: 'n2',
      whole: false,
      state: { groups: { s0: group({ role: 'candidate', term: 8, leader: '' }) } },
    });
    expect(screen.feed(before)).to.deep.equal(['n2 stands for s0 in term 8', 's0 has no leader (term 8)']);
  });

  it('tells of disks that fill up', () => {
    const screen = watched();
    const before = screen.state.feed.length;
    for (const space of ['low', 'full', 'ok'] as const)
      screen.tell({ kind: 'status', node: 'n2', whole: false, state: { space } });
    expect(screen.feed(before)).to.deep.equal([
      'n2 disk nearly full',
      'n2 disk full: commands that need room are refused',
      'n2 has room on its disk again',
    ]);
  });

  it('names a few groups and counts the others', () => {
    const many = Object.fromEntries(Array.from({ length: 12 }, (_, nth) => [`s${nth}`, leading('n1')]));
    const screen = new Watched().tell(up('n1'), status('n1', many));
    expect(screen.feed()).to.include('n1 leads s0 and s1 and s2 and 9 more groups in term 7');
  });
});

describe('the limits of the screen', () => {
  const output = (screen: Watched, change: Extract<ScreenAction, { kind: 'output' }>['change']) =>
    screen.store.dispatch({ kind: 'output', change });

  it('keeps a bounded number of events, entries and nodes, the newest', () => {
    const screen = watched();
    for (let nth = 0; nth < SCREEN_LIMITS.feed_events_max; nth++) screen.tell(down('n3', `no ${nth}`), up('n3'));
    for (let nth = 0; nth < SCREEN_LIMITS.output_entries_max + 9; nth++)
      output(screen, { do: 'note', text: `${nth}`, tone: 'plain' });
    for (let nth = 0; nth < 200; nth++) screen.tell(up(`x${nth}`));
    const { feed, output: entries, nodes } = screen.state;
    expect(feed).to.have.lengthOf(SCREEN_LIMITS.feed_events_max);
    expect(entries).to.have.lengthOf(SCREEN_LIMITS.output_entries_max);
    expect(entries.at(-1)).to.include({ text: `${SCREEN_LIMITS.output_entries_max + 8}` });
    expect(Object.keys(nodes)).to.have.lengthOf(SCREEN_LIMITS.nodes_max);
  });

  it('keeps results up to a limit of memory, the newest whatever its size', () => {
    const screen = watched();
    const body = 'x'.repeat(SCREEN_LIMITS.output_bytes_max / 8);
    for (let nth = 0; nth < 20; nth++) {
      const id = screen.state.nextId;
      output(screen, { do: 'queued', id, line: `dequeue ${nth}` });
      output(screen, {
        do: 'replied',
        id,
        reply: reply('dequeue', nth < 19 ? body : [body, body, body, body, body, body]),
      });
      const lines = screen.state.output.map((entry) => ('line' in entry ? entry.line : ''));
      expect(lines.length).to.be.at.most(4);
      expect(lines.at(-1)).to.equal(`dequeue ${nth}`);
    }
    expect(screen.state.output).to.have.lengthOf(1);
  });

  it('keeps a bounded number of samples of the commit rate', () => {
    const screen = watched();
    for (let nth = 1; nth < 50; nth++)
      screen.tell(status('n1', { s0: leading('n1', { commit: 1042 + nth * 20 }) })).pass(1000);
    expect(screen.state.rates).to.have.lengthOf(SCREEN_LIMITS.rate_samples_max);
    expect(screen.state.rates.at(-1)).to.equal(20);
  });

  it('gives every event and entry a number of its own', () => {
    const screen = watched();
    output(screen, { do: 'queued', id: screen.state.nextId, line: 'log' });
    screen.tell(down('n3', 'gone'));
    output(screen, { do: 'note', text: 'x', tone: 'plain' });
    const ids = [...screen.state.feed, ...screen.state.output].map((each) => each.id);
    expect(new Set(ids)).to.have.lengthOf(ids.length);
  });
});

describe('the output', () => {
  it('follows a command from its line to its reply', () => {
    const screen = watched();
    const id = screen.state.nextId;
    const forms: string[] = [];
    const change = (change: Extract<ScreenAction, { kind: 'output' }>['change']) => {
      screen.store.dispatch({ kind: 'output', change });
      forms.push(screen.state.output.map((entry) => entry.form).join());
    };
    change({ do: 'queued', id, line: 'dequeue' });
    change({ do: 'started', id });
    change({ do: 'given-up', id });
    change({ do: 'replied', id, reply: reply('dequeue', 41) });
    expect(forms).to.deep.equal(['queued', 'running', 'running', 'done']);
    expect(screen.state.latency_ms).to.equal(2.1);
  });
});
