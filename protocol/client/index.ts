/** The client library of Concord: `const cluster = await connect({ nodes: ['127.0.0.1:7101'] })`. */
import { ConcordError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { realEnv } from '../tcp.js';
import { Client, type Settings } from './cluster.js';
import type { Cluster, ConnectOptions } from './types.js';

export { CODES, ConcordError, type ErrorCode, type ErrorDetails } from '../errors.js';
export type { ArgumentOf, OperationName } from '../operations.js';
export { WAIT_MS } from './lock-context.js';
export type * from './types.js';

const TTL_MS = 10_000;
const TIMEOUT_MS = 5000;
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/**
 * Connects to a cluster. Resolves when a first node has welcomed us and named the members; the others are connected to meanwhile.
 * @throws ConcordError UNREACHABLE when none does within `timeout_ms`, INVALID, and what all nodes refuse with (WRONG_CLUSTER, VERSION)
 */
export async function connect(options: ConnectOptions): Promise<Cluster> {
  const env = options.env ?? realEnv();
  const settings: Settings = {
    nodes: options.nodes,
    cluster: options.cluster ?? '',
    clientId: options.clientId ?? `client-${env.random.uint32().toString(16).padStart(8, '0')}`,
    follow: options.follow ?? true,
    ttl_ms: options.ttl_ms ?? TTL_MS,
    timeout_ms: options.timeout_ms ?? TIMEOUT_MS,
  };
  checkSettings(settings);
  const client = new Client(settings, env);
  await client.connect(settings.nodes);
  return client;
}

function checkSettings({ nodes, cluster, clientId, ttl_ms, timeout_ms }: Settings): void {
  const refuse = (message: string): never => {
    throw new ConcordError('INVALID', message);
  };
  if (nodes.length === 0 || nodes.length > LIMITS.members_max)
    refuse(`nodes has to name 1 to ${LIMITS.members_max} addresses`);
  for (const address of nodes)
    if (address.length > LIMITS.address_length_max || !/^.+:\d{1,5}$/.test(address))
      refuse(`not an address: ${JSON.stringify(address)}, expected host:port`);
  if (cluster.length > LIMITS.name_length_max) refuse('the name of the cluster is too long');
  if (clientId === '' || clientId.length > LIMITS.name_length_max)
    refuse(`clientId has to have 1 to ${LIMITS.name_length_max} characters`);
  const { ttl_ms_min, ttl_ms_max } = LIMITS;
  if (!Number.isInteger(ttl_ms) || ttl_ms < ttl_ms_min || ttl_ms > ttl_ms_max)
    refuse(`ttl_ms has to be ${ttl_ms_min} to ${ttl_ms_max}`);
  if (!(timeout_ms > 0 && timeout_ms <= TIMEOUT_MS_MAX))
    refuse(`timeout_ms has to be above 0 and at most ${TIMEOUT_MS_MAX}`);
}
