/** Configurations: joint majorities, learners, and what is in force when (paper section 6). */
import { expect } from 'chai';
import { encodeConfiguration } from '../../node/raft/configuration.js';
import { encodeRun, type Run } from '../../node/raft/run.js';
import { CONFIGURATION, type Configuration } from '../../node/raft/types.js';
import { Cluster } from './raft-cluster.js';
import { ack, append, Core, follower, GROUP, grant, leader, reject, run, settledLeader } from './raft-harness.js';

const joint: Configuration = { voters: ['n1', 'n2', 'n3'], outgoing: ['n1', 'n4', 'n5'], learners: [] };

const proposal = (configuration: Configuration) => ({
  kind: CONFIGURATION,
  payload: encodeConfiguration(configuration),
});
const runOf = (term: number, first: number, configuration: Configuration): Run =>
  encodeRun(GROUP, term, first, 0, [proposal(configuration)]);

describe('a joint configuration', () => {
  it('elects only with a majority of each half', () => {
    const core = new Core({ configuration: joint }).link('n2', 'n3', 'n4', 'n5').timeOut();
    core.hear('n2', grant(1, true)).hear('n3', grant(1, true));
    expect(core.role).to.equal('precandidate');
    expect(core.hear('n4', grant(1, true)).sync().role).to.equal('candidate');
    core.hear('n4', grant(1)).hear('n5', grant(1));
    expect(core.role).to.equal('candidate');
    expect(core.hear('n3', grant(1)).role).to.equal('leader');
  });

  it('commits only with a majority of each half', () => {
    const core = leader({ configuration: joint });
    core.hear('n2', ack(1, 1)).hear('n3', ack(1, 1));
    expect(core.raft.commit).to.equal(0);
    core.hear('n5', ack(1, 1));
    expect(core.raft.commit).to.equal(1);
  });

  it('confirms reads, and its leader, only with a majority of each half', () => {
    const core = settledLeader({ configuration: joint }).read(7);
    for (let i = 0; i < 12; i++) {
      core.beat('n2', 'n3');
      core.answerRound('n2').answerRound('n3').pass(100);
    }
    expect(core.reads).to.deep.equal([{ context: 7, index: 0, refused: true }]);
    expect(core.role).to.equal('follower');
  });

  it('works in a cluster while each half has a majority, and stands still when one has not', () => {
    const cluster = new Cluster({ ids: ['n1', 'n2', 'n3', 'n4', 'n5'], configuration: joint }).start(
      'n2',
      'n3',
      'n4',
      'n5',
    );
    cluster.until(() => cluster.agrees());
    for (const id of ['n4', 'n5']) {
      cluster.propose(cluster.leader(), 'a');
      cluster.until(() => cluster.agrees());
      cluster.crash(id);
      cluster.pass(5000);
      expect(cluster.leader(), `without ${id}`).to.equal('');
      cluster.start(id);
      cluster.until(() => cluster.agrees());
    }
  });
});

describe('learners', () => {
  it('get entries and count for nothing', () => {
    const core = leader({ configuration: { voters: ['n1', 'n2', 'n3'], outgoing: [], learners: ['n4', 'n5'] } });
    core.hear('n4', ack(1, 1)).hear('n5', ack(1, 1)).read(7);
    core.beat('n4', 'n5');
    core.answerRound('n4').answerRound('n5');
    expect(core.raft.commit).to.equal(0);
    expect(core.reads).to.deep.equal([]);
    core.propose('a');
    expect(core.take('append', 'n4')).to.have.length(1);
  });

  it('are not asked for votes', () => {
    const core = new Core({ configuration: { voters: ['n1', 'n2'], outgoing: [], learners: ['n3'] } }).timeOut();
    expect(core.take('vote_request', 'n2')).to.have.length(1);
    expect(core.take('vote_request', 'n3')).to.deep.equal([]);
    expect(core.link('n3').take('vote_request', 'n3'), 'nor when they come').to.deep.equal([]);
  });
});

describe('a configuration in the log', () => {
  const next: Configuration = { voters: ['n1', 'n2', 'n3'], outgoing: [], learners: ['n4'] };

  it('is in force from the moment it is there, committed or not', () => {
    const core = follower('n2').hear('n2', append(1, 0, 0, [runOf(1, 1, next)]));
    expect(core.raft.view()).to.deep.include({ configuration: next, commit: 0 });
  });

  it('is gone when it is cut, and the former one is in force again', () => {
    const core = follower('n2');
    const former = core.raft.view().configuration;
    core.hear('n2', append(1, 0, 0, [run(1, 1, ['a']), runOf(1, 2, next), runOf(1, 3, joint)]));
    expect(core.raft.view().configuration).to.deep.equal(joint);
    core.hear('n3', append(2, 2, 1, [run(2, 3, ['x'])]));
    expect(core.raft.view().configuration).to.deep.equal(next);
    core.hear('n2', append(3, 1, 1, [run(3, 2, ['y'])]));
    expect(core.raft.view().configuration).to.deep.equal(former);
  });

  it('is found again at a start, and decides whether a group is one of one', () => {
    const alone: Configuration = { voters: ['n1'], outgoing: [], learners: [] };
    const cluster = new Cluster({ ids: ['n1'], configuration: alone }).start();
    cluster.until(() => cluster.agrees());
    cluster.group('n1').propose([proposal({ ...alone, voters: ['n1', 'n2', 'n3'] })], cluster.now);
    cluster.pass(200);
    cluster.crash('n1');
    cluster.start('n1');
    expect(cluster.group('n1').view().configuration.voters).to.deep.equal(['n1', 'n2', 'n3']);
    expect(cluster.group('n1').deadline(), 'it waits for the others').to.be.greaterThan(cluster.now);
  });

  it('brings a new member entries from the start', () => {
    const core = settledLeader();
    core.propose('a');
    core.link('n4');
    core.raft.propose([proposal(next)], core.now);
    core.sync().hear('n2', ack(1, 3));
    core.sent = [];
    core.propose('b');
    expect(core.take('append', 'n4').map(({ previousIndex }) => previousIndex)).to.deep.equal([3]);
    core.hear('n4', reject(1, 3, 0, 0));
    expect(core.take('append', 'n4').map(({ previousIndex }) => previousIndex)).to.deep.equal([0]);
  });

  it('brings a new voter that is not taken to have confirmed what it was never told', () => {
    const core = settledLeader();
    const { round } = core.beat('n2', 'n3');
    core.link('n4').raft.propose([proposal({ voters: ['n1', 'n4'], outgoing: [], learners: [] })], core.now);
    core.read(7);
    core.beat('n2', 'n3');
    core.answerRound('n4', { round }).answerRound('n4', { round: round + 1 });
    expect(core.reads).to.deep.equal([]);
  });
});
