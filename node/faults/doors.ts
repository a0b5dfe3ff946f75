/**
 * The fault doors of a node: the words by which tests and drills break it while it runs, and what is in force. Whoever reaches the
 * port may use them, so a node has none unless it was started with them.
 */
import { isAbsolute, join, normalize } from 'node:path';
import type { Fault } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import { type Field, FieldError, flag, list, text, u32, u53 } from '../../protocol/fields.js';
import { LIMITS } from '../../protocol/limits.js';
import type { Gates } from '../network/gate.js';
import type { Files } from '../world.js';
import type { FaultyFiles } from './disk.js';
import { flipBit } from './flip.js';

/** Longest delay of a link or a sync, ms. */
const DELAY_MS_MAX = 600_000;

/** The words that the doors take. */
export const FAULT_WORDS = ['partition', 'slow', 'lose', 'fill', 'heal', 'faults', 'flip'] as const;
export type FaultWord = (typeof FAULT_WORDS)[number];

/** True for a word that the doors take. */
export function isFaultWord(word: string): word is FaultWord {
  return (FAULT_WORDS as readonly string[]).includes(word);
}

/** What can be broken. */
export interface Breakable {
  readonly gates: Gates;
  readonly disk: FaultyFiles;
  /** For bits to be flipped: the disk as it is, whatever faults are on. */
  readonly files: Files;
  /** The node's data folder. */
  readonly data: string;
}

type Argument = Readonly<Record<string, unknown>>;
type Answer = (error: ConcordError | null, value: unknown) => void;

const PEERS = list(text(LIMITS.id_length_max), LIMITS.members_max);

export class FaultDoors {
  readonly gates: Gates;
  readonly #disk: FaultyFiles;
  readonly #files: Files;
  readonly #data: string;

  constructor({ gates, disk, files, data }: Breakable) {
    this.gates = gates;
    this.#disk = disk;
    this.#files = files;
    this.#data = data;
  }

  /** Everything that is in force. */
  faults(): Fault[] {
    const rows: Fault[] = this.gates.peers().flatMap((peer) => this.#linkFaults(peer));
    if (this.#disk.full) rows.push(row({ fault: 'fill' }));
    if (this.#disk.sync_ms > 0) rows.push(row({ fault: 'slow', ms: this.#disk.sync_ms }));
    return rows;
  }

  /** Carries out a word; answers `{faults}`, or what was flipped. @throws ConcordError, FieldError before anything has changed */
  order(word: FaultWord, argument: Argument, answer: Answer): void {
    switch (word) {
      case 'partition':
        this.#partition(argument);
        break;
      case 'slow':
        this.#slow(argument);
        break;
      case 'lose':
        this.#lose(argument);
        break;
      case 'fill':
        this.#disk.full = true;
        break;
      case 'heal':
        this.#heal(argument);
        break;
      case 'faults':
        break;
      case 'flip':
        this.#flip(argument, answer);
        return;
    }
    answer(null, { faults: this.faults() });
  }

  #partition(argument: Argument): void {
    const way = named('way', WAY, argument);
    const cut = { ...(way === 'in' ? {} : { deaf: true }), ...(way === 'out' ? {} : { mute: true }) };
    for (const peer of this.#peers(argument)) this.gates.set(peer, cut);
  }

  #slow(argument: Argument): void {
    const ms = named('ms', u32, argument);
    if (ms > DELAY_MS_MAX) throw new FieldError(`ms is at most ${DELAY_MS_MAX}`);
    if (named('disk', flag, argument)) this.#disk.sync_ms = ms;
    else for (const peer of this.#peers(argument)) this.gates.set(peer, { delay_ms: ms });
  }

  #lose(argument: Argument): void {
    const loss_percent = named('percent', PERCENT, argument);
    for (const peer of this.#peers(argument)) this.gates.set(peer, { loss_percent });
  }

  #heal(argument: Argument): void {
    for (const peer of this.#peers(argument)) this.gates.heal(peer);
    if (argument['peers'] != null) return;
    this.#disk.full = false;
    this.#disk.sync_ms = 0;
  }

  #flip(argument: Argument, answer: Answer): void {
    const file = named('file', text(LIMITS.name_length_max), argument);
    const offset = named('offset', u53, argument);
    const bit = named('bit', u32, argument);
    const inside = normalize(file);
    if (file === '' || isAbsolute(file) || inside.startsWith('..'))
      throw new FieldError('file is a path inside the data folder');
    if (bit > 7) throw new FieldError('bit is 0 to 7');
    flipBit(this.#files, join(this.#data, inside), offset, bit, (error, flipped) => {
      if (error !== null) answer(new ConcordError('INVALID', `flip: ${file}, byte ${offset}: ${error.message}`), null);
      else answer(null, { file: inside, offset, ...flipped });
    });
  }

  /** The members that a word names, or all others. */
  #peers(argument: Argument): string[] {
    const all = this.gates.peers();
    if (argument['peers'] == null) return all;
    const peers = named('peers', PEERS, argument);
    const stranger = peers.find((peer) => !all.includes(peer));
    if (stranger === undefined) return peers;
    throw new ConcordError('UNKNOWN_NODE', `${stranger} is no other member: there are ${all.join(', ')}`);
  }

  #linkFaults(peer: string): Fault[] {
    const { deaf, mute, delay_ms, loss_percent } = this.gates.of(peer);
    const rows: Fault[] = [];
    if (deaf || mute) rows.push(row({ fault: 'partition', peer, way: deaf && mute ? 'both' : deaf ? 'out' : 'in' }));
    if (delay_ms > 0) rows.push(row({ fault: 'slow', peer, ms: delay_ms }));
    if (loss_percent > 0) rows.push(row({ fault: 'lose', peer, percent: loss_percent }));
    return rows;
  }
}

const WAY: Field<'both' | 'out' | 'in'> = {
  holds: 'both, out or in',
  check(value) {
    if (value === 'both' || value === 'out' || value === 'in') return value;
    throw new FieldError(`expected ${this.holds}`);
  },
};

const PERCENT: Field<number> = {
  holds: 'a number of 0 to 100',
  check(value) {
    if (typeof value === 'number' && value >= 0 && value <= 100) return value;
    throw new FieldError(`expected ${this.holds}`);
  },
};

function named<T>(name: string, field: Field<T>, argument: Argument): T {
  try {
    return field.check(argument[name]);
  } catch (error) {
    throw error instanceof FieldError ? new FieldError(`${name}: ${error.message}`) : error;
  }
}

function row(fault: Partial<Fault> & Pick<Fault, 'fault'>): Fault {
  return { peer: null, way: null, ms: null, percent: null, ...fault };
}
