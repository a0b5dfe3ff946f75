/**
 * Runs client.py, the client that was written from protocol/README.md alone, against three real nodes. `npm run test:python`; not part
 * of `npm test`, which needs nothing but Node. The first argument names the folder of the compiled project, default dist.
 */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const CLIENT = fileURLToPath(new URL('./client.py', import.meta.url));
const build = resolve(fileURLToPath(new URL('../..', import.meta.url)), process.argv[2] ?? 'dist');
const { TestCluster } = await import(pathToFileURL(resolve(build, 'test/integration/cluster.js')).href);

const python = spawnSync('python3', ['--version'], { encoding: 'utf8' });
if (python.status !== 0) {
  process.stderr.write('test:python needs python3, which was not found: nothing was tested\n');
  process.exit(1);
}

const cluster = await TestCluster.make();
let failed = true;
try {
  await cluster.start();
  const leader = await cluster.leader('s0');
  const led = cluster.node(leader).plan.listen;
  const others = cluster.addresses.filter((address) => address !== led);
  // First as it comes, then past nodes that do not lead and one that is down, with a new leader.
  check('all nodes', run(...cluster.addresses), () => true);
  check('a node that does not lead', run(...others), ({ redirects }) => redirects > 0);
  await cluster.kill(leader);
  check('a node that is down', run(led, ...others), () => true);
  failed = false;
} catch (error) {
  process.stderr.write(`${error.message}\n${cluster.tail()}\n`);
} finally {
  await cluster[Symbol.asyncDispose]();
}
process.exit(failed ? 1 : 0);

function run(...addresses) {
  const { status, stdout, stderr } = spawnSync('python3', [CLIENT, ...addresses], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

function check(what, { status, stdout, stderr }, holds) {
  if (status !== 0) throw new Error(`client.py with ${what} ended with ${status}: ${stdout}${stderr}`);
  const result = JSON.parse(stdout);
  if (result.ok !== true || !holds(result)) throw new Error(`client.py with ${what} said ${stdout}`);
  process.stdout.write(`client.py with ${what}: ${stdout}`);
}
