/** The generated parts of protocol/README.md: read off the page what people wrote, and set beside it what the code says. */
import { encode } from '../../protocol/codec.js';
import { ENVELOPE_FIELDS } from '../../protocol/envelope.js';
import { CODES } from '../../protocol/errors.js';
import type { Field } from '../../protocol/fields.js';
import { FrameWriter } from '../../protocol/frame.js';
import { LIMITS } from '../../protocol/limits.js';
import { MESSAGES, type Sender } from '../../protocol/messages.js';
import { OPERATIONS } from '../../protocol/operations.js';

const SENDERS: Record<Sender, string> = {
  both: 'either side',
  client: 'client to node',
  node: 'node to client',
  peer: 'peer to peer',
};

/** An example on the page: the array as written, and the bytes beneath it. */
export interface Example {
  readonly array: string;
  readonly hex: string;
}

/** What stands between the marks of that name. */
export function part(page: string, name: string): string {
  return split(page, name)[1];
}

/** The page with all generated parts as the code has them; what people wrote there is kept. */
export function renew(page: string): string {
  const parts = { envelope, operations, messages, errors, limits };
  let renewed = page;
  for (const [name, write] of Object.entries(parts)) {
    const [before, inside, after] = split(renewed, name);
    renewed = `${before}\n${write(inside).trim()}\n${after}`;
  }
  return renewed;
}

/** The example of each message, by name. */
export function messageExamples(page: string): Map<string, Example> {
  return new Map(sections(part(page, 'messages')).map(([name, body]) => [name, exampleIn(body)]));
}

/** The one example in a text. */
export function exampleIn(body: string): Example {
  const lines = body.split('\n');
  const array = lines.find((line) => line.startsWith('[')) ?? '';
  const hex = lines.filter((line) => /^[0-9a-f]{2}( [0-9a-f]{2})*$/.test(line)).join(' ');
  return { array, hex: hex.replaceAll(' ', '') };
}

/** The value that the page's notation stands for: JSON with bytes as h'00ff'. */
export function readNotation(notation: string): unknown {
  const json = notation.replaceAll(/h'([0-9a-f]*)'/g, '{"$hex":"$1"}');
  return JSON.parse(json, (_key, value) =>
    typeof value === 'object' && value !== null && '$hex' in value ? Buffer.from(String(value.$hex), 'hex') : value,
  );
}

function split(page: string, name: string): [string, string, string] {
  const match = new RegExp(`^([^]*<!-- generated: ${name} -->)([^]*?)(<!-- end -->[^]*)$`).exec(page);
  if (!match) throw new Error(`the page has no part ${name}`);
  return [match[1] ?? '', match[2] ?? '', match[3] ?? ''];
}

function envelope(inside: string): string {
  const meanings = cells(inside);
  const rows = Object.entries({ version: { holds: '1' }, ...ENVELOPE_FIELDS }).map(([name, field]) =>
    row(code(name), field.holds, meaningIn(meanings, name)),
  );
  const { array } = exampleIn(inside);
  return [table('Field', 'Type', 'Meaning'), ...rows, '', ...block(array, encode(readNotation(array)))].join('\n');
}

function operations(inside: string): string {
  const written = cells(inside);
  const rows = Object.entries(OPERATIONS).map(([name, { number, form, argument }]) => {
    const [result = 'TODO', meaning = 'TODO'] = written.get(name)?.slice(-2) ?? [];
    return row(code(name), number, form, code(argument.holds), result, meaning);
  });
  return [table('Operation', 'Number', 'Form', 'Argument', 'Result', 'Meaning'), ...rows].join('\n');
}

function messages(inside: string): string {
  const written = new Map(sections(inside));
  return Object.entries(MESSAGES)
    .map(([name, { number, sender, fields }]) => {
      const body = written.get(name) ?? '';
      const meanings = cells(body);
      const said = body.split('\n').find((line) => /^[A-Z]/.test(line)) ?? 'TODO';
      const rows = Object.entries<Field<unknown>>(fields).map(([field, { holds }]) =>
        row(code(field), holds, meaningIn(meanings, field)),
      );
      const { array } = exampleIn(body);
      const head = `### ${code(name)} · ${number} · ${SENDERS[sender]}`;
      return [head, '', said, '', table('Field', 'Type', 'Meaning'), ...rows, '', ...block(array, frame(array))].join(
        '\n',
      );
    })
    .join('\n\n');
}

function errors(): string {
  const rows = Object.entries(CODES).map(([name, { definite, meaning, hint }]) =>
    row(code(name), definite ? 'yes' : 'no', meaning, hint),
  );
  return [table('Code', 'Definite', 'Meaning', 'Hint'), ...rows].join('\n');
}

function limits(inside: string): string {
  const meanings = cells(inside);
  const rows = Object.entries(LIMITS).map(([name, value]) =>
    row(code(name), value.toLocaleString('en-US'), meaningIn(meanings, name)),
  );
  return [table('Name', 'Value', 'Meaning'), ...rows].join('\n');
}

/** [name, text] of each section that begins with "### name". */
function sections(inside: string): [string, string][] {
  return inside
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const [head = '', ...rest] = section.split('\n');
      return [head.split(' ')[0]?.replaceAll('`', '') ?? '', rest.join('\n')];
    });
}

/** The cells of every row of the tables in a text, by the name in the first one. */
function cells(inside: string): Map<string, string[]> {
  const rows = inside.split('\n').filter((line) => line.startsWith('| '));
  return new Map(
    rows.map((line) => {
      const [name = '', ...rest] = line
        .slice(1, line.lastIndexOf('|'))
        .split('|')
        .map((cell) => cell.trim());
      return [name.replaceAll('`', ''), rest];
    }),
  );
}

function meaningIn(meanings: Map<string, string[]>, name: string): string {
  return meanings.get(name)?.at(-1) || 'TODO';
}

function table(...heads: string[]): string {
  return `${row(...heads)}\n${row(...heads.map(() => '---'))}`;
}

function row(...values: (string | number)[]): string {
  return `| ${values.join(' | ')} |`;
}

function code(text: string): string {
  return `\`${text}\``;
}

function block(array: string, bytes: Buffer): string[] {
  const pairs = bytes.toString('hex').match(/../g) ?? [];
  const lines: string[] = [];
  for (let i = 0; i < pairs.length; i += 32) lines.push(pairs.slice(i, i + 32).join(' '));
  return ['```', array, ...lines, '```'];
}

function frame(array: string): Buffer {
  const writer = new FrameWriter();
  writer.add(encode(readNotation(array)));
  return writer.take() ?? Buffer.alloc(0);
}
