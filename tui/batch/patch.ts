/**
 * A file with mistakes in its shape, made good enough to look for further ones: what is wrong is taken out or replaced by something
 * harmless, in its place, so that all mistakes of a file are told at once. The outcome is never run.
 */
import type { z } from 'zod';
import { batchSchema, type RawBatch } from './schema.js';

/** The patched file; `steps` is true when a whole step had to go, and with it what it may have captured. */
export interface Patched {
  readonly raw: RawBatch;
  readonly steps: boolean;
}

/** Taking out one mistake may bring another to light. */
const ROUNDS_MAX = 8;

/** Patches `value`, which it changes; null where too much is wrong. */
export function patched(value: unknown, issues: readonly z.core.$ZodIssue[]): Patched | null {
  let open = issues;
  let steps = false;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    for (const issue of open) {
      const what = patch(value, issue);
      if (what === 'hopeless') return null;
      if (what === 'step') steps = true;
    }
    const result = batchSchema.safeParse(value);
    if (result.success) return { raw: result.data, steps };
    open = result.error.issues;
  }
  return null;
}

type Bag = Record<PropertyKey, unknown>;

function patch(root: unknown, issue: z.core.$ZodIssue): 'part' | 'step' | 'hopeless' {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    const owner = at(root, path);
    for (const key of issue.keys) if (owner) delete owner[key];
    return 'part';
  }
  const last = path.at(-1);
  const owner = at(root, path.slice(0, -1));
  if (last === undefined || owner === null) return 'hopeless';
  if (path.includes('capture') && last !== 'capture') owner[last] = 'result';
  else if (Array.isArray(owner) && isSteps(path.at(-2))) {
    owner[Number(last)] = 'help';
    return 'step';
  } else if (isSteps(last)) {
    owner[last] = ['help'];
    return 'step';
  } else if (Array.isArray(owner) || last === 'name' || last === 'clients') return 'hopeless';
  else if (last === 'run' || last === 'barrier' || last === 'sleep' || last === 'vanish')
    return patchStep(root, path.slice(0, -1));
  else if (last in owner) delete owner[last];
  else return patchStep(root, path.slice(0, -1));
  return 'part';
}

/** Replaces the step at `path`. */
function patchStep(root: unknown, path: readonly PropertyKey[]): 'step' | 'hopeless' {
  const owner = at(root, path.slice(0, -1));
  if (!Array.isArray(owner) || !isSteps(path.at(-2))) return 'hopeless';
  owner[Number(path.at(-1))] = 'help';
  return 'step';
}

function isSteps(key: PropertyKey | undefined): boolean {
  return key === 'steps' || key === 'finally' || key === 'do';
}

function at(root: unknown, path: readonly PropertyKey[]): Bag | null {
  let value: unknown = root;
  for (const step of path) value = value instanceof Object ? (value as Bag)[step] : undefined;
  return value instanceof Object ? (value as Bag) : null;
}
