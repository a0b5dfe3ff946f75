/** Clients that use a queue: pipelines of commands and reads, some given up, some cut short, all of them recorded. */
import type { CallOptions, Cluster } from '../../protocol/client/types.js';
import { decode, encode } from '../../protocol/codec.js';
import { Calls, type Told } from './calls.js';
import type { SimulatedCluster } from './cluster.js';
import { checkLinearizable } from './history/check.js';
import { type Operation, Recorder } from './history/history.js';
import { queue } from './history/queue.js';
import type { QueueInput, QueueOutput } from './history/queue-facts.js';
import { BrokenPromise } from './promise.js';
import type { Dice, Swarm } from './swarm.js';
import type { Work } from './workload.js';

/** The one queue there is. */
const QUEUE = 'default';
/** A call allows itself from the first to the second, ms. */
const TIMEOUT_MS_MIN = 300;
const TIMEOUT_MS_MAX = 6000;
/** So long a patient call waits, ms: longer than anything that is wrong. It has to end well. */
const PATIENT_MS = 400_000;

/** What is asked, and how. */
interface Asking {
  readonly input: QueueInput;
  readonly timeout_ms: number;
  readonly patient: boolean;
  /** Given up after this, ms; Infinity: not. */
  readonly giveUp_ms: number;
  /** The node to ask, or ''. */
  readonly node: string;
}

/** As a client asks when all is well. */
const CALMLY = { patient: false, giveUp_ms: Number.POSITIVE_INFINITY, node: '' };

export class QueueWork implements Work {
  readonly calls: Calls;
  readonly atOnce_max = 64;
  readonly #cluster: SimulatedCluster;
  readonly #swarm: Swarm;
  readonly #dice: Dice;
  readonly #recorder = new Recorder<QueueInput, QueueOutput>();
  #bodies = 0;

  constructor(cluster: SimulatedCluster, swarm: Swarm, dice: Dice) {
    this.#cluster = cluster;
    this.#swarm = swarm;
    this.#dice = dice;
    this.calls = new Calls(cluster);
  }

  act(client: Cluster): Promise<unknown> {
    return this.#call(client, this.#draw());
  }

  actPatiently(client: Cluster): Promise<unknown> {
    return this.#call(client, { ...CALMLY, input: this.#enqueue(), timeout_ms: PATIENT_MS, patient: true });
  }

  serve(client: Cluster, timeout_ms: number): Promise<string> {
    return this.#call(client, { ...CALMLY, input: this.#enqueue(), timeout_ms });
  }

  async drain(client: Cluster, timeout_ms: number): Promise<void> {
    for (let empty = false; !empty; ) {
      const ended = await this.#call(client, { ...CALMLY, input: { op: 'dequeue' }, timeout_ms }, (output) => {
        empty = output === null;
      });
      if (ended !== 'ok') throw new BrokenPromise(`a healed cluster answers ${ended}`);
    }
  }

  check(): void {
    const history = this.#recorder.history();
    const { verdict, explanation } = checkLinearizable(queue, history);
    if (verdict !== 'ok') throw new BrokenPromise(`Linearizable: ${explanation}`);
    checkPipelines(history);
  }

  #call(client: Cluster, asking: Asking, got: (output: QueueOutput) => void = () => {}): Promise<string> {
    const { input, timeout_ms, patient } = asking;
    const { time } = this.#cluster;
    const recorder = this.#recorder;
    const handle = recorder.call(client.clientId, QUEUE, input, time.now());
    const what = input.op === 'enqueue' ? `enqueue ${input.body.replace(/\.+$/, '')}` : input.op;
    // A call that waits is allowed its time-out besides.
    const time_ms = input.op === 'dequeue' ? timeout_ms + (input.wait_ms ?? 0) : timeout_ms;
    return this.calls.call(client, { what, time_ms, patient }, () => this.#ask(client, asking), {
      ok: (output) => {
        recorder.ok(handle, output, time.now());
        got(output);
      },
      refused: () => recorder.refused(handle, time.now()),
      unknown: () => recorder.unknown(handle),
    });
  }

  async #ask(client: Cluster, { input, timeout_ms, giveUp_ms, node }: Asking): Promise<Told<QueueOutput>> {
    const options: CallOptions = {
      timeout_ms,
      ...(node !== '' && { node }),
      ...(giveUp_ms < Number.POSITIVE_INFINITY && { signal: this.#giveUpAfter(giveUp_ms) }),
    };
    switch (input.op) {
      case 'enqueue': {
        const { value, ...from } = await client.command('queue.enqueue', [encode(input.body)], options);
        return { output: Number(value), from };
      }
      case 'dequeue': {
        const wait_ms = input.wait_ms ?? 0;
        const waiting = { ...options, timeout_ms: timeout_ms + wait_ms };
        const { value, ...from } = await client.command('queue.dequeue', [wait_ms], waiting);
        if (value === null) return { output: null, from };
        const [id, body] = value as [number, Buffer];
        return { output: { id, body: String(decode(body)) }, from };
      }
      case 'size': {
        const { value, ...from } = await client.read('queue.size', [], options);
        return { output: Number(value), from };
      }
    }
  }

  #giveUpAfter(ms: number): AbortSignal {
    const controller = new AbortController();
    this.#cluster.time.add(ms, () => controller.abort(), this.#cluster.tester);
    return controller.signal;
  }

  #draw(): Asking {
    const dice = this.#dice;
    const what = dice.chance();
    // Of those that wait in the queue many have to be told in the end, whatever happens meanwhile.
    const waits = what >= 0.6 && what < 0.7;
    const patient = dice.happens(waits ? 0.4 : 0.05);
    const timeout_ms = patient ? PATIENT_MS : Math.round(dice.between(TIMEOUT_MS_MIN, TIMEOUT_MS_MAX));
    const giveUp_ms = !patient && dice.happens(0.08) ? dice.below(300) : Number.POSITIVE_INFINITY;
    const named = dice.one(['', ...this.#swarm.ids]);
    const node = !patient && dice.happens(0.1) ? named : '';
    const how = { timeout_ms, patient, giveUp_ms, node };
    if (what < 0.4) return { ...how, input: this.#enqueue() };
    if (what < 0.6) return { ...how, input: { op: 'dequeue' } };
    const wait_ms = dice.below(dice.one([500, 2000, 2 * this.#swarm.ttl_ms]));
    if (waits) return { ...how, input: { op: 'dequeue', wait_ms } };
    return { ...how, input: { op: 'size' }, node: patient ? '' : named };
  }

  #enqueue(): QueueInput {
    const filling = this.#dice.below(this.#swarm.body_bytes + 1);
    return { op: 'enqueue', body: `m${this.#bodies++}`.padEnd(filling, '.') };
  }
}

// What one client asks of a group without waiting is done in the order of asking: linearizability does not ask for that.
function checkPipelines(history: readonly Operation<QueueInput, QueueOutput>[]): void {
  const last = new Map<string, number>();
  for (const { client, input, ...operation } of history) {
    if (input.op !== 'enqueue' || operation.ending !== 'ok') continue;
    const id = Number(operation.output);
    if (id < (last.get(client) ?? 0))
      throw new BrokenPromise(
        `In order: ${input.body} of ${client} is number ${id}, what it sent before ${last.get(client)}`,
      );
    last.set(client, id);
  }
}
