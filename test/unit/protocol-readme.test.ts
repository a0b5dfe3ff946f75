/** protocol/README.md says what the code does: tables, numbers, and every example byte for byte. UPDATE=1 writes what is generated. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { decode, encode } from '../../protocol/codec.js';
import { decodeEnvelope } from '../../protocol/envelope.js';
import { CODES } from '../../protocol/errors.js';
import { FrameDecoder } from '../../protocol/frame.js';
import { LIMITS } from '../../protocol/limits.js';
import { fromArray, MESSAGES, type MessageOf, toArray } from '../../protocol/messages.js';
import { OPERATIONS, operationName } from '../../protocol/operations.js';
import { decodeMessage } from '../../protocol/wire.js';
import { exampleIn, messageExamples, part, readNotation, renew } from './wire-page.js';

/** The page, from wherever the compiled tests lie below the project. */
function findPage(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'protocol', 'README.md')) && folder !== dirname(folder)) folder = dirname(folder);
  return join(folder, 'protocol', 'README.md');
}

/** The bodies of the frames in `bytes`. */
function bodiesIn(bytes: Buffer): Buffer[] {
  const bodies: Buffer[] = [];
  const fault = new FrameDecoder(LIMITS.frame_bytes_max).push(bytes, (body) => bodies.push(body));
  expect(fault).to.equal(null);
  return bodies;
}

describe('protocol/README.md', () => {
  const file = findPage();
  let page: string;

  before(() => {
    page = readFileSync(file, 'utf8');
    if (process.env['UPDATE'] !== '1') return;
    page = renew(page);
    writeFileSync(file, page);
  });

  it('has its tables and examples as the code has them', () => {
    expect(page).to.equal(renew(page));
  });

  it('explains everything that it lists', () => {
    expect(page).to.not.include('TODO');
    for (const name of ['envelope', 'operations', 'messages', 'errors', 'limits'])
      for (const line of part(page, name).split('\n'))
        if (line.startsWith('|')) expect(line, name).to.not.match(/\|\s*\|/);
  });

  it('lists every message, operation, error and limit, and no other', () => {
    const names = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1]);
    expect(names(part(page, 'messages'), /^### `(\w+)`/gm)).to.deep.equal(Object.keys(MESSAGES));
    for (const [name, catalogue] of Object.entries({ operations: OPERATIONS, errors: CODES, limits: LIMITS }))
      expect(names(part(page, name), /^\| `([\w.]+)`/gm)).to.deep.equal(Object.keys(catalogue));
  });

  for (const kind of Object.keys(MESSAGES))
    it(`has an example of ${kind} that is one, in both directions`, () => {
      const example = messageExamples(page).get(kind);
      expect(example?.array, 'an example').to.not.equal(undefined);
      const array = readNotation(example?.array ?? '');
      const bodies = bodiesIn(Buffer.from(example?.hex ?? '', 'hex'));
      expect(bodies).to.have.length(1);
      const message = decodeMessage(bodies[0] ?? Buffer.alloc(0));
      expect(message.kind).to.equal(kind);
      expect(message).to.deep.equal(fromArray(array));
      expect(toArray(message)).to.deep.equal(array);
    });

  it('has an example of an envelope, which the example of a command carries', () => {
    const example = exampleIn(part(page, 'envelope'));
    const bytes = Buffer.from(example.hex, 'hex');
    expect(decode(bytes)).to.deep.equal(readNotation(example.array));
    const { operation, body } = decodeEnvelope(bytes);
    expect(operationName(operation)).to.equal('queue.enqueue');
    expect(OPERATIONS['queue.enqueue'].argument.check(decode(body))).to.deep.equal([encode('hi')]);
    const command = fromArray(readNotation(messageExamples(page).get('command')?.array ?? '')) as MessageOf<'command'>;
    expect(command.envelope.toString('hex')).to.equal(example.hex);
  });

  it('names only codes, messages and operations that exist', () => {
    const known = new Set([...Object.keys(CODES), ...Object.keys(MESSAGES), ...Object.keys(OPERATIONS)]);
    for (const [, name = ''] of page.matchAll(/`([A-Z][A-Z]+(?:_[A-Z]+)*|[a-z]+\.[a-z]+)`/g))
      if (name !== 'UPDATE') expect([...known], name).to.include(name);
  });
});
