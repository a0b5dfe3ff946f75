/** Configurations as entries of the log. One is always alone in its run, so that a look at the head tells most runs apart. */
import { firstEntry, type Run, RunError } from './run.js';
import { CONFIGURATION, type Configuration } from './types.js';

/** A configuration as the payload of an entry. */
export function encodeConfiguration(configuration: Configuration): Buffer {
  return Buffer.from(JSON.stringify(configuration));
}

/** The configuration that a run carries, or null. The run is in memory. @throws RunError when it carries something like one. */
export function configurationIn(run: Run): Configuration | null {
  if (run.count !== 1 || run.bytes === null) return null;
  const entry = firstEntry(run.bytes);
  return entry[0] === CONFIGURATION ? decodeConfiguration(entry.subarray(1)) : null;
}

function decodeConfiguration(payload: Buffer): Configuration {
  let value: Partial<Record<keyof Configuration, unknown>>;
  try {
    value = Object(JSON.parse(payload.toString('utf8')));
  } catch {
    throw new RunError('a configuration that is not JSON');
  }
  const { voters, outgoing, learners } = value;
  if (!isIds(voters) || !isIds(outgoing) || !isIds(learners) || voters.length === 0)
    throw new RunError('a configuration without voters, or not of ids');
  return { voters, outgoing, learners };
}

function isIds(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((id) => typeof id === 'string' && id !== '');
}
