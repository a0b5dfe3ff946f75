/** A batch of plain text: one command a line, comments behind `#`; each is run as `concord < file` would. */
import { basename, extname } from 'node:path';
import { isBlank } from '../grammar/lex.js';
import type { Batch, RunStep } from './batch.js';
import { checkCommand } from './check-command.js';
import { BATCH_LIMITS } from './limits.js';
import type { Mistakes } from './source.js';
import { literally } from './template.js';

/** The name of the only client of a batch that names none. */
export const ONLY_CLIENT = 'main';

/** The batch in `text`; up to an `exit` if there is one. */
export function linesBatch(text: string, file: string, mistakes: Mistakes): Batch {
  const steps: RunStep[] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (isBlank(line)) continue;
    const place = { line: i + 1, column: line.search(/\S/) + 1 };
    const checked = checkCommand(line);
    if ('message' in checked)
      mistakes.add({ ...place, column: (checked.position ?? place.column - 1) + 1 }, checked.message);
    else if (checked.word === 'exit') break;
    const more = { expect: null, capture: [], within_ms: null, as: null, repeat: null };
    steps.push({ kind: 'run', number: steps.length + 1, place, command: literally(line.trim()), ...more });
  }
  if (steps.length === 0) mistakes.add({ line: 1, column: 1 }, 'there are no commands');
  if (steps.length > BATCH_LIMITS.steps_max)
    mistakes.add(steps[BATCH_LIMITS.steps_max]?.place ?? { line: 1, column: 1 }, tooManySteps());
  const client = { name: ONLY_CLIENT, variables: new Map(), ttl_ms: null, steps, finally: [] };
  return { file, name: basename(file, extname(file)), target: { kind: 'local' }, clients: [client], goesOn: true };
}

/** Said of a batch with too many steps. */
export function tooManySteps(): string {
  return `a batch has at most ${BATCH_LIMITS.steps_max} steps: use repeat`;
}
