/** The shape of a batch file, as zod checks it. What the parts mean together is checked by `compile.ts`. */
import { z } from 'zod';
import { CODES, isErrorCode } from '../../protocol/errors.js';
import { nearest } from '../grammar/nearest.js';
import { isPattern, patternOf } from './expectation.js';
import { fieldProblem } from './fields.js';
import { BATCH_LIMITS } from './limits.js';
import { NAME } from './template.js';

/** Version of the format that is read here. */
export const BATCH_VERSION = 1;

const NAME_RULE = 'expected a name: letters, digits and _, not a digit first';
const CLIENT_RULE = `expected a name: 1 to ${BATCH_LIMITS.name_length_max} letters, digits, . _ and -`;
const CODE_RULE = 'expected the code of an error, such as NO_LEADER, or a list of them';
const NUMBER_RULE = `expected a number, or a \${variable}`;
const NODES_MAX = BATCH_LIMITS.nodes_max;
const TEMP_RULE = `expected true, or { nodes: 1 to ${NODES_MAX} }`;
const STEP_RULE = 'expected a command, or a step with one of run, do, barrier, sleep, vanish';
const ADDRESS_RULE = 'expected addresses: host:port,host:port or a list of them';

const text = (rule: string) => z.string({ error: rule }).min(1, { error: rule });
const clientName = text(CLIENT_RULE)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, { error: CLIENT_RULE })
  .max(BATCH_LIMITS.name_length_max, { error: CLIENT_RULE });
/** A duration, count or number: as it stands or by a variable. */
const quantity = (rule: string) => z.union([z.number(), z.string().min(1)], { error: rule });
const duration = quantity('expected a time such as 200ms, 5s or 2m');
const count = quantity(`expected a whole number, or a \${variable}`);

const code = z.string({ error: CODE_RULE }).superRefine((given, context) => {
  if (isErrorCode(given)) return;
  const suggestion = nearest(
    given.toLowerCase(),
    Object.keys(CODES).map((one) => one.toLowerCase()),
  );
  const advice = suggestion === undefined ? '' : `; did you mean ${suggestion.toUpperCase()}?`;
  context.addIssue({ code: 'custom', message: `there is no error ${given}${advice}` });
});
const field = z.string({ error: 'expected a field, such as result.id' }).superRefine((path, context) => {
  const problem = fieldProblem(path);
  if (problem !== null) context.addIssue({ code: 'custom', message: problem });
});
const pattern = z.string({ error: 'expected a pattern: /^job-/' }).superRefine((source, context) => {
  try {
    // Variables are filled in later: a letter stands in for each.
    patternOf(source.replace(/\$\{\w+\}/g, 'x'));
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
});
const bound = z.union([z.number(), z.string().regex(/^\$\{\w+\}$/, { error: NUMBER_RULE })], { error: NUMBER_RULE });

const conditions = {
  field: field.optional(),
  equals: z.unknown().optional(),
  not: z.unknown().optional(),
  match: pattern.optional(),
  in: z.array(z.unknown(), { error: 'expected a list of values' }).min(1, { error: 'the list is empty' }).optional(),
  above: bound.optional(),
  below: bound.optional(),
};

const isEmpty = z.boolean({ error: 'expected true or false' }).optional();
const noCondition = 'a field needs a condition: equals, not, match, in, above or below';
const hasCondition = (given: object) =>
  !('field' in given) || Object.keys(given).some((key) => key !== 'field' && key in conditions);

const condition = z.strictObject({ ...conditions, empty: isEmpty }).refine(hasCondition, { error: noCondition });
const expectation = z
  .strictObject({
    ...conditions,
    empty: isEmpty,
    error: z.union([code, z.array(code, { error: CODE_RULE }).min(1)], { error: CODE_RULE }).optional(),
    all: z
      .array(condition, { error: 'expected a list of conditions' })
      .min(1, { error: 'the list is empty' })
      .optional(),
  })
  .refine(hasCondition, { error: noCondition });

/** A map is conditions; a text between slashes is a pattern; anything else is the value. */
const expected = z.unknown().transform((given, context) => {
  if (typeof given === 'string' && isPattern(given)) return passed(expectation, { match: given }, context);
  const isMap = given instanceof Object && !Array.isArray(given);
  return passed(expectation, isMap ? given : { equals: given }, context);
});

const repeat = { repeat: count.optional(), pace: duration.optional() };

const runStep = z.strictObject({
  run: text('expected a command as it is typed at the prompt, in quotes where YAML needs them'),
  expect: expected.optional(),
  capture: z
    .record(z.string().regex(NAME, { error: NAME_RULE }), field, {
      error: 'expected name: field, such as id: result.id',
    })
    .optional(),
  within: duration.optional(),
  as: text('expected the name of a client').optional(),
  ...repeat,
});

const doStep = z.strictObject({
  get do() {
    return steps;
  },
  as: text('expected the name of a client').optional(),
  ...repeat,
});

const barrierStep = z.strictObject({ barrier: text('expected the name of a barrier') });
const sleepStep = z.strictObject({ sleep: duration });
const vanishStep = z.strictObject({ vanish: text('expected the name of a client') });

/** A step as it is written. */
export type RawStep =
  | z.infer<typeof runStep>
  | { do: RawStep[]; as?: string | undefined; repeat?: number | string | undefined; pace?: number | string | undefined }
  | z.infer<typeof barrierStep>
  | z.infer<typeof sleepStep>
  | z.infer<typeof vanishStep>;

const KINDS = { run: runStep, do: doStep, barrier: barrierStep, sleep: sleepStep, vanish: vanishStep } as const;

const step: z.ZodType<RawStep> = z.unknown().transform((given, context) => {
  if (typeof given === 'string' && given !== '') return { run: given };
  const keys = given instanceof Object && !Array.isArray(given) ? Object.keys(given) : [];
  const kinds = Object.entries(KINDS).filter(([name]) => keys.includes(name));
  const [kind] = kinds;
  if (kind !== undefined && kinds.length === 1) return passed(kind[1] as z.ZodType<RawStep>, given, context);
  const broken = keys.some((key) => key.includes('(') || key.includes('{'));
  const rule = kinds.length > 1 ? `a step is one of ${kinds.map(([name]) => name).join(' and ')}, not both` : STEP_RULE;
  context.addIssue({ code: 'custom', message: broken ? `${rule}; a command with ": " in it needs quotes` : rule });
  return z.NEVER;
});

const steps = z.array(step, { error: 'expected a list of steps' }).min(1, { error: 'there are no steps' });

const client = z.strictObject({
  name: clientName,
  count: count.optional(),
  ttl: duration.optional(),
  steps: steps.optional(),
  finally: steps.optional(),
});

/** A batch file. */
export const batchSchema = z.strictObject({
  version: z.literal(BATCH_VERSION),
  name: text('expected a name').max(BATCH_LIMITS.name_length_max, { error: 'this name is too long' }).optional(),
  description: z.string({ error: 'expected a text' }).optional(),
  connect: z.union([text(ADDRESS_RULE), z.array(text(ADDRESS_RULE)).min(1)], { error: ADDRESS_RULE }).optional(),
  temp: z
    .union(
      [
        z.boolean(),
        z.strictObject({
          nodes: z.int({ error: TEMP_RULE }).min(1, { error: TEMP_RULE }).max(NODES_MAX, { error: TEMP_RULE }),
        }),
      ],
      {
        error: TEMP_RULE,
      },
    )
    .optional(),
  vars: z
    .record(z.string().regex(NAME, { error: NAME_RULE }), z.unknown(), { error: 'expected name: value' })
    .optional(),
  clients: z
    .array(client, { error: 'expected a list of clients' })
    .min(1, { error: 'there are no clients' })
    .optional(),
  steps: steps.optional(),
  finally: steps.optional(),
});

/** A batch file as it is written. */
export type RawBatch = z.infer<typeof batchSchema>;
export type RawClient = z.infer<typeof client>;
export type RawRunStep = z.infer<typeof runStep>;

/** What `schema` makes of a value; its complaints become those of `context`, at their places. */
function passed<T>(schema: z.ZodType<T>, given: unknown, context: z.RefinementCtx): T {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  for (const issue of result.error.issues) context.addIssue({ ...issue } as Parameters<typeof context.addIssue>[0]);
  return z.NEVER;
}
