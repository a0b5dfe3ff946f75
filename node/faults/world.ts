/** The world of a node that may be broken: its disk behind a wrapper, its links behind gates, and the doors to both. */
import { join } from 'node:path';
import { Gates } from '../network/gate.js';
import type { World } from '../world.js';
import { FaultyFiles } from './disk.js';
import { FaultDoors } from './doors.js';
import { holdWrites } from './held-files.js';

/** In the data folder: what has no durable name yet while writes are held back. */
const ASIDE = '.unnamed';

/** What the doors have to know of their node. */
export interface FaultPlan {
  readonly id: string;
  /** Its data folder, which exists. */
  readonly data: string;
  readonly members: ReadonlyMap<string, string>;
  /** Hold every write back until its sync. Only for the real world. */
  readonly hold: boolean;
}

/** The world as the node gets it, and the doors through which it is broken. */
export function breakableWorld(world: World, plan: FaultPlan): { world: World; faults: FaultDoors } {
  const files = plan.hold ? holdWrites(join(plan.data, ASIDE)) : world.files;
  const disk = new FaultyFiles(files, world.scheduler);
  const peers = [...plan.members.keys()].filter((id) => id !== plan.id);
  const gates = new Gates(world.scheduler, world.random, peers);
  const faults = new FaultDoors({ gates, disk, files, data: plan.data });
  return { world: { ...world, files: disk }, faults };
}
