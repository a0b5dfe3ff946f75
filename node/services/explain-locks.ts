/** Commands about locks and semaphores in words, as they would be typed. */
import { lockModeName, type OperationName } from '../../protocol/operations.js';
import { durationText } from './durations.js';
import { readArgument } from './values.js';

/** The command, undefined when the argument is not of the operation; the name of one that is not about locks. */
export function lockText(name: OperationName, body: Buffer): string | undefined {
  switch (name) {
    case 'lock.acquire': {
      const argument = readArgument(name, body);
      if (argument === undefined) return undefined;
      const [owner, locks, wait_ms, hold_ms, delay_ms, , note] = argument;
      const names = locks.map(([lock]) => lock).join(' ');
      const modes = locks.map(([, mode]) => letter(mode));
      const mode = modes.every((one) => one === modes[0]) ? (modes[0] ?? 'x') : modes.join(',');
      const first =
        wait_ms === 0
          ? `try ${names} --mode ${mode}`
          : `acquire ${names} --mode ${mode} --wait ${durationText(wait_ms)}`;
      const terms = `${flag('hold', hold_ms)}${flag('delay', delay_ms)}${note === '' ? '' : ` --note ${note}`}`;
      return `${first}${terms}${by(owner)}`;
    }
    case 'lock.release': {
      const argument = readArgument(name, body);
      if (argument === undefined) return undefined;
      const [owner, lock, token, times] = argument;
      return `release ${lock}${token === 0 ? '' : ` --token ${token}`}${times === 0 ? '' : ` x${times}`}${by(owner)}`;
    }
    case 'lock.convert': {
      const argument = readArgument(name, body);
      if (argument === undefined) return undefined;
      const [owner, lock, mode, wait_ms] = argument;
      return `convert ${lock} ${letter(mode)}${flag('wait', wait_ms)}${by(owner)}`;
    }
    case 'lock.revoke': {
      const argument = readArgument(name, body);
      return argument && `revoke ${argument[0]}${flag('after', argument[1])}`;
    }
    case 'lock.news': {
      const argument = readArgument(name, body);
      return argument && `news of locks after ${argument[0]}${flag('wait', argument[1])}`;
    }
    case 'lock.find': {
      const argument = readArgument(name, body);
      return argument && `lock ${argument[0]}`;
    }
    case 'lock.list': {
      const argument = readArgument(name, body);
      return argument && (argument[1] === 0 ? `locks ${argument[0]}` : `locks ${argument[0]} of ${argument[1]}`);
    }
    case 'lock.fence': {
      const argument = readArgument(name, body);
      return argument && `fence ${argument[0]}:${argument[1]}`;
    }
    case 'lock.waits':
      return readArgument(name, body) && 'waits';
    case 'sem.set': {
      const argument = readArgument(name, body);
      return argument && `sem ${argument[0]} set ${argument[1]}`;
    }
    case 'sem.acquire': {
      const argument = readArgument(name, body);
      return argument && `sem ${argument[1]} acquire ${argument[2]}${flag('wait', argument[3])}${by(argument[0])}`;
    }
    case 'sem.release': {
      const argument = readArgument(name, body);
      return argument && `sem ${argument[1]} release ${argument[2]}${by(argument[0])}`;
    }
    case 'sem.find': {
      const argument = readArgument(name, body);
      return argument && `sem ${argument[0]}`;
    }
    default:
      return name;
  }
}

function flag(name: string, ms: number): string {
  return ms === 0 ? '' : ` --${name} ${durationText(ms)}`;
}

function by(owner: number): string {
  return ` (owner ${owner})`;
}

function letter(mode: number): string {
  return lockModeName(mode) ?? '?';
}
