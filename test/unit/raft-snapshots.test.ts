/** Logs that do not reach back to the beginning: entries given up below a checkpoint, and snapshots for followers that needed them (thesis 5). */
import { expect } from 'chai';
import { encodeConfiguration } from '../../node/raft/configuration.js';
import { encodeRun } from '../../node/raft/run.js';
import { CONFIGURATION, type Configuration, InvariantError } from '../../node/raft/types.js';
import { Cluster } from './raft-cluster.js';
import {
  ack,
  append,
  Core,
  checkpoint,
  endOf,
  follower,
  GROUP,
  leader,
  logOf,
  reject,
  repairing,
  request,
  run,
  settledLeader,
} from './raft-harness.js';

const ALONE: Configuration = { voters: ['n1'], outgoing: [], learners: [] };
const JOINT: Configuration = { voters: ['n1', 'n2', 'n3'], outgoing: ['n1', 'n4', 'n5'], learners: ['n6'] };
const runOf = (term: number, first: number, configuration: Configuration) =>
  encodeRun(GROUP, term, first, 0, [{ kind: CONFIGURATION, payload: encodeConfiguration(configuration) }]);

/** A leader of term 2 with five entries of term 1 and its no-op, all applied, that has purged its log up to `index`. */
function purged(index = 4): Core {
  const core = leader({ log: [1, 1, 1, 1, 1], hardState: { term: 1, vote: '' } });
  core.hear('n2', ack(2, 6)).apply().compact(index);
  core.sent = [];
  return core;
}

describe('a log below a checkpoint', () => {
  it('goes up to where it is told, and tells where it begins', () => {
    const core = purged(4);
    expect(core.raft.view()).to.include({ first: 5, snapshot: 4, last: 6, commit: 6 });
    expect(core.terms).to.deep.equal([1, 2]);
    expect([3, 4, 5].map((index) => core.raft.log.termAt(index))).to.deep.equal([undefined, 1, 1]);
  });

  it('never goes beyond the checkpoint, nor is a checkpoint believed beyond what is applied', () => {
    const core = settledLeader();
    core.propose('a');
    core.sync().hear('n2', ack(1, 2));
    expect(() => core.raft.compact(2, 2)).to.throw(InvariantError, 'applied is 1');
    expect(() => core.raft.compact(1, 0)).to.throw(InvariantError, 'the checkpoint is at 0');
    expect(core.raft.view().first).to.equal(1);
  });

  it('is compared by its last term in an election, also when nothing is left of it', () => {
    const core = new Core({ start: checkpoint(7, 3), hardState: { term: 3, vote: '' } });
    expect(core.link('n2', 'n3').timeOut().take('vote_request')[0]).to.include({ lastIndex: 7, lastTerm: 3 });
    expect(core.hear('n2', request(5, 9, 2)).only('vote_reply').granted).to.equal(false);
    expect(
      core
        .hear('n2', request(6, 7, 3))
        .sync()
        .only('vote_reply').granted,
    ).to.equal(true);
  });

  it('may be all of it, the no-op of the term too: its leader goes on', () => {
    const core = purged(6);
    expect(core.raft.view()).to.include({ first: 7, last: 6 });
    expect(core.propose('a')).to.equal(7);
    core.sync().hear('n2', ack(2, 7));
    expect(core.raft.commit).to.equal(7);
    expect(
      core.take('append', 'n2').map(({ previousIndex, previousTerm }) => [previousIndex, previousTerm]),
    ).to.deep.equal([[6, 2]]);
  });

  it('leaves the configuration in force at its start, and tells it for every entry from there on', () => {
    const core = follower('n2').hear(
      'n2',
      append(1, 0, 0, [run(1, 1, ['a']), runOf(1, 2, JOINT), runOf(1, 3, ALONE)], 3),
    );
    core.sync().apply();
    expect(core.raft.configurationAt(1).voters).to.deep.equal(['n1', 'n2', 'n3']);
    core.compact(2);
    expect(core.raft.configurationAt(2)).to.deep.equal(JOINT);
    expect(core.raft.view().configuration).to.deep.equal(ALONE);
    expect(() => core.raft.configurationAt(1)).to.throw(InvariantError, 'purged');
    core.compact(3);
    expect(core.raft.configurationAt(3)).to.deep.equal(ALONE);
  });
});

describe('a replica that starts from a checkpoint', () => {
  it('has applied and committed it, and goes on with the log behind it', () => {
    const core = new Core({
      start: checkpoint(4, 2, { time: 900, configuration: JOINT }),
      runs: logOf([2, 3], 5),
      hardState: { term: 3, vote: '' },
    });
    expect(core.raft.view()).to.deep.include({
      commit: 4,
      snapshot: 4,
      first: 5,
      last: 6,
      durable: 6,
      configuration: JOINT,
    });
    expect(core.time).to.equal(900);
    core.heartbeat('n2', 3, 6);
    expect(core.apply().raft.commit).to.equal(6);
  });

  it('takes configurations from the log behind it, and none that the checkpoint knew already', () => {
    const options = {
      hardState: { term: 2, vote: '' },
      runs: [runOf(1, 1, ALONE), run(1, 2, ['a']), runOf(2, 3, JOINT)],
    };
    const found = [
      { index: 1, configuration: ALONE },
      { index: 3, configuration: JOINT },
    ];
    const before = { ...ALONE, voters: ['n1', 'n9'] };
    const core = new Core({ ...options, configurations: found, start: checkpoint(2, 1, { configuration: before }) });
    expect(core.raft.view().configuration).to.deep.equal(JOINT);
    expect(core.raft.configurationAt(2)).to.deep.equal(before);
  });

  it('keeps entries before it for followers that were away for a short while', () => {
    const core = leader({ log: [1, 1, 1, 1], start: checkpoint(3, 1), hardState: { term: 1, vote: '' } });
    core.hear('n2', reject(2, 4, 1, 1)).load();
    expect(core.take('append', 'n2').map(({ previousIndex }) => previousIndex)).to.deep.equal([1]);
  });

  it('whose log did not agree writes down where it begins before anything else', () => {
    const core = new Core({ start: checkpoint(7, 3), hardState: { term: 3, vote: '' } }).startSave();
    expect(core.saving[0]).to.deep.include({ start: { index: 7, term: 3 }, state: null, runs: [] });
    const whole = new Core({ start: checkpoint(2, 1), log: [1, 1, 1], hardState: { term: 1, vote: '' } }).startSave();
    expect(whole.saving).to.deep.equal([]);
  });
});

describe('a leader whose follower needs what is purged', () => {
  it('finds that out, wants a snapshot sent, and sends nothing else meanwhile', () => {
    const core = purged(4).hear('n3', reject(2, 5, 2, 1));
    expect(core.snapshots).to.deep.equal(['n3']);
    core.propose('a');
    expect(core.take('append', 'n3')).to.deep.equal([]);
    expect(core.take('append', 'n2')).to.have.length(1);
  });

  it('goes on behind the snapshot', () => {
    const core = purged(4)
      .hear('n3', reject(2, 5, 2, 1))
      .snapshotSent('n3', 5);
    expect(
      core.take('append', 'n3').map(({ previousIndex, previousTerm }) => [previousIndex, previousTerm]),
    ).to.deep.equal([[5, 1]]);
    core.hear('n3', ack(2, 6));
    expect(core.raft.matches()['n3']).to.equal(6);
  });

  it('sends no snapshot where the start itself could agree', () => {
    const core = purged(4)
      .hear('n3', reject(2, 5, 4, 1))
      .load();
    expect(
      core.take('append', 'n3').map(({ previousIndex, previousTerm }) => [previousIndex, previousTerm]),
    ).to.deep.equal([[4, 1]]);
    expect(core.snapshots).to.deep.equal([]);
  });

  it('sends one when the follower has the start, but of another term', () => {
    const core = leader({ log: [1, 1, 3, 3], hardState: { term: 4, vote: '' } });
    core.hear('n2', ack(5, 5)).apply().compact(3);
    core.hear('n3', reject(5, 4, 4, 2));
    expect(core.snapshots).to.deep.equal(['n3']);
  });

  it('takes no old rejection for a reason to send another', () => {
    const core = purged(4)
      .hear('n3', reject(2, 5, 2, 1))
      .hear('n3', reject(2, 5, 2, 1))
      .hear('n3', reject(2, 4, 1, 1));
    expect(core.snapshots).to.deep.equal(['n3']);
  });

  it('is not led astray by late acknowledgements from before the snapshot, and needs none that has come unnecessary', () => {
    const core = purged(4)
      .hear('n3', reject(2, 5, 2, 1))
      .hear('n3', ack(2, 2));
    expect(core.raft.matches()['n3']).to.equal(2);
    expect(core.take('append', 'n3')).to.deep.equal([]);
    core.propose('a');
    core.hear('n3', ack(2, 5));
    expect(core.take('append', 'n3').map(endOf), 'it has got there without').to.deep.equal([7]);
  });

  it('asks again whether it is still needed some time after one has failed, not at once', () => {
    const core = purged(4)
      .hear('n3', reject(2, 5, 2, 1))
      .snapshotFailed('n3');
    core.propose('a');
    core.beat('n3');
    core.pass(200).answerRound('n3');
    expect(core.take('append', 'n3')).to.deep.equal([]);
    core.pass(400).answerRound('n3').load();
    expect(core.only('append', 'n3').previousIndex).to.equal(4);
    core.hear('n3', reject(2, 4, 2, 1));
    expect(core.snapshots).to.deep.equal(['n3', 'n3']);
  });

  it('does not take a long transfer for a loss', () => {
    const core = purged(4).hear('n3', reject(2, 5, 2, 1));
    for (let i = 0; i < 20; i++) {
      core.beat('n2', 'n3');
      core.pass(100).answerRound('n2').answerRound('n3');
    }
    expect([core.take('append', 'n3'), core.snapshots]).to.deep.equal([[], ['n3']]);
  });

  it('looks anew when the link was down meanwhile: it may have come, or not', () => {
    const core = purged(4)
      .hear('n3', reject(2, 5, 2, 1))
      .unlink('n3')
      .link('n3')
      .load();
    expect(core.only('append', 'n3')).to.include({ previousIndex: 4, previousTerm: 1 });
    expect(core.hear('n3', reject(2, 4, 2, 1)).snapshots).to.deep.equal(['n3', 'n3']);
    core.unlink('n3').snapshotSent('n3', 5);
    expect(core.take('append', 'n3'), 'nothing while the link is down').to.deep.equal([]);
  });

  it('wants nothing sent any more that it wanted in the same turn, when the link goes or it leads no longer', () => {
    for (const end of [
      (core: Core) => core.raft.disconnected('n3', core.now),
      (core: Core) => core.raft.resign('enough', core.now),
    ]) {
      const core = purged(4);
      core.raft.receive('n3', reject(2, 5, 2, 1), 1, core.now);
      end(core);
      expect(core.link('n2').snapshots).to.deep.equal([]);
      core.snapshotSent('n3', 5).snapshotFailed('n3');
    }
  });

  it('purges while it probes: it asks about the first entry that is left', () => {
    const core = leader({ log: [1, 1, 1, 1], hardState: { term: 1, vote: '' } });
    core.hear('n2', ack(2, 5)).apply();
    core.hear('n3', reject(2, 4, 1, 1)).load();
    expect(core.take('append', 'n3').at(-1)).to.include({ previousIndex: 1 });
    core.compact(4).hear('n3', ack(2, 2));
    expect(core.only('append', 'n3')).to.include({ previousIndex: 4, previousTerm: 1 });
    core.hear('n3', reject(2, 4, 2, 1));
    expect(core.snapshots).to.deep.equal(['n3']);
  });

  it('purges while it sends one: the next follows, twice in a row if need be', () => {
    const core = purged(3).hear('n3', reject(2, 5, 2, 1));
    core.compact(5).snapshotSent('n3', 4);
    expect(core.only('append', 'n3')).to.include({ previousIndex: 5 });
    core.hear('n3', reject(2, 5, 4, 1));
    expect(core.snapshots).to.deep.equal(['n3', 'n3']);
    core.snapshotSent('n3', 6);
    expect(core.only('append', 'n3')).to.include({ previousIndex: 6, previousTerm: 2 });
  });

  it('purges what is being read from disk for it: what comes of that is ignored, and it is not waited for', () => {
    const core = leader({ log: [1, 1, 1, 1], settings: { log_cache_bytes_max: 0, append_bytes_max: 1 } });
    core.hear('n2', ack(2, 5)).apply();
    core.hear('n3', reject(2, 4, 0, 0));
    const [reading] = core.loads.splice(0);
    core.compact(4).load();
    expect(core.only('append', 'n3').previousIndex).to.equal(4);
    expect(reading !== undefined && core.raft.log.holds(reading)).to.equal(false);
    core.raft.loaded(reading as never, Buffer.from('whatever'), core.now);
    core.hear('n3', ack(2, 5));
    expect(core.raft.matches()['n3']).to.equal(5);
  });

  it('does not name it as its heir, nor any that is under repair', () => {
    const core = purged(4)
      .unlink('n2')
      .hear('n3', reject(2, 5, 2, 1));
    expect(core.heir).to.equal('');
    const other = settledLeader();
    other.hear('n3', repairing(ack(1, 1))).unlink('n2');
    expect(other.heir).to.equal('');
    expect(other.transfer('n3')).to.equal(false);
  });
});

describe('a follower that is given a snapshot', () => {
  it('has applied and committed it, in the configuration that it brings', () => {
    const core = follower('n2', { log: [1, 1] });
    expect(core.install(9, 1, { time: 700, configuration: JOINT })).to.equal(true);
    expect(core.raft.view()).to.deep.include({
      commit: 9,
      snapshot: 9,
      first: 10,
      last: 9,
      durable: 9,
      configuration: JOINT,
    });
    expect(core.time).to.equal(700);
    core.hear('n2', append(1, 9, 1, [run(1, 10, ['x'])], 10)).sync();
    expect(core.only('append_reply')).to.deep.equal(ack(1, 10));
    expect(core.raft.commit).to.equal(10);
  });

  it('wants none at or below what it has committed, and takes none at or below what it has applied', () => {
    const core = follower('n2', { log: [1, 1, 1] });
    core.heartbeat('n2', 1, 2);
    expect([1, 2, 3].map((index) => core.raft.mayInstall(index, 1))).to.deep.equal([false, false, true]);
    core.apply();
    expect([core.install(1, 1), core.install(2, 1)]).to.deep.equal([false, false]);
    expect(core.startSave().saving).to.deep.equal([]);
    expect(core.raft.view()).to.include({ first: 1, snapshot: 0, commit: 2 });
  });

  it('takes one that it wanted although its entries were committed, or it was elected, while the rows were made to count', () => {
    const core = follower('n2', { log: [1, 1, 1] });
    expect(core.raft.mayInstall(2, 1)).to.equal(true);
    core.heartbeat('n2', 1, 3);
    expect(core.install(2, 1)).to.equal(true);
    expect(core.raft.view()).to.include({ first: 3, snapshot: 2, commit: 3, last: 3 });
    const elected = leader({ log: [1, 1, 1] });
    expect(elected.install(2, 1)).to.equal(true);
    expect(elected.raft.view()).to.include({ role: 'leader', first: 3, snapshot: 2, commit: 2, last: 4 });
    elected.hear('n3', ack(2, 4));
    expect(elected.raft.commit).to.equal(4);
    expect(() => leader({ log: [1, 1, 1] }).install(9, 1), 'what is no entry of its own').to.throw(InvariantError);
  });

  it('keeps what follows it in its log, and the configurations in there', () => {
    const core = follower('n2').hear(
      'n2',
      append(1, 0, 0, [run(1, 1, ['a', 'b']), run(1, 3, ['c']), runOf(1, 4, JOINT)]),
    );
    core.sync();
    expect(core.install(2, 1, { configuration: ALONE })).to.equal(true);
    expect(core.raft.view()).to.deep.include({ first: 3, last: 4, durable: 4, commit: 2, configuration: JOINT });
    expect(core.raft.configurationAt(2)).to.deep.equal(ALONE);
    core.hear('n3', append(2, 3, 1, [run(2, 4, ['x'])]));
    expect(core.raft.view().configuration, 'what was not committed is cut like any other').to.deep.equal(ALONE);
  });

  it('discards its whole log when the entry there is another one, the longer tail and its configurations too', () => {
    const core = follower('n2', { hardState: { term: 2, vote: '' } });
    core.hear(
      'n2',
      append(2, 0, 0, [run(1, 1, ['a', 'b']), run(2, 3, ['c', 'd']), runOf(2, 5, JOINT), run(2, 6, ['e'])]),
    );
    core.sync().heartbeat('n3', 3);
    core.sync();
    expect(core.install(4, 3, { configuration: ALONE })).to.equal(true);
    expect(core.raft.view()).to.deep.include({ first: 5, last: 4, durable: 4, configuration: ALONE });
    expect(
      core
        .hear('n3', append(3, 5, 3))
        .take('append_reply')
        .at(-1),
      'nothing of the old tail agrees',
    ).to.deep.equal(reject(3, 5, 4, 3));
  });

  it('writes down where its log begins anew before the runs behind that', () => {
    const core = follower('n2').hear(
      'n2',
      append(1, 0, 0, [run(1, 1, ['a', 'b']), run(1, 3, ['c', 'd', 'e']), run(1, 6, ['f'])]),
    );
    expect(core.install(4, 1)).to.equal(true);
    const [save] = core.startSave().saving;
    expect(save?.start).to.deep.equal({ index: 4, term: 1 });
    expect(
      save?.runs.map(({ first, count }) => [first, count]),
      'what it holds is not written any more',
    ).to.deep.equal([
      [5, 1],
      [6, 1],
    ]);
    core.finishSave();
    expect(core.raft.log.durable).to.equal(6);
    expect(core.raft.log.runAt(5)?.place).not.to.equal(null);
  });

  it('lets what was on its way to disk prove nothing of what comes in its place (ABA)', () => {
    const core = follower('n2', { log: [1, 1], hardState: { term: 3, vote: '' } });
    core.hear('n2', append(3, 2, 1, [run(2, 3, ['c', 'd', 'e', 'f'])])).startSave();
    // A new leader knows an entry 4 of term 3, and what was verified in the last term is no longer so.
    core.heartbeat('n3', 4);
    core.startSave();
    expect(core.install(4, 3)).to.equal(true);
    core.hear('n3', append(4, 4, 3, [run(4, 5, ['x', 'y'])])).finishSave();
    expect(core.raft.log.durable, 'entries 5 and 6 on disk are those that went').to.equal(4);
    expect(core.sync().raft.log.durable).to.equal(6);
    expect(core.take('append_reply', 'n3').at(-1)).to.deep.equal(ack(4, 6));
  });

  it('writes no entries of the log that went', () => {
    const core = follower('n2', { log: [1, 1], hardState: { term: 3, vote: '' } });
    core.hear('n2', append(3, 2, 1, [run(2, 3, ['c', 'd', 'e', 'f'])])).heartbeat('n3', 4);
    expect(core.install(4, 3)).to.equal(true);
    expect(core.startSave().saving[0]).to.deep.include({ start: { index: 4, term: 3 }, runs: [] });
  });

  it('takes none of a leader whose term is not on its disk', () => {
    const core = follower('n2', { log: [1, 1] });
    core.heartbeat('n3', 5);
    expect(core.raft.mayInstall(9, 5)).to.equal(false);
    expect(core.install(9, 4, { leaderTerm: 5 })).to.equal(false);
    core.sync();
    expect(core.raft.durableTerm).to.equal(5);
    expect(core.install(9, 4, { leaderTerm: 5 })).to.equal(true);
  });

  it('wants none when it leads itself', () => {
    expect(leader().raft.mayInstall(9, 1)).to.equal(false);
  });

  it('takes two in a row, the second before the first is written', () => {
    const core = follower('n2', { log: [1, 1] });
    core.install(5, 1);
    core.hear('n2', append(1, 5, 1, [run(1, 6, ['x'])]));
    expect(core.install(9, 1, { configuration: JOINT })).to.equal(true);
    const [save] = core.startSave().saving;
    expect(save).to.deep.include({ start: { index: 9, term: 1 }, runs: [] });
    core.finishSave();
    expect(core.startSave().saving, 'once').to.deep.equal([]);
    expect(core.raft.view()).to.deep.include({ first: 10, last: 9, durable: 9, commit: 9, configuration: JOINT });
  });

  it('votes and stands with it', () => {
    const core = follower('n2', { log: [1, 1], hardState: { term: 4, vote: '' } });
    core.install(9, 3, { leaderTerm: 4 });
    core.pass(3000);
    expect(core.take('vote_request').at(-1)).to.include({ lastIndex: 9, lastTerm: 3 });
    expect(
      core
        .hear('n2', request(9, 20, 2))
        .take('vote_reply')
        .at(-1)?.granted,
    ).to.equal(false);
  });
});

describe('an append about what is purged here', () => {
  const core = () =>
    follower('n2', { start: checkpoint(5, 2), runs: logOf([2, 2], 6), hardState: { term: 2, vote: '' } });

  it('is answered so that the leader goes on behind it', () => {
    expect(
      core()
        .hear('n2', append(2, 2, 1))
        .only('append_reply'),
    ).to.deep.equal(ack(2, 5));
    expect(
      core()
        .hear('n2', append(2, 0, 0, logOf([1, 1, 2])))
        .only('append_reply'),
    ).to.deep.equal(ack(2, 5));
  });

  it('adds what follows, and cuts nothing that is there', () => {
    const one = core();
    one.hear('n2', append(2, 3, 2, [run(2, 4, ['d', 'e', '6', '7', 'h'])], 8)).sync();
    expect(one.only('append_reply')).to.deep.equal(ack(2, 8));
    expect(one.terms).to.deep.equal([2, 2, 2]);
    expect(one.raft.commit).to.equal(8);
    one.hear('n2', append(2, 0, 0, logOf([1, 1, 2, 2, 2, 2, 2]))).hear('n2', append(2, 4, 2, logOf([2], 5)));
    expect(one.terms, 'late ones change nothing').to.deep.equal([2, 2, 2]);
  });

  it('cuts what conflicts behind the start', () => {
    const one = core()
      .hear('n3', append(4, 3, 2, [run(2, 4, ['d', 'e']), run(3, 6, ['x'])]))
      .sync();
    expect(one.terms).to.deep.equal([3]);
  });

  it('does not go on when it says that what is applied is another entry', () => {
    expect(() => core().hear('n3', append(4, 3, 1, [run(3, 4, ['d', 'e', 'f'])]))).to.throw(InvariantError, 'applied');
  });
});

describe('a replica whose state machine is paused', () => {
  it('keeps no more in memory than it may, and reads it back', () => {
    const core = follower('n2', { settings: { log_cache_bytes_max: 200 } });
    for (let index = 1; index <= 50; index++)
      core.hear('n2', append(1, index - 1, index > 1 ? 1 : 0, [run(1, index, ['0123456789'])], index)).sync();
    expect(core.raft.log.cached).to.be.greaterThan(2000);
    core.raft.applied(0, true);
    expect(core.raft.log.cached).to.be.at.most(200);
    const first = core.raft.log.runAt(1);
    expect(first?.bytes).to.equal(null);
    core.raft.applied(50);
  });
});

describe('a cluster that gives its log back', () => {
  it('brings back a follower that was away for longer than the log reaches, and its leader notices nothing', () => {
    const cluster = new Cluster({ settings: { log_cache_bytes_max: 300 } }).start();
    cluster.until(() => cluster.agrees());
    const [away = ''] = cluster.followers();
    cluster.crash(away);
    const begin = cluster.group(cluster.leader()).term;
    for (let i = 0; i < 100; i++) {
      cluster.propose(cluster.leader(), `${i}`);
      cluster.pass(3);
      if (i % 30 === 29) for (const id of cluster.up) cluster.checkpoint(id, 5);
    }
    cluster.start(away);
    cluster.until(() => cluster.agrees());
    expect(cluster.snapshots).to.equal(1);
    expect(cluster.group(away).view().first).to.be.greaterThan(80);
    expect(cluster.group(cluster.leader()).term).to.equal(begin);
    expect(cluster.machine(away).state(GROUP)).to.deep.equal(cluster.machine(cluster.leader()).state(GROUP));
  });

  it('sends entries, not a snapshot, to one that was away for a short while', () => {
    const cluster = new Cluster().start();
    cluster.until(() => cluster.agrees());
    const [away = ''] = cluster.followers();
    cluster.crash(away);
    for (let i = 0; i < 20; i++) cluster.propose(cluster.leader(), `${i}`);
    cluster.pass(50);
    for (const id of cluster.up) cluster.checkpoint(id, 25);
    cluster.pass(50);
    cluster.start(away);
    cluster.until(() => cluster.agrees());
    expect(cluster.snapshots).to.equal(0);
  });

  it('starts again as a whole from checkpoints and what is left of the logs', () => {
    const cluster = new Cluster().start();
    cluster.until(() => cluster.agrees());
    for (let i = 0; i < 20; i++) cluster.propose(cluster.leader(), `${i}`);
    cluster.until(() => cluster.agrees());
    for (const id of cluster.up) cluster.checkpoint(id);
    cluster.pass(50);
    cluster.propose(cluster.leader(), 'behind it');
    cluster.until(() => cluster.agrees());
    for (const id of cluster.ids) cluster.crash(id);
    cluster.start();
    cluster.until(() => cluster.agrees());
    expect(cluster.machine('n1').state(GROUP)).to.have.length.greaterThan(21);
    for (const id of cluster.ids)
      expect(cluster.machine(id).state(GROUP)).to.deep.equal(cluster.machine('n1').state(GROUP));
  });
});
