/** What the options of a soak may be. */
import { InvalidArgumentError } from 'commander';
import { durationOf } from '../../tui/grammar/value.js';
import { MIB } from './figures.js';

/** @throws InvalidArgumentError */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Give a whole number of at least 1.');
  return value;
}

/** Of ms. @throws InvalidArgumentError */
export function duration(text: string): number {
  const ms = durationOf(text);
  if (ms === undefined || ms === 0) throw new InvalidArgumentError('Give a duration, as 2s or 500ms.');
  return ms;
}

/** MiB, told in bytes. @throws InvalidArgumentError */
export function mebibytes(text: string): number {
  return wholeNumber(text) * MIB;
}
