/** A terminal without a screen, as a process that a test can kill: attaches, prints one line of what it sees, stays. */
import { attachKeeper } from '../../tui/cluster/attach.js';

const keeper = await attachKeeper(JSON.parse(process.argv[2] ?? '{}'));
process.stdout.write(`${JSON.stringify({ cluster: keeper.cluster, nodes: keeper.nodes })}\n`);
