/** Greetings for tests of connections: a hello and a welcome that are taken, but for what a test changes. */
import { LIMITS } from '../../protocol/limits.js';
import { type MessageOf, PROTOCOL_VERSION } from '../../protocol/messages.js';

/** Where the node of these tests listens. */
export const ADDRESS = 'n1:7101';

/** The hello of a client. */
export function hello(change: Partial<MessageOf<'hello'>> = {}): MessageOf<'hello'> {
  return {
    kind: 'hello',
    protocol: PROTOCOL_VERSION,
    cluster: '',
    role: 'client',
    id: 'tester',
    incarnation: '',
    born: false,
    address: '',
    features: [],
    auth: Buffer.alloc(0),
    recorded: '',
    ...change,
  };
}

/** The welcome of node n1. */
export function welcome(change: Partial<MessageOf<'welcome'>> = {}): MessageOf<'welcome'> {
  return {
    kind: 'welcome',
    protocol: PROTOCOL_VERSION,
    cluster: 'test',
    id: 'n1',
    incarnation: 'i1',
    born: true,
    address: ADDRESS,
    features: [],
    frame_bytes_max: LIMITS.frame_bytes_max,
    recorded: '',
    ...change,
  };
}
