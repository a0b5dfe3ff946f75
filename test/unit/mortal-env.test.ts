/** A world that can be taken from a client: what it had is cut, and nothing comes up again. */
import { expect } from 'chai';
import type { SocketHandlers } from '../../protocol/env.js';
import { mortalEnv } from '../../tui/batch/mortal-env.js';

/** An environment whose sockets are noted; destroying one closes it a moment later. */
function recorded() {
  const open = new Set<string>();
  const env = {
    scheduler: {} as never,
    random: {} as never,
    network: {
      listen: () => {},
      connect(address: string, handlers: SocketHandlers) {
        open.add(address);
        const destroy = () => {
          if (open.delete(address)) setImmediate(() => handlers.close(null));
        };
        const rest = { remote: address, buffered: () => 0, write: () => true, pause() {}, resume() {} };
        return { ...rest, end: destroy, destroy };
      },
    },
  };
  return { env, open };
}

const closed: string[] = [];
const handlers = (name: string): SocketHandlers => ({
  open() {},
  data() {},
  drain() {},
  close: () => closed.push(name),
});

describe('a mortal environment', () => {
  beforeEach(() => {
    closed.length = 0;
  });

  it('cuts every connection at its end, and tells their owners as of any other cut', async () => {
    const { env, open } = recorded();
    const world = mortalEnv(env);
    world.env.network.connect('a:1', handlers('a'));
    world.env.network.connect('b:1', handlers('b')).end();
    expect([...open]).to.deep.equal(['a:1']);
    world.kill();
    expect([...open]).to.deep.equal([]);
    await new Promise(setImmediate);
    expect(closed).to.have.members(['a', 'b']);
  });

  it('lets none come up afterwards', async () => {
    const { env, open } = recorded();
    const world = mortalEnv(env);
    world.kill();
    world.env.network.connect('a:1', handlers('a'));
    expect([...open]).to.deep.equal([]);
    await new Promise(setImmediate);
    expect(closed).to.deep.equal(['a']);
  });
});
