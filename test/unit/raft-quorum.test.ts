/** Majorities, simple and joint. */
import { expect } from 'chai';
import fc from 'fast-check';
import { everyone, isQuorum, isVoter, reached, tally } from '../../node/raft/quorum.js';
import type { Configuration } from '../../node/raft/types.js';

const ids = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7'];
const some = (minLength: number) => fc.subarray(ids, { minLength });
const anyConfiguration: fc.Arbitrary<Configuration> = fc.record({
  voters: some(1),
  outgoing: some(0),
  learners: some(0),
});

describe('a quorum', () => {
  it('of a simple configuration is more than half of its voters', () => {
    fc.assert(
      fc.property(some(1), some(0), some(0), (voters, learners, set) => {
        const has = voters.filter((id) => set.includes(id)).length;
        expect(isQuorum({ voters, outgoing: [], learners }, (id) => set.includes(id))).to.equal(
          2 * has > voters.length,
        );
      }),
    );
  });

  it('of a joint configuration is one of each half', () => {
    fc.assert(
      fc.property(anyConfiguration, some(0), (configuration, set) => {
        const half = (voters: readonly string[]) =>
          isQuorum({ voters, outgoing: [], learners: [] }, (id) => set.includes(id));
        const { voters, outgoing } = configuration;
        expect(isQuorum(configuration, (id) => set.includes(id))).to.equal(
          half(voters) && (outgoing.length === 0 || half(outgoing)),
        );
      }),
    );
  });

  it('has a member in common with any other of the same configuration', () => {
    fc.assert(
      fc.property(anyConfiguration, some(0), some(0), (configuration, a, b) => {
        fc.pre(isQuorum(configuration, (id) => a.includes(id)) && isQuorum(configuration, (id) => b.includes(id)));
        const common = a.filter((id) => b.includes(id));
        expect(common.some((id) => isVoter(configuration, id))).to.equal(true);
      }),
    );
  });

  it('of a joint configuration has a member in common with any of either half alone', () => {
    fc.assert(
      fc.property(anyConfiguration, some(0), some(0), (joint, a, b) => {
        const alone: Configuration = { voters: joint.voters, outgoing: [], learners: [] };
        fc.pre(isQuorum(joint, (id) => a.includes(id)) && isQuorum(alone, (id) => b.includes(id)));
        expect(a.some((id) => b.includes(id) && joint.voters.includes(id))).to.equal(true);
      }),
    );
  });
});

describe('an election', () => {
  it('is won by a quorum of grants, lost when no quorum can grant any more, and open before', () => {
    const votes = fc.dictionary(fc.constantFrom(...ids), fc.boolean());
    fc.assert(
      fc.property(anyConfiguration, votes, (configuration, given) => {
        const has = (id: string, open: boolean) => given[id] ?? open;
        const won = isQuorum(configuration, (id) => has(id, false));
        const lost = !isQuorum(configuration, (id) => has(id, true));
        expect(tally(configuration, (id) => given[id])).to.equal(won ? 'won' : lost ? 'lost' : 'open');
      }),
    );
  });
});

describe('the index that a quorum has reached', () => {
  it('is the greatest that a quorum is not below', () => {
    const values = fc.array(fc.nat(9), { minLength: ids.length, maxLength: ids.length });
    fc.assert(
      fc.property(anyConfiguration, values, (configuration, at) => {
        const indexOf = (id: string) => at[ids.indexOf(id)] ?? 0;
        let expected = 0;
        for (let value = 0; value <= 9; value++)
          if (isQuorum(configuration, (id) => indexOf(id) >= value)) expected = value;
        expect(reached(configuration, indexOf)).to.equal(expected);
      }),
    );
  });

  it('is the same for a joint configuration with an empty half as for a simple one, and for one of two equal halves', () => {
    const values = fc.array(fc.nat(9), { minLength: ids.length, maxLength: ids.length });
    fc.assert(
      fc.property(some(1), values, (voters, at) => {
        const indexOf = (id: string) => at[ids.indexOf(id)] ?? 0;
        const simple = reached({ voters, outgoing: [], learners: [] }, indexOf);
        expect(reached({ voters, outgoing: voters, learners: [] }, indexOf)).to.equal(simple);
        expect(simple).to.be.at.most(9);
      }),
    );
  });
});

describe('everyone in a group', () => {
  it('is named once, learners and those who leave among them, but learners have no vote', () => {
    const configuration: Configuration = { voters: ['n1', 'n2'], outgoing: ['n2', 'n3'], learners: ['n4'] };
    expect(everyone(configuration)).to.deep.equal(['n1', 'n2', 'n3', 'n4']);
    expect(ids.filter((id) => isVoter(configuration, id))).to.deep.equal(['n1', 'n2', 'n3']);
  });
});
