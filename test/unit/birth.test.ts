/** The birth of a cluster: who is taken in, who is refused, who must stop, and that there is only ever one cluster, whatever happens. */
import { expect } from 'chai';
import { Birth, clusterName, type Introduction, isComplete, type Meeting } from '../../node/birth.js';
import type { Identity } from '../../node/storage/identity.js';
import { seededRandom } from '../simulation/time.js';
import { Story } from './birth-stories.js';

const MEMBERS = ['n1', 'n2', 'n3'];
const FRESH: Identity = { cluster: 'demo', node: 'n1', incarnation: 'a1', born: false, members: {}, repairing: false };

/** What a peer says that has met nobody, unless told otherwise. */
function peer(id: string, change: Partial<Introduction> = {}): Introduction {
  return { id, cluster: 'demo', incarnation: id.replace('n', 'a'), born: false, recorded: '', ...change };
}

function complaint(meeting: Meeting): string {
  return 'error' in meeting ? `${meeting.verdict} ${meeting.error.code}: ${meeting.error.message}` : meeting.verdict;
}

/** A node that has kept whatever it learned from these. */
function acquainted(identity: Identity, ...peers: Introduction[]): Birth {
  const birth = new Birth(identity, MEMBERS);
  birth.begin();
  for (const one of peers) birth.meet(one);
  birth.keep(birth.identity);
  return birth;
}

/** n1 once it knows all members, and once it is a member itself. */
const complete = acquainted(FRESH, peer('n2'), peer('n3')).identity;
const agreeing = (id: string, change: Partial<Introduction> = {}): Introduction =>
  peer(id, { cluster: complete.cluster, recorded: 'a1', ...change });
const born = acquainted(complete, agreeing('n2'), agreeing('n3')).identity;

describe('the birth of a cluster', () => {
  describe('of a fresh node', () => {
    it('remembers whom it meets', () => {
      const birth = acquainted(FRESH);
      expect(birth.meet(peer('n2')).verdict).to.equal('remember');
      expect(birth.identity.members).to.deep.equal({ n2: 'a2' });
      expect(birth.meet(peer('n2')).verdict, 'the same again').to.equal('welcome');
      expect(isComplete(birth.identity)).to.equal(false);
    });

    it('tells and acts on nothing that is not durable', () => {
      const birth = new Birth(FRESH, MEMBERS);
      birth.meet(peer('n2'));
      expect(birth.kept).to.deep.equal(FRESH);
      birth.keep(birth.identity);
      expect(birth.kept.members).to.deep.equal({ n2: 'a2' });
    });

    it('takes the newer incarnation of one who lost its folder before anybody knew all', () => {
      const birth = acquainted(FRESH, peer('n2'), peer('n2', { incarnation: 'b2' }));
      expect(birth.identity.members).to.deep.equal({ n2: 'b2' });
    });

    it('is complete once it knows all, and not born by that', () => {
      expect(complete.born).to.equal(false);
      expect(complete.cluster).to.match(/^demo#[0-9a-f]{8}$/);
      expect(clusterName(complete.cluster)).to.equal('demo');
    });

    it('is born when all others are complete with the same members', () => {
      const birth = acquainted(complete, agreeing('n2'));
      expect(birth.identity.born, 'n3 may not know n2').to.equal(false);
      expect(birth.meet(agreeing('n3')).verdict).to.equal('remember');
      expect(birth.identity).to.deep.equal({ ...complete, born: true });
    });

    it('is born when one who is born names the same members', () => {
      expect(acquainted(complete, agreeing('n2', { born: true })).identity.born).to.equal(true);
    });

    it('is not born on the word of one who has other members in mind', () => {
      const birth = new Birth(complete, MEMBERS);
      const meeting = birth.meet(agreeing('n2', { cluster: 'demo#00000000', born: true }));
      expect(complaint(meeting)).to.match(/^refuse WRONG_CLUSTER: .*demo#[0-9a-f]{8}.*demo#00000000/);
      expect(birth.identity).to.equal(complete);
    });

    it('learns from one who is complete already, and is not born before it is complete itself', () => {
      const birth = acquainted(FRESH, agreeing('n2', { born: true }));
      expect(birth.identity).to.deep.equal({ ...FRESH, members: { n2: 'a2' } });
      birth.meet(peer('n3'));
      expect(birth.identity).to.deep.equal({ ...complete, born: true });
    });

    it('stops when one who is complete remembers another incarnation of it', () => {
      const meeting = acquainted(FRESH).meet(agreeing('n2', { recorded: 'lost' }));
      expect(complaint(meeting)).to.match(
        /^stop UNKNOWN_MEMBER: n1 is known as incarnation lost and came as a1: .*lost or replaced/,
      );
    });

    it('forgets whom it met under another list of members, as soon as it is complete', () => {
      const before = { ...FRESH, members: { n7: 'a7' } };
      const birth = acquainted(before, peer('n2'), peer('n3'));
      expect(birth.identity).to.deep.equal(complete);
    });

    it('is born at once when it is alone', () => {
      const birth = new Birth(FRESH, ['n1']);
      expect(birth.begin().verdict).to.equal('remember');
      expect(birth.identity.born).to.equal(true);
      expect(birth.kept.born, 'durably').to.equal(false);
    });
  });

  for (const [stage, identity] of [
    ['complete', complete],
    ['born', born],
  ] as const)
    describe(`of a node that is ${stage}`, () => {
      it('welcomes the members that it knows, however far they are', () => {
        const birth = new Birth(identity, MEMBERS);
        for (const one of [peer('n2'), peer('n2', { recorded: 'a1' }), agreeing('n2')])
          expect(birth.meet(one).verdict).to.equal('welcome');
        expect(birth.identity).to.equal(identity);
      });

      it('refuses a member that comes with another incarnation, fresh or not', () => {
        for (const change of [{}, { cluster: 'demo#12345678', born: true, recorded: 'a1' }]) {
          const birth = new Birth(identity, MEMBERS);
          const meeting = birth.meet(peer('n2', { incarnation: 'b2', ...change }));
          expect(complaint(meeting)).to.match(/^refuse UNKNOWN_MEMBER: n2 is known as incarnation a2 and came as b2/);
          expect(birth.identity).to.equal(identity);
        }
      });

      it('goes on where it was after a restart', () => {
        const birth = new Birth(identity, MEMBERS);
        expect(birth.begin().verdict).to.equal('welcome');
        expect(birth.kept).to.equal(identity);
      });
    });

  describe('of any node', () => {
    for (const identity of [FRESH, complete, born])
      it(`refuses strangers and other clusters${identity === FRESH ? '' : `, ${identity.born ? 'born' : 'complete'}`}`, () => {
        const birth = new Birth(identity, MEMBERS);
        expect(complaint(birth.meet(peer('n4')))).to.match(/^refuse UNKNOWN_MEMBER: n4 .*n1, n2, n3/);
        expect(complaint(birth.meet(peer('n1'))), 'itself').to.match(/^refuse UNKNOWN_MEMBER/);
        expect(complaint(birth.meet(peer('n2', { cluster: 'other' })))).to.match(/^refuse WRONG_CLUSTER: .*other/);
        expect(birth.identity).to.equal(identity);
      });

    it('refuses a cluster that was made without it', () => {
      const meeting = acquainted(FRESH).meet(agreeing('n2', { recorded: '' }));
      expect(complaint(meeting)).to.equal('refuse UNKNOWN_MEMBER: n2 has a cluster without n1');
    });

    it('tells apart clusters of one name and one set of node names', () => {
      const other = acquainted(FRESH, peer('n2'), peer('n3', { incarnation: 'z' }));
      expect(other.identity.cluster).to.not.equal(complete.cluster);
    });

    it('names the cluster alike on every member', () => {
      const n2 = new Birth({ ...FRESH, node: 'n2', incarnation: 'a2' }, ['n3', 'n2', 'n1']);
      n2.meet(peer('n3'));
      n2.meet(peer('n1'));
      expect(n2.identity.cluster).to.equal(complete.cluster);
    });
  });

  describe('whatever the order of meetings and crashes', () => {
    it('ends in one cluster of all', () => {
      let early = 0;
      for (let seed = 1; seed <= 2000; seed++) {
        const story = new Story(seededRandom(seed), false);
        story.play(seed % 300);
        if (story.cluster === '') early++;
        story.heal();
        expect(story.born, `seed ${seed}\n${story.told.join('\n')}`).to.deep.equal(MEMBERS);
      }
      expect(early, 'stories with an early and with a late end').to.be.within(200, 1800);
    });

    it('never takes in a node that lost its folder once anybody was born, and goes on without it', () => {
      let lostMembers = 0;
      for (let seed = 1; seed <= 3000; seed++) {
        const story = new Story(seededRandom(seed), true);
        story.play(100 + (seed % 300));
        const { whole, members } = story;
        story.heal();
        if (whole || members.length === 0) continue;
        lostMembers++;
        const others = story.players.filter(({ id }) => id !== story.lost).map(({ id }) => id);
        expect(story.born, `seed ${seed}\n${story.told.join('\n')}`).to.deep.equal(others);
      }
      expect(lostMembers, 'stories in which it mattered').to.be.above(150);
    });
  });
});
