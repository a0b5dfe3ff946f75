/** The leader: what it sends, what it counts, and how it finds where a follower's log agrees. Sections are those of the Raft paper. */
import { expect } from 'chai';
import { encodeConfiguration } from '../../node/raft/configuration.js';
import { decodeRun, lastOf } from '../../node/raft/run.js';
import { type Append, CONFIGURATION, InvariantError } from '../../node/raft/types.js';
import { Cluster } from './raft-cluster.js';
import { ack, Core, endOf, grant, leader, reject, run, settledLeader, word } from './raft-harness.js';

function runsOf(core: Core): string[] {
  const runs: string[] = [];
  for (let run = core.raft.log.runAt(1); run !== undefined; run = core.raft.log.runAt(lastOf(run) + 1))
    runs.push(`${run.first}-${lastOf(run)}`);
  return runs;
}

const spanOf = (message: Append) => `${message.previousIndex + 1}-${endOf(message)}`;

describe('a new leader', () => {
  it('begins its term with an entry of its own', () => {
    const core = leader({ log: [1, 1] });
    expect(core.terms).to.deep.equal([1, 1, 2]);
    expect(decodeRun(core.raft.log.runAt(3)?.bytes as Buffer).count).to.equal(1);
  });

  it('sends it at once, before its own disk has it', () => {
    const core = new Core().link('n2', 'n3').timeOut().hear('n2', grant(1, true)).sync().hear('n2', grant(1));
    expect(core.take('append').map(spanOf)).to.deep.equal(['1-1', '1-1']);
    expect(core.raft.log.durable).to.equal(0);
  });

  it('commits nothing of earlier terms by counting, only by an entry of its own (figure 8)', () => {
    const core = leader({ log: [1, 1] });
    core.hear('n2', ack(2, 2)).hear('n3', ack(2, 2));
    expect(core.raft.commit).to.equal(0);
    core.hear('n2', ack(2, 3));
    expect(core.raft.commit).to.equal(3);
  });
});

describe('a leader', () => {
  it('commits what a majority holds durably', () => {
    const core = settledLeader();
    core.propose('a');
    core.sync();
    expect(core.raft.commit).to.equal(1);
    core.hear('n3', ack(1, 2));
    expect(core.raft.commit).to.equal(2);
  });

  it('counts its own disk only after its own sync', () => {
    const core = settledLeader();
    core.propose('a');
    core.hear('n3', ack(1, 2)).startSave();
    expect(core.raft.commit).to.equal(1);
    expect(core.finishSave().raft.commit).to.equal(2);
  });

  it('commits on its followers alone while its own disk is slow', () => {
    const core = settledLeader();
    core.propose('a');
    core.startSave().hear('n2', ack(1, 2)).hear('n3', ack(1, 2));
    expect(core.raft.commit).to.equal(2);
    expect(core.raft.log.durable).to.equal(1);
  });

  it('does not count an acknowledgement of an earlier term', () => {
    const core = leader({ log: [1, 1], hardState: { term: 4, vote: '' } });
    core.hear('n2', ack(4, 3)).hear('n2', ack(1, 3));
    expect(core.raft.commit).to.equal(0);
  });

  it('does not count an acknowledgement of a stranger', () => {
    const core = settledLeader({ members: ['n1', 'n2', 'n3'] });
    core.propose('a');
    core.hear('n9', ack(1, 2)).sync();
    expect(core.raft.commit).to.equal(1);
  });

  it('does not go on when more is acknowledged than it has', () => {
    expect(() => leader().hear('n2', ack(1, 7))).to.throw(InvariantError);
  });

  it('steps down when it hears of a later term', () => {
    const core = settledLeader().hear('n2', reject(5, 1, 0, 0));
    expect(core.raft.view()).to.include({ role: 'follower', term: 5, leader: '' });
    expect(core.propose('a')).to.equal('not leader');
  });

  it('refuses proposals above its limit of uncommitted bytes, and takes them again when they are committed', () => {
    const core = settledLeader({ settings: { uncommitted_bytes_max: 100 } });
    const long = 'x'.repeat(101);
    expect(core.propose(long)).to.equal(2);
    expect(core.propose('b')).to.equal('too much uncommitted');
    core.sync().hear('n2', ack(1, 2));
    expect(core.propose('b')).to.equal(3);
  });

  it('takes the same bytes off the limit that it put on, however acknowledgements cut its runs', () => {
    const core = settledLeader({ settings: { uncommitted_bytes_max: 500 } });
    for (let i = 0; i < 200; i++) {
      const first = core.propose('a', 'b', 'c') as number;
      core.sync();
      for (const match of [first, first + 1, first + 2]) core.hear('n2', ack(1, match));
    }
    expect(core.propose('x'.repeat(501))).to.equal(602);
    expect(core.propose('b')).to.equal('too much uncommitted');
  });

  it('splits what is proposed at once into runs of bounded size', () => {
    const core = settledLeader({ settings: { run_bytes_max: 10 } });
    core.propose('12345', '67890', 'abc', 'a long word of its own', 'd');
    expect(runsOf(core)).to.deep.equal(['1-1', '2-3', '4-4', '5-5', '6-6']);
  });

  it('puts a configuration alone in its run', () => {
    const core = settledLeader();
    const { configuration } = core.raft.view();
    const change = { kind: CONFIGURATION, payload: encodeConfiguration(configuration) };
    core.raft.propose([word('a'), word('b'), change, word('c'), word('d')], core.now);
    expect(runsOf(core)).to.deep.equal(['1-1', '2-3', '4-4', '5-6']);
  });
});

describe('what is sent to a follower', () => {
  it('goes out without waiting once the logs agree, up to the window', () => {
    const core = settledLeader({ settings: { appends_in_flight_max: 3 } });
    for (let i = 0; i < 5; i++) core.propose(`${i}`);
    expect(core.take('append', 'n2').map(spanOf)).to.deep.equal(['2-2', '3-3', '4-4']);
    core.hear('n2', ack(1, 3));
    expect(core.take('append', 'n2').map(spanOf), 'what has come together goes as one').to.deep.equal(['5-6']);
  });

  it('is bounded in bytes, for one append and for all under way', () => {
    const size = run(1, 2, ['0123456789']).size;
    const core = settledLeader({
      settings: { append_bytes_max: 2 * size, append_bytes_in_flight_max: 3 * size, run_bytes_max: 1 },
    });
    core.propose(...Array.from({ length: 9 }, () => '0123456789'));
    expect(core.take('append', 'n2').map(spanOf)).to.deep.equal(['2-3', '4-5']);
    core.hear('n2', ack(1, 3));
    expect(core.take('append', 'n2').map(spanOf)).to.deep.equal(['6-7']);
  });

  it('is bounded in runs: small ones come by the thousand', () => {
    const core = settledLeader({ settings: { append_runs_max: 4 } });
    core.unlink('n2');
    for (let i = 0; i < 10; i++) core.propose(`${i}`);
    core.link('n2').hear('n2', ack(1, 5));
    expect(core.take('append', 'n2').map(spanOf)).to.deep.equal(['2-5', '6-9', '10-11']);
  });

  it('carries the commit index', () => {
    const core = settledLeader();
    core.propose('a');
    expect(core.take('append', 'n2')[0]?.commit).to.equal(1);
  });

  it('starts in the middle of a run when the follower has the first part', () => {
    const core = leader({ runs: [run(1, 1, ['a', 'b', 'c'])] });
    core.hear('n2', reject(2, 3, 2, 1)).load();
    expect(core.take('append', 'n2').map(spanOf)).to.deep.equal(['3-4']);
  });
});

describe('a follower whose log differs', () => {
  const LOG = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  const agreeing = (terms: readonly number[]) => {
    let at = 0;
    while (terms[at] !== undefined && terms[at] === LOG[at]) at++;
    return at;
  };

  // Figure 7 of the paper, the logs (a) to (f), and an empty one.
  const logs: [string, number[]][] = [
    ['a', [1, 1, 1, 4, 4, 5, 5, 6, 6]],
    ['b', [1, 1, 1, 4]],
    ['c', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
    ['d', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
    ['e', [1, 1, 1, 4, 4, 4, 4]],
    ['f', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
    ['none', []],
  ];
  for (const [name, terms] of logs)
    it(`is brought to the leader's in a few steps (figure 7, ${name})`, () => {
      const lead = leader({ log: LOG, hardState: { term: 7, vote: '' } });
      const behind = new Core({ id: 'n2', log: terms, hardState: { term: 7, vote: '' } });
      lead.unlink('n2').link('n2').apply();
      let appends = 0;
      for (
        let messages = lead.take('append', 'n2');
        messages.length > 0 && appends < 20;
        messages = lead.load().take('append', 'n2')
      )
        for (const message of messages) {
          appends++;
          for (const answer of behind.hear('n1', message).sync().take('append_reply')) lead.hear('n2', answer);
        }
      expect(behind.terms).to.deep.equal([...LOG, 8]);
      expect(lead.raft.matches()['n2']).to.equal(11);
      expect(appends, 'one step a term that differs, not one an entry').to.be.at.most(5);
      expect(agreeing(behind.terms)).to.equal(10);
    });

  it('is never sent again what it has acknowledged, whatever it rejects', () => {
    const core = settledLeader();
    core.propose('a');
    core.hear('n2', ack(1, 2));
    core.sent = [];
    core.hear('n2', reject(1, 2, 0, 0)).hear('n2', reject(1, 1, 0, 0));
    expect(core.take('append', 'n2')).to.deep.equal([]);
  });

  it('rejects several appends under way, and is asked once', () => {
    const core = settledLeader();
    for (const text of ['a', 'b', 'c']) core.propose(text);
    core.sent = [];
    for (const previous of [2, 3, 4]) core.hear('n2', reject(1, previous, 1, 1));
    expect(core.take('append', 'n2').map(spanOf)).to.deep.equal(['2-4']);
  });
});

describe('what is lost on the way', () => {
  it('is sent again when the follower answers heartbeats but owes an acknowledgement', () => {
    const core = settledLeader({ settings: { resend_ms: 500 } });
    core.propose('a');
    core.sent = [];
    core.beat('n2');
    core.pass(400).answerRound('n2');
    expect(core.take('append', 'n2')).to.deep.equal([]);
    core.pass(200).answerRound('n2');
    expect(core.take('append', 'n2').map(spanOf)).to.deep.equal(['2-2']);
  });

  it('is not taken for lost because a heartbeat from before it is answered late', () => {
    const core = settledLeader({ settings: { resend_ms: 500 } });
    core.beat('n2');
    const sentAt = core.now;
    core.propose('a');
    core.sent = [];
    core.pass(600).answerRound('n2', { sentAt });
    expect(core.take('append', 'n2')).to.deep.equal([]);
  });

  it('is sent again although the window is full', () => {
    const core = settledLeader({ settings: { appends_in_flight_max: 2, resend_ms: 500 } });
    for (let i = 0; i < 9; i++) core.propose(`${i}`);
    core.sent = [];
    core.beat('n2');
    core.pass(600).answerRound('n2');
    expect(core.take('append', 'n2').map(spanOf)).to.deep.equal(['2-10']);
  });

  it('is looked for again, empty-handed, by an empty append', () => {
    const core = leader({ log: [1, 1], hardState: { term: 1, vote: '' } }).hear('n2', ack(2, 2));
    core.unlink('n2').link('n2');
    expect(core.take('append', 'n2').map(spanOf)).to.deep.equal(['3-3']);
    core.hear('n2', ack(2, 3)).unlink('n2').link('n2');
    expect(core.take('append', 'n2').map(spanOf)).to.deep.equal(['4-3']);
  });

  it('with a link is sent again when the link is back, from what is known to agree', () => {
    const core = settledLeader();
    core.propose('a');
    core.hear('n2', ack(1, 2));
    core.propose('b');
    core.unlink('n2').propose('c');
    core.sent = [];
    core.link('n2');
    expect(core.take('append', 'n2').map(spanOf)).to.deep.equal(['3-4']);
  });
});

describe('a follower far behind', () => {
  const long = (options = {}) =>
    leader({ log: Array.from({ length: 3000 }, () => 1), settings: { log_cache_bytes_max: 0, ...options } });

  it('is sent what has to be read back from disk first', () => {
    const core = long().hear('n2', reject(2, 3000, 0, 0));
    expect(core.take('append', 'n2')).to.deep.equal([]);
    expect(core.loads[0]?.first).to.equal(1);
    core.load();
    expect(core.take('append', 'n2').map(({ previousIndex }) => previousIndex)).to.deep.equal([0]);
  });

  it('shares what is read with others as far behind, and nothing is read twice at once', () => {
    const core = long({ append_bytes_max: 300 })
      .hear('n2', reject(2, 3000, 0, 0))
      .hear('n3', reject(2, 3000, 6, 1));
    for (let round = 0; round < 100; round++) {
      const asked = core.loads.map(({ first }) => first);
      expect(new Set(asked).size, 'no run twice').to.equal(asked.length);
      expect(asked.length).to.be.at.most(64);
      core.load(1);
      for (const id of ['n2', 'n3'])
        for (const message of core.take('append', id)) core.hear(id, ack(2, endOf(message)));
    }
    for (const id of ['n2', 'n3']) expect(core.raft.matches()[id]).to.be.greaterThan(60);
  });

  it('is sent what is read ahead as it comes, and as one what has come while the window was full', () => {
    const core = long({ appends_in_flight_max: 2 }).hear('n2', reject(2, 3000, 0, 0));
    expect(core.loads.map(({ first }) => first)).to.deep.equal(Array.from({ length: 64 }, (_, i) => 1 + i));
    core.load(64);
    expect(core.take('append', 'n2').map(spanOf)).to.deep.equal(['1-1']);
    core.hear('n2', ack(2, 1));
    expect(core.take('append', 'n2').map(spanOf)).to.deep.equal(['2-64']);
    expect(core.loads[0]?.first, 'what comes next is read meanwhile').to.equal(65);
    core.load(64);
    expect(core.take('append', 'n2').map(spanOf)).to.deep.equal(['65-65']);
    core.hear('n2', ack(2, 64));
    expect(core.take('append', 'n2').map(spanOf)).to.deep.equal(['66-128']);
  });

  it('is not asked for twice from disk because its link came and went', () => {
    const core = long().hear('n2', reject(2, 3000, 0, 0));
    const asked = core.loads.length;
    core.unlink('n2').link('n2');
    expect(core.loads).to.have.length(asked);
    core.load();
    expect(core.take('append', 'n2').length).to.be.at.least(1);
  });

  it('is not served from disk by one that no longer leads', () => {
    const core = long().hear('n2', reject(2, 3000, 0, 0));
    core.heartbeat('n3', 9);
    core.sent = [];
    core.load();
    expect(core.take('append')).to.deep.equal([]);
  });

  it('catches up with thousands of small runs, most of them on disk, while others are appended', () => {
    const cluster = new Cluster({ settings: { log_cache_bytes_max: 2000, append_runs_max: 100 } }).start('n1', 'n2');
    cluster.until(() => cluster.agrees());
    for (let i = 0; i < 3000; i++) cluster.propose(cluster.leader(), `${i}`);
    cluster.until(() => cluster.agrees());
    const begin = cluster.group(cluster.leader()).term;
    cluster.start('n3');
    for (let i = 0; i < 100; i++) {
      cluster.propose(cluster.leader(), `more ${i}`);
      cluster.pass(5);
    }
    cluster.until(() => cluster.agrees(), 5000);
    expect(cluster.group('n3').log.last).to.be.at.least(3100);
    expect(cluster.group('n3').term, 'nobody was disturbed').to.equal(begin);
    expect(cluster.group(cluster.leader()).log.cached, 'memory stays bounded').to.be.below(8 * (512 << 10));
  });

  it('does not make its leader doubt itself while it catches up', () => {
    const core = long()
      .hear('n2', reject(2, 3000, 0, 0))
      .unlink('n3');
    for (let step = 0; step < 30; step++) {
      core.beat('n2');
      core.answerRound('n2').load(64);
      for (const message of core.take('append', 'n2').slice(0, 1)) core.hear('n2', ack(2, endOf(message)));
      core.pass(100);
    }
    expect(core.raft.commit).to.equal(0);
    expect(core.propose('a'), 'it is not handing over').to.equal(3002);
  });
});
