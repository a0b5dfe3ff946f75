/** Numbers and times in words: `4m 12s`, `3.2 s`, `1,042`, `12:04:31`. */

/** An age or a duration, two units at most. */
export function spell(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${(Math.floor(seconds * 10) / 10).toFixed(1)}s`;
  if (seconds < 60) return `${Math.floor(seconds)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${two(Math.floor(seconds) % 60)}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours}h ${two(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** An age in whole seconds, so that a row changes once a second. */
export function spellSlow(ms: number): string {
  return ms < 10_000 ? `${Math.floor(Math.max(0, ms) / 1000)}s` : spell(ms);
}

/** A latency: `0.8ms`, `2.1ms`, `340ms`, `1.2s`. */
export function latency(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)}ms`;
  return ms < 1000 ? `${Math.round(ms)}ms` : `${(ms / 1000).toFixed(1)}s`;
}

/** A count with thousands apart: `1,042`. */
export function count(number: number): string {
  return Math.round(number)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A rate a second: `0`, `3.5`, `38`, `12.4k`. */
export function rate(perSecond: number): string {
  if (perSecond < 0.05) return '0';
  if (perSecond < 10) return perSecond.toFixed(1);
  return perSecond < 10_000 ? count(perSecond) : `${(perSecond / 1000).toFixed(1)}k`;
}

/** A size: `512 B`, `1.2 MB`. */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const scaled = bytes / 1000 ** step;
  return `${step === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${units[step]}`;
}

/** A plural: `1 group`, `2 groups`. */
export function some(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}

/** The local time of day of a moment. */
export function timeOfDay(wall: number): string {
  const date = new Date(wall);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}
