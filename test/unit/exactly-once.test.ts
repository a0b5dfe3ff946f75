/** Exactly once, the whole of it: clients repeat, reorder, void and confirm as they like, and an account of all messages stays right. */
import { expect } from 'chai';
import fc from 'fast-check';
import { type Applied, shardMachine } from '../../node/services/group-machine.js';
import { answer, Replica, valueBytes } from './replica.js';

/** An answer that came; `null`, of an empty queue, is one as well. */
type Answer = { readonly came: unknown };

/** One client's numbers: what each came to, and which of them the group may have forgotten. */
class Client {
  readonly session: number;
  /** The greatest number that took effect. */
  last = 0;
  private readonly answers = new Map<number, Answer>();
  private readonly voided = new Set<number>();
  private readonly waited = new Set<number>();
  private readonly confirmed = new Set<number>();
  private watermark = 0;

  constructor(session: number) {
    this.session = session;
  }

  /** Said with a command: answers up to `number` were received. */
  received(number: number): void {
    this.watermark = Math.max(this.watermark, Math.min(number, this.last));
  }

  /** Said by `lane.confirm`: outcomes of these waits were received. */
  confirms(lanes: readonly number[]): void {
    for (const lane of lanes) if (this.waited.has(lane) && !this.waits(lane)) this.confirmed.add(lane);
  }

  voids(lane: number): void {
    this.voided.add(lane);
  }

  waits(lane: number): boolean {
    return this.answers.get(lane)?.came === 'PENDING';
  }

  /** Holds what a number came to now against all that it came to before; true when it is the first news of an outcome. */
  hears(lane: number, came: unknown): boolean {
    if (came === 'LANE_GAP') {
      expect(lane, 'only what is not next meets a gap').to.be.above(this.last + 1);
      return false;
    }
    expect(lane, 'no number runs before its turn').to.be.at.most(this.last + 1);
    this.last = Math.max(this.last, lane);
    const forgotten = this.waited.has(lane) ? this.confirmed.has(lane) : lane <= this.watermark;
    expect(came === 'LANE_FORGOTTEN', 'forgotten when it was confirmed, and only then').to.equal(forgotten);
    if (forgotten) return false;
    if (came === 'VOID') expect(this.voided.has(lane), 'closed only by a void').to.equal(true);
    const before = this.answers.get(lane);
    if (before !== undefined && before.came !== 'PENDING') {
      expect(came, 'the same answer again').to.deep.equal(before.came);
      return false;
    }
    if (came === 'PENDING') this.waited.add(lane);
    this.answers.set(lane, { came });
    return came !== 'PENDING';
  }
}

/** Which messages went in, and which came out. */
class Account {
  readonly clients = [21, 22, 23].map((session) => new Client(session));
  private readonly sent = new Set<number>();
  private readonly taken = new Set<number>();

  /** Books an entry: first what time or the command settled, then the command's own answer. */
  book({ session, lane, outcome, settled }: Applied): void {
    for (const one of settled) this.note(one.session, one.lane, answer(one.outcome));
    if (outcome !== undefined) this.note(session, lane, answer(outcome));
  }

  take(id: number): void {
    expect(this.taken.has(id), 'no message is delivered twice').to.equal(false);
    this.taken.add(id);
  }

  /** When the queue is empty, what went in is what came out. */
  close(): void {
    expect([...this.taken].sort((a, b) => a - b)).to.deep.equal([...this.sent].sort((a, b) => a - b));
  }

  private note(session: number, lane: number, came: unknown): void {
    const client = this.clients.find((one) => one.session === session) as Client;
    if (!client.hears(lane, came)) return;
    if (typeof came === 'number') {
      expect(this.sent.has(came), 'no id is given twice').to.equal(false);
      this.sent.add(came);
    }
    if (Array.isArray(came)) this.take(came[0]);
  }
}

type Step =
  | { readonly do: 'send'; readonly client: number; readonly ahead: number; readonly received: number }
  | { readonly do: 'void'; readonly client: number; readonly ahead: number }
  | { readonly do: 'confirm'; readonly client: number; readonly back: number }
  | { readonly do: 'pass'; readonly ms: number };

const client = fc.nat(2);
const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: client.map((of): Step => ({ do: 'send', client: of, ahead: 1, received: 0 })) },
    {
      weight: 8,
      arbitrary: fc
        .tuple(client, fc.integer({ min: -4, max: 2 }), fc.constantFrom(0, 0, 2, 5))
        .map(([of, ahead, received]): Step => ({ do: 'send', client: of, ahead, received })),
    },
    {
      weight: 3,
      arbitrary: fc
        .tuple(client, fc.integer({ min: -4, max: 2 }))
        .map(([of, ahead]): Step => ({ do: 'void', client: of, ahead })),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(client, fc.nat(4)).map(([of, back]): Step => ({ do: 'confirm', client: of, back })),
    },
    { weight: 2, arbitrary: fc.nat(8).map((ms): Step => ({ do: 'pass', ms })) },
  ),
  { maxLength: 200, size: 'max' },
);
/** What a client's numbers stand for, again and again. */
const script = fc.array(fc.constantFrom('enqueue', 'dequeue', 'wait'), { minLength: 1, maxLength: 7 });

describe('clients that repeat, reorder, void and confirm as they like', () => {
  it('see each command run at most once, in order, with one answer for good, and no message lost or doubled', () => {
    fc.assert(
      fc.property(steps, script, (list, kinds) => {
        const s0 = new Replica(shardMachine('s0'));
        const account = new Account();
        for (const step of list) {
          if (step.do === 'pass') {
            account.book(s0.wait(step.ms));
            continue;
          }
          const of = account.clients[step.client] as Client;
          if (step.do === 'confirm') {
            const lanes = [of.last - step.back, of.last - step.back - 1].filter((lane) => lane > 0);
            const applied = s0.run(of.session, of.last + 1, 'lane.confirm', [lanes]);
            of.confirms(lanes);
            account.book(applied);
            continue;
          }
          const lane = Math.max(1, of.last + step.ahead);
          if (step.do === 'void') {
            of.voids(lane);
            account.book(s0.run(of.session, lane, 'lane.void', []));
            continue;
          }
          const confirmed = Math.max(0, lane - 1 - step.received) * Math.sign(step.received);
          of.received(confirmed);
          const kind = kinds[(lane + step.client) % kinds.length];
          account.book(
            kind === 'enqueue'
              ? s0.run(of.session, lane, 'queue.enqueue', [valueBytes(lane)], { confirmed })
              : s0.run(of.session, lane, 'queue.dequeue', [kind === 'wait' ? 10 : 0], { confirmed }),
          );
        }
        // What is left is taken out by somebody else.
        for (let lane = 1; ; lane++) {
          const came = s0.ask(99, lane, 'queue.dequeue', [0], { confirmed: lane - 1 });
          if (came === null) break;
          account.take((came as [number, Buffer])[0]);
        }
        account.close();
      }),
      { numRuns: 250 },
    );
  });
});
