/** `concord up` and `concord down`: the local cluster without a terminal that stays. */
import { ConcordError } from '../../protocol/errors.js';
import { attachKeeper, downKeeper } from '../cluster/attach.js';
import type { LocalNode } from '../cluster/types.js';
import { exitCodeOf } from '../plain/exit-code.js';
import type { Output } from '../plain/output.js';
import { renderJson, renderText } from '../plain/render.js';
import { type Row, record, table } from '../plain/table.js';
import { failed, succeeded } from '../session/execute.js';
import { faultDoors, type ShellOptions } from './options.js';

/** Starts the local cluster, tells of its nodes when all are up or one has failed, and leaves it running. */
export function up(options: ShellOptions, out: Output): Promise<number> {
  return answer('up', options, out, async () => {
    const keeper = await attachKeeper({
      config: null,
      temp: options.temp,
      stay: true,
      faults: faultDoors(options) ?? 'off',
    });
    const nodes = await new Promise<readonly LocalNode[]>((resolve) => {
      const look = (now: readonly LocalNode[]) => {
        if (now.every((node) => node.state !== 'starting')) resolve(now);
      };
      keeper.watch(look);
      look(keeper.nodes);
    });
    await keeper.leave();
    const failures = nodes.filter((node) => node.state === 'failed').map((node) => `${node.id}: ${node.reason}`);
    if (failures.length > 0) throw new ConcordError('START_FAILED', failures.join('; '));
    return nodes.map(({ id, address, state, pid, reason }) => ({ id, address, state, pid, reason }));
  });
}

/** Stops the local cluster, whoever uses it. */
export function down(options: ShellOptions, out: Output): Promise<number> {
  return answer('down', options, out, async () => {
    const stopped = await downKeeper({ config: null });
    return { stopped };
  });
}

async function answer(
  word: string,
  options: ShellOptions,
  out: Output,
  act: () => Promise<Row | readonly Row[]>,
): Promise<number> {
  const reply = await act().then(
    (result) => succeeded(word, { result }, null),
    (error: unknown) => failed(word, error, null),
  );
  const rows = Array.isArray(reply.result) ? table(reply.result) : record((reply.result ?? {}) as Row);
  await out.line(options.json ? renderJson(reply) : reply.ok ? rows : renderText(reply, null));
  return exitCodeOf(reply);
}
