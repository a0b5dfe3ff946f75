/** The gates in front of a node's links: what passes at once, late or never, and that order is kept. */
import { expect } from 'chai';
import { Gates, WAITING_MAX } from '../../node/network/gate.js';
import type { Message } from '../../protocol/messages.js';
import { seeded, VirtualTime } from './virtual-time.js';

const NEWS: Message = { kind: 'heartbeat', round: 1, groups: [] } as unknown as Message;
const INTRODUCTION: Message = { kind: 'introduction', cluster: 'c', incarnation: 'i', born: true, recorded: '' };

describe('the gates of a node', () => {
  let time: VirtualTime;
  let gates: Gates;
  let sent: string[];

  beforeEach(() => {
    time = new VirtualTime();
    gates = new Gates(time, seeded(1), ['n2', 'n3']);
    sent = [];
  });

  function say(text: string, peer = 'n2', message = NEWS): void {
    gates.pass(peer, message, () => sent.push(text));
  }

  it('let everything through at once while nothing is in force', () => {
    say('a');
    say('b', 'n3');
    say('c', 'a stranger');
    expect(sent).to.deep.equal(['a', 'b', 'c']);
    expect([gates.isCut('n2'), gates.hears('n2')]).to.deep.equal([false, true]);
  });

  it('drop what goes to a peer that shall not hear, and to no other', () => {
    gates.set('n2', { deaf: true });
    say('a');
    say('b', 'n3');
    expect(sent).to.deep.equal(['b']);
    expect([gates.isCut('n2'), gates.hears('n2'), gates.isCut('n3')]).to.deep.equal([true, true, false]);
    gates.heal('n2');
    say('c');
    expect(sent).to.deep.equal(['b', 'c']);
  });

  it('hear nothing of a peer that shall be mute, and still speak to it', () => {
    gates.set('n2', { mute: true });
    say('a');
    expect(sent).to.deep.equal(['a']);
    expect([gates.isCut('n2'), gates.hears('n2'), gates.hears('n3')]).to.deep.equal([true, false, true]);
  });

  it('let messages leave late, in order', () => {
    gates.set('n2', { delay_ms: 200 });
    say('a');
    time.pass(100);
    say('b');
    say('c', 'n3');
    time.pass(99);
    expect(sent).to.deep.equal(['c']);
    time.pass(1);
    expect(sent).to.deep.equal(['c', 'a']);
    time.pass(100);
    expect(sent).to.deep.equal(['c', 'a', 'b']);
  });

  it('keep the order when a link gets slower, and faster, and whole', () => {
    gates.set('n2', { delay_ms: 100 });
    say('a');
    gates.set('n2', { delay_ms: 300 });
    say('b');
    time.pass(100);
    expect(sent).to.deep.equal(['a']);
    gates.set('n2', { delay_ms: 50 });
    expect(sent).to.deep.equal(['a', 'b']);
    say('c');
    time.pass(50);
    expect(sent).to.deep.equal(['a', 'b', 'c']);
    say('d');
    gates.heal('n2');
    say('e');
    expect(sent).to.deep.equal(['a', 'b', 'c', 'd', 'e']);
  });

  it('lose what is on its way when the link is cut', () => {
    gates.set('n2', { delay_ms: 100 });
    say('a');
    gates.set('n2', { deaf: true });
    gates.heal('n2');
    time.pass(1000);
    expect(sent).to.deep.equal([]);
  });

  it('lose about as much as they are told to', () => {
    gates.set('n2', { loss_percent: 30 });
    for (let i = 0; i < 10_000; i++) say(String(i));
    expect(sent.length).to.be.within(6800, 7200);
    gates.set('n2', { loss_percent: 100 });
    sent = [];
    for (let i = 0; i < 100; i++) say(String(i));
    expect(sent).to.deep.equal([]);
  });

  it('never lose an introduction by chance: it is said only once', () => {
    gates.set('n2', { loss_percent: 100 });
    say('who I am', 'n2', INTRODUCTION);
    expect(sent).to.deep.equal(['who I am']);
    gates.set('n2', { deaf: true });
    say('who I am', 'n2', INTRODUCTION);
    expect(sent).to.have.length(1);
  });

  it('hold a bounded number of messages', () => {
    gates.set('n2', { delay_ms: 100 });
    for (let i = 0; i < WAITING_MAX + 10; i++) say(String(i));
    time.pass(100);
    expect(sent.length).to.equal(WAITING_MAX);
    expect(sent.at(-1)).to.equal(String(WAITING_MAX - 1));
  });
});
