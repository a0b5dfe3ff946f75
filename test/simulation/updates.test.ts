/**
 * What a lock cannot do by itself, and does with its tokens: several clients read, change and write back the same thing, each while it
 * holds the lock, some of them for longer than they hold it. Without fencing some updates are lost, or this would show nothing.
 */
import { expect } from 'chai';
import type { Cluster } from '../../protocol/client/types.js';
import { encode } from '../../protocol/codec.js';
import { ConcordError } from '../../protocol/errors.js';
import type { SimulatedCluster } from './cluster.js';
import { Cell } from './guarded.js';
import { Dice } from './swarm.js';
import { drained, running } from './words.js';

const SEEDS = 15;
const CLIENTS = 3;
const ROUNDS = 5;
/** The cluster takes the lock away after this, ms; what is done under it takes up to three times as long. */
const HOLD_MS = 400;
const SLOW_MS = 1200;
/** All clients are done by then, ms. */
const DONE_MS = 120_000;

/** What came of it. */
interface Outcome {
  /** Updates of the cell that were overwritten unseen, of so many. */
  lost: number;
  updates: number;
  /** Messages that do not say how many were before them, of so many. */
  misplaced: number;
  messages: number;
  /** How often somebody was turned away. */
  refused: number;
}

async function play(seed: number, fenced: boolean): Promise<Outcome> {
  const cluster = await running({}, seed);
  const dice = new Dice(cluster.random);
  const cell = new Cell(cluster.time, dice, SLOW_MS, fenced);
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, (_, i) => cluster.result(cluster.client(`w${i}`, { ttl_ms: 2000 }))),
  );
  const [reader] = clients;
  let done = 0;
  let refused = 0;
  for (const client of clients)
    void work(cluster, dice, cell, client, fenced).then((turnedAway) => {
      done++;
      refused += turnedAway;
    });
  await cluster.until(() => done === CLIENTS, DONE_MS);
  const bodies = reader === undefined ? [] : await drained(cluster, reader.queue());
  const misplaced = bodies.filter((body, place) => body !== place).length;
  const { lost, updates } = cell;
  return { lost, updates, misplaced, messages: bodies.length, refused: refused + cell.refused };
}

/** Updates both, again and again. It takes no care: it does not look whether it still holds the lock. How often it was turned away. */
async function work(cluster: SimulatedCluster, dice: Dice, cell: Cell, client: Cluster, fenced: boolean) {
  const process = cluster.processOf(client.clientId);
  const think = (ms: number) => new Promise<void>((resolve) => void process.after(ms, resolve));
  let refused = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const lock = await client.lock('guard').acquire({ wait_ms: DONE_MS, hold_ms: HOLD_MS });
    const fence = fenced ? { fence: lock.fence } : {};
    try {
      await cell.addOne(process, lock.token);
      const { value: size } = await client.read('queue.size', [], fence);
      await think(dice.between(0, SLOW_MS));
      await client.command('queue.enqueue', [encode(Number(size))], fence);
      await lock.release();
    } catch (error) {
      if (!(error instanceof ConcordError)) throw error;
      if (error.code === 'FENCED') refused++;
      else if (error.code !== 'LOCK_LOST') throw error;
    }
  }
  return refused;
}

async function playAll(fenced: boolean): Promise<Outcome> {
  const all: Outcome = { lost: 0, updates: 0, misplaced: 0, messages: 0, refused: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    const outcome = await play(seed, fenced);
    for (const key of Object.keys(all) as (keyof Outcome)[]) all[key] += outcome[key];
  }
  return all;
}

describe('An update under a lock', function () {
  this.timeout(60_000);

  it('is never lost where its token is looked at, inside the cluster and outside', async () => {
    const { lost, misplaced, refused, updates, messages } = await playAll(true);
    expect({ lost, misplaced }).to.deep.equal({ lost: 0, misplaced: 0 });
    expect(updates).to.be.greaterThan(SEEDS);
    expect(messages).to.be.greaterThan(SEEDS);
    expect(refused, 'somebody came too late').to.be.greaterThan(0);
  });

  it('is lost now and then where nobody looks: a lock alone cannot hinder who believes to hold it', async () => {
    const { lost, misplaced } = await playAll(false);
    expect(lost, 'updates of the cell').to.be.greaterThan(0);
    expect(misplaced, 'messages').to.be.greaterThan(0);
  });
});
