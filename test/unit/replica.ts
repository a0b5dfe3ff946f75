/** Words for tests of the groups' state machines: a replica fed entry by entry, as a client writes and a leader proposes them. */
import fc from 'fast-check';

import { commandEntry, firstCommandEntry, tickEntry } from '../../node/services/entry.js';
import type { Applied, GroupMachine } from '../../node/services/group-machine.js';
import type { Outcome } from '../../node/services/machine.js';
import { decode, encode } from '../../protocol/codec.js';
import { encodeEnvelope } from '../../protocol/envelope.js';
import { type ArgumentOf, OPERATIONS, type OperationName } from '../../protocol/operations.js';

/** What a test may say about a command besides its name and argument. */
export interface EnvelopeOptions {
  readonly confirmed?: number;
  readonly name?: string;
  readonly fence?: string;
  readonly group?: string;
}

/** The argument of an operation, encoded. */
export function bodyOf<N extends OperationName>(_name: N, argument: ArgumentOf<N>): Buffer {
  return encode(argument);
}

/** The envelope of a command. */
export function envelopeOf<N extends OperationName>(
  group: string,
  session: number,
  lane: number,
  name: N,
  argument: ArgumentOf<N>,
  options: EnvelopeOptions = {},
): Buffer {
  return encodeEnvelope({
    group: options.group ?? group,
    session,
    lane,
    confirmed: options.confirmed ?? 0,
    deadline_ms: 5000,
    name: options.name ?? '',
    fence: options.fence ?? '',
    principal: '',
    operation: OPERATIONS[name].number,
    body: bodyOf(name, argument),
  });
}

/** An outcome as one looks at it: the value of a result, the code of a refusal, 'PENDING'; undefined when there is none. */
export function answer(outcome: Outcome | undefined): unknown {
  switch (outcome?.form) {
    case 'result':
      return decode(outcome.bytes);
    case 'refusal':
      return outcome.code;
    case 'pending':
      return 'PENDING';
    case undefined:
      return undefined;
  }
}

/** The bytes of a small value. */
export function valueBytes(value: unknown): Buffer {
  return encode(value);
}

/** Any value that a client can send. */
export const anyValue: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc.nat(300),
    fc.double({ min: -1, max: 1 }),
    fc.string(),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value')),
    fc.dictionary(fc.constantFrom('a', 'b', 'key'), tie('value')),
  ),
})).value;

/** A machine with the index and the cluster time that it has come to. */
export class Replica {
  readonly machine: GroupMachine;
  index = 0;
  time = 0;

  constructor(machine: GroupMachine) {
    this.machine = machine;
  }

  apply(entry: Buffer): Applied {
    this.index++;
    return this.machine.applyEntry(entry, { index: this.index, term: 1, time: this.time });
  }

  /** Applies a command as a leader proposes it that has just seen the session alive. */
  run<N extends OperationName>(
    session: number,
    lane: number,
    name: N,
    argument: ArgumentOf<N>,
    options: EnvelopeOptions = {},
  ): Applied {
    const envelope = envelopeOf(this.machine.group, session, lane, name, argument, options);
    const known = this.machine.hasLane(session) || this.machine.group === 'c';
    return this.apply(known ? commandEntry(envelope) : firstCommandEntry(this.machine.horizon, envelope));
  }

  /** Applies a command and gives its answer. */
  ask<N extends OperationName>(
    session: number,
    lane: number,
    name: N,
    argument: ArgumentOf<N>,
    options: EnvelopeOptions = {},
  ): unknown {
    return answer(this.run(session, lane, name, argument, options).outcome);
  }

  /** Lets cluster time pass, then applies a tick. */
  wait(ms: number): Applied {
    this.time += ms;
    return this.apply(tickEntry());
  }

  /** The answer to a read. */
  look<N extends OperationName>(name: N, argument: ArgumentOf<N>, about = ''): unknown {
    return answer(this.machine.read(OPERATIONS[name].number, bodyOf(name, argument), about));
  }
}
