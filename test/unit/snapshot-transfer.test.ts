/** A snapshot on its way between two nodes whose messages get lost, come twice, and overtake each other. */
import { expect } from 'chai';
import { encodeHead } from '../../node/checkpoint-head.js';
import { MACHINE_VERSION } from '../../node/services/group-machine.js';
import { SnapshotReceiver } from '../../node/snapshots/receiver.js';
import { SnapshotSender } from '../../node/snapshots/sender.js';
import type { Base, BaseWrite, Row } from '../../node/storage/base.js';
import type { Message, MessageOf } from '../../protocol/messages.js';

const ROW_BYTES = 100_000;
const ROWS = 5;
/** Longer than anybody may be silent who is asked again and again, ms. */
const LONG_MS = 40_000;
/** Longer than anybody may be silent who is not asked, ms. */
const WHILE_MS = 5000;

/** A base with some rows, which remembers into which spaces were written and which were dropped. */
class FakeBase {
  readonly written: number[] = [];
  readonly dropped: number[] = [];

  bytes(): number {
    return 0;
  }

  read() {
    const rows = Array.from(
      { length: ROWS },
      (_, i): Row => ({ key: Buffer.from([i]), value: Buffer.alloc(ROW_BYTES, i) }),
    );
    return { next: () => rows.splice(0, 1), close() {} };
  }

  begin(): BaseWrite {
    return { add: (space) => this.written.push(space), commit: (_, done) => done(null), abandon() {} };
  }

  drop(space: number): void {
    this.dropped.push(space);
  }
}

describe('a snapshot on its way', () => {
  let now: number;
  let term: number;
  let outcome: string[];
  let receiving: FakeBase;
  let sender: SnapshotSender;
  let receiver: SnapshotReceiver;
  /** What was sent and has not been delivered. */
  let toReceiver: Message[];
  let toSender: Message[];

  function newSender(): SnapshotSender {
    const configuration = { voters: ['n1', 'n2', 'n3'], outgoing: [], learners: [] };
    const head = { space: 1, index: 9, term: 1, time: 0, configuration, machine: MACHINE_VERSION };
    return new SnapshotSender(new FakeBase() as unknown as Base, {
      now: () => now,
      term: () => term,
      checkpoint: () => ({ head, bytes: encodeHead(head) }),
      send: (_, message) => toReceiver.push(message),
      sent: (_, to, index) => outcome.push(`${to} has ${index}`),
      failed: (_, to) => outcome.push(`${to} failed`),
      fatal: (error) => {
        throw error;
      },
    });
  }

  beforeEach(() => {
    now = 0;
    term = 1;
    outcome = [];
    toReceiver = [];
    toSender = [];
    receiving = new FakeBase();
    let space = 0;
    sender = newSender();
    receiver = new SnapshotReceiver(receiving as unknown as Base, {
      now: () => now,
      send: (_, message) => toSender.push(message),
      heard: () => true,
      wants: () => true,
      mayInstall: () => true,
      newSpace: () => ++space,
      whenQuiet: (_, begins) => begins(),
      installed: (_, head, leaderTerm) => outcome.push(`installed ${head.index} of a leader of term ${leaderTerm}`),
      fatal: (error) => {
        throw error;
      },
    });
  });

  /** Delivers what waits, but for what `lost` names, until nothing is left; then time passes and the sender looks again. */
  function go(lost: (message: Message) => boolean = () => false): void {
    for (let i = 0; i < 100; i++) {
      for (const message of toReceiver.splice(0)) {
        if (lost(message)) continue;
        if (message.kind === 'snapshot_offer') receiver.onOffer('n1', message);
        if (message.kind === 'snapshot_rows') receiver.onRows('n1', message);
      }
      for (const message of toSender.splice(0))
        if (message.kind === 'snapshot_ack' && !lost(message)) sender.onAck('n2', message);
      now += 5;
      sender.turn();
    }
  }

  it('arrives', () => {
    sender.begin('s0', 'n2');
    go();
    expect(outcome).to.deep.equal(['installed 9 of a leader of term 1', 'n2 has 9']);
  });

  for (const kind of ['snapshot_offer', 'snapshot_rows', 'snapshot_ack'])
    it(`arrives although the first ${kind} is lost: who is silent is asked how far it is`, () => {
      let lost = false;
      sender.begin('s0', 'n2');
      go((message) => {
        const first = !lost && message.kind === kind;
        lost ||= first;
        return first;
      });
      now += WHILE_MS;
      sender.turn();
      go();
      expect(outcome).to.deep.equal(['installed 9 of a leader of term 1', 'n2 has 9']);
      expect(new Set(receiving.written), 'into one space').to.deep.equal(new Set([1]));
    });

  it('ends when nothing is heard of the receiver for long, so that others have their turn', () => {
    sender.begin('s0', 'n2');
    go(() => true);
    expect(sender.needs('s0')).to.equal(9);
    now += LONG_MS;
    sender.turn();
    expect(outcome).to.deep.equal(['n2 failed']);
    expect(sender.needs('s0')).to.equal(Number.POSITIVE_INFINITY);
  });

  it('does not end because an acknowledgement was overtaken by a later one', () => {
    sender.begin('s0', 'n2');
    for (const message of toReceiver.splice(0)) receiver.onOffer('n1', message as MessageOf<'snapshot_offer'>);
    sender.onAck('n2', toSender.splice(0)[0] as MessageOf<'snapshot_ack'>);
    now += 5;
    sender.turn();
    for (const message of toReceiver.splice(0)) receiver.onRows('n1', message as MessageOf<'snapshot_rows'>);
    expect(toSender.length).to.be.above(1);
    toSender.reverse();
    go();
    expect(outcome.at(-1)).to.equal('n2 has 9');
    expect(outcome).to.not.include('n2 failed');
  });

  it('is another one, of another term, when its leader has started again and counts from one', () => {
    sender.begin('s0', 'n2');
    go((message) => message.kind === 'snapshot_rows');
    sender = newSender();
    term = 3;
    sender.begin('s0', 'n2');
    go();
    expect(outcome).to.deep.equal(['installed 9 of a leader of term 3', 'n2 has 9']);
    expect(receiving.dropped).to.deep.equal([1]);
  });

  it('begins anew where the receiver has forgotten it', () => {
    sender.begin('s0', 'n2');
    let rows = 0;
    go((message) => message.kind === 'snapshot_rows' && ++rows > 2);
    receiver.close();
    now += WHILE_MS;
    sender.turn();
    go();
    expect(outcome).to.deep.equal(['n2 failed']);
    sender.begin('s0', 'n2');
    go();
    expect(outcome.at(-1)).to.equal('n2 has 9');
  });
});
