/** State as pushed: everything first, then what changed, never because of a clock, never faster than asked, never work for nothing. */
import { expect } from 'chai';
import { PUSH_MS_MIN, StatusFeed, type Watcher } from '../../node/observe/status.js';
import type { GroupState, NodeState } from '../../protocol/client/types.js';
import type { Message, MessageOf } from '../../protocol/messages.js';

function group(change: Partial<GroupState> = {}): GroupState {
  return {
    role: 'follower',
    term: 1,
    leader: 'n2',
    commit: 5,
    applied: 5,
    first: 1,
    last: 5,
    checkpoint: 0,
    repairing: false,
    installing: false,
    installed: null,
    sending: [],
    match: {},
    since_ms: 10,
    voters: ['n1', 'n2', 'n3'],
    ...change,
  };
}

const FIRST: NodeState = {
  node: 'n1',
  cluster: 'demo',
  address: '127.0.0.1:7101',
  pid: 1,
  version: '0',
  started_ms: 100,
  leads: 0,
  members: [{ id: 'n1', address: '127.0.0.1:7101', connected: true }],
  groups: { c: group(), s0: group() },
  sessions: 1,
  clients: 1,
  space: 'ok',
  bytes: { log: 1000, base: 0 },
  repair: null,
};

class Screen implements Watcher {
  readonly received: MessageOf<'status'>[] = [];

  send(message: Message): void {
    if (message.kind === 'status') this.received.push(message);
  }

  get last(): MessageOf<'status'> | undefined {
    return this.received.at(-1);
  }
}

describe('the status feed', () => {
  let state: NodeState;
  let snapshots: number;
  let feed: StatusFeed;
  let screen: Screen;
  let now: number;

  beforeEach(() => {
    state = FIRST;
    snapshots = 0;
    now = 0;
    feed = new StatusFeed(() => {
      snapshots++;
      return state;
    });
    screen = new Screen();
    feed.subscribe(screen, PUSH_MS_MIN);
    feed.turn(now);
  });

  /** The state changes, and a turn ends `ms` later. */
  function change(to: Partial<NodeState>, ms = PUSH_MS_MIN): void {
    state = { ...state, ...to };
    feed.touch();
    now += ms;
    feed.turn(now);
  }

  it('sends everything first', () => {
    expect(screen.received).to.deep.equal([{ kind: 'status', sequence: 1, whole: true, state: FIRST }]);
  });

  it('sends what changed after that: keys, and groups as a whole', () => {
    const s0 = group({ commit: 6, since_ms: 300 });
    change({ sessions: 2, groups: { c: group({ since_ms: 300 }), s0 } });
    expect(screen.last).to.deep.equal({
      kind: 'status',
      sequence: 2,
      whole: false,
      state: { sessions: 2, groups: { s0 } },
    });
    change({ sessions: 3 });
    expect(screen.last).to.deep.equal({ kind: 'status', sequence: 3, whole: false, state: { sessions: 3 } });
  });

  it('sends nothing when nothing changed but clocks', () => {
    change({ started_ms: 5000, groups: { c: group({ since_ms: 5000 }), s0: group({ since_ms: 5000 }) } });
    expect(screen.received).to.have.length(1);
    expect(feed.deadline()).to.equal(Number.POSITIVE_INFINITY);
  });

  it('does not even look while nothing happened', () => {
    for (let later = 1000; later < 10_000; later += 1000) feed.turn(later);
    expect(snapshots).to.equal(1);
  });

  it('waits for the interval, and then sends what it is by then', () => {
    change({ sessions: 2 }, 10);
    change({ sessions: 3 }, 10);
    expect(screen.received).to.have.length(1);
    expect(feed.deadline()).to.equal(PUSH_MS_MIN);
    feed.turn(PUSH_MS_MIN);
    expect(screen.last?.state).to.deep.equal({ sessions: 3 });
    expect(feed.deadline()).to.equal(Number.POSITIVE_INFINITY);
  });

  it('sends nothing when it is again as it was by then', () => {
    change({ sessions: 2 }, 10);
    change({ sessions: 1 }, 200);
    expect(screen.received).to.have.length(1);
  });

  it('is never faster than its limit, however fast it is asked to be', () => {
    feed.subscribe(screen, 1);
    feed.turn(now);
    change({ sessions: 7 }, 1);
    expect(screen.last?.whole).to.equal(true);
    expect(feed.deadline()).to.equal(now - 1 + PUSH_MS_MIN);
  });

  it('serves each at its own pace, with what that one has not seen', () => {
    const slow = new Screen();
    feed.subscribe(slow, 1000);
    feed.turn(now);
    change({ sessions: 2 });
    change({ clients: 5 });
    expect(screen.received.map((one) => one.state)).to.deep.equal([FIRST, { sessions: 2 }, { clients: 5 }]);
    expect(slow.received).to.have.length(1);
    feed.turn(1000);
    expect(slow.last?.state).to.deep.equal({ sessions: 2, clients: 5 });
  });

  it('does no work for one who has seen everything while another one waits', () => {
    feed.subscribe(new Screen(), 1000);
    feed.turn(now);
    change({ sessions: 2 });
    // From here on only the slow one has something to wait for.
    expect(feed.deadline()).to.equal(1000);
    const before = snapshots;
    feed.turn(now + 500);
    expect(snapshots).to.equal(before);
  });

  it('begins anew, with everything, when it is asked for again', () => {
    change({ sessions: 2 });
    feed.subscribe(screen, PUSH_MS_MIN);
    feed.turn(now);
    expect(screen.last).to.deep.include({ sequence: 1, whole: true });
    expect(screen.last?.state).to.have.all.keys(Object.keys(FIRST));
  });

  it('ends with an interval of 0, and with its connection', () => {
    const other = new Screen();
    feed.subscribe(other, PUSH_MS_MIN);
    feed.turn(now);
    feed.subscribe(screen, 0);
    feed.unsubscribe(other);
    change({ sessions: 9 });
    expect([screen.received.length, other.received.length]).to.deep.equal([1, 1]);
    expect(feed.deadline()).to.equal(Number.POSITIVE_INFINITY);
  });
});
