/** What a leader knows of a follower. */
import { expect } from 'chai';
import fc from 'fast-check';
import { Progress } from '../../node/raft/progress.js';

const probing = (next = 1) => new Progress(next, 0, true);
const replicating = (match: number) => {
  const progress = probing(match + 1);
  progress.acknowledged(match, 0);
  return progress;
};

describe('what a leader knows of a follower', () => {
  it('lets one append at a time go while it is not known where the logs part', () => {
    const progress = probing(5);
    expect(progress.maySend(8, 1000)).to.equal(true);
    progress.sent(7, 10, 0);
    expect(progress.maySend(8, 1000)).to.equal(false);
    expect(progress.next, 'what was sent may have to be sent again').to.equal(5);
  });

  it('lets appends follow each other once the logs agree, bounded in number and bytes', () => {
    const progress = replicating(4);
    for (let i = 0; i < 3; i++) {
      expect(progress.maySend(3, 1000)).to.equal(true);
      progress.sent(5 + i, 10, 0);
    }
    expect(progress.maySend(3, 1000), 'number').to.equal(false);
    expect(progress.maySend(4, 30), 'bytes').to.equal(false);
    expect(progress.maySend(4, 31)).to.equal(true);
    progress.acknowledged(6, 0);
    expect(progress.inFlight).to.equal(1);
    expect(progress.maySend(2, 11)).to.equal(true);
  });

  it('sends nothing to a follower without a link, or before what is read from disk for it', () => {
    const progress = replicating(4);
    progress.connected = false;
    expect(progress.maySend(8, 1000)).to.equal(false);
    progress.connected = true;
    progress.loading = true;
    expect(progress.maySend(8, 1000)).to.equal(false);
  });

  it('takes old news as none', () => {
    const progress = replicating(4);
    progress.sent(6, 10, 0);
    expect(progress.acknowledged(6, 0)).to.equal(true);
    expect(progress.acknowledged(5, 0)).to.equal(false);
    expect(progress.acknowledged(6, 0)).to.equal(false);
    expect(progress.match).to.equal(6);
  });

  it('starts over behind what is known to agree, however far back it is told to go', () => {
    const progress = replicating(4);
    progress.sent(9, 10, 0);
    progress.probe(2);
    expect(progress.next).to.equal(5);
    expect(progress.state).to.equal('probe');
    expect(progress.inFlight, 'what was under way is forgotten').to.equal(0);
  });

  it('tells a late rejection from one of what is being asked', () => {
    const probe = probing(9);
    expect(probe.isStale(8)).to.equal(false);
    expect(probe.isStale(7)).to.equal(true);
    const replicate = replicating(4);
    replicate.sent(9, 10, 0);
    expect(replicate.isStale(4)).to.equal(true);
    expect(replicate.isStale(9)).to.equal(false);
    replicate.probe(5);
    expect(replicate.isStale(4), 'what agrees cannot be rejected').to.equal(true);
  });

  it('never sends again what is acknowledged, nor forgets it, whatever comes in whatever order', () => {
    const event = fc.oneof(
      fc.record({ do: fc.constant('send' as const), count: fc.nat(4) }),
      fc.record({ do: fc.constant('ack' as const), match: fc.nat(20) }),
      fc.record({ do: fc.constant('probe' as const), next: fc.nat(20) }),
    );
    fc.assert(
      fc.property(fc.array(event), (events) => {
        const progress = probing(3);
        let best = 0;
        for (const one of events) {
          if (one.do === 'send' && progress.maySend(3, 1000)) progress.sent(progress.next + one.count, 10, 0);
          else if (one.do === 'ack') progress.acknowledged(one.match, 0);
          else if (one.do === 'probe') progress.probe(one.next);
          if (one.do === 'ack') best = Math.max(best, one.match);
          expect(progress.match).to.equal(best);
          expect(progress.next).to.be.greaterThan(progress.match);
          expect(progress.inFlight).to.be.at.most(3);
        }
      }),
    );
  });
});
