/** The real outside world keeps the promises of Env, and so does the simulated one that other tests use. */
import { expect } from 'chai';
import type { Listener, Socket } from '../../protocol/env.js';
import { formatAddress, parseAddress, realEnv } from '../../protocol/tcp.js';
import { envCompliance } from './env-compliance.js';
import { Loopback } from './loopback.js';

envCompliance('real', () => ({
  env: realEnv(),
  address: '127.0.0.1:0',
  async until(condition) {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
  },
}));

envCompliance('simulated', () => {
  const env = new Loopback();
  return {
    env,
    address: '127.0.0.1:0',
    async until(condition) {
      for (let turns = 0; !condition(); turns++) {
        if (turns > 1000) throw new Error('it never came to pass');
        env.pass(1);
      }
    },
  };
});

describe('addresses', () => {
  it('are read and written with names, IPv4 and IPv6', () => {
    expect(parseAddress('localhost:7101')).to.deep.equal({ host: 'localhost', port: 7101 });
    expect(parseAddress('127.0.0.1:0')).to.deep.equal({ host: '127.0.0.1', port: 0 });
    expect(parseAddress('[::1]:65535')).to.deep.equal({ host: '::1', port: 65_535 });
    for (const address of ['n1.example:7101', '127.0.0.1:1', '[fe80::1]:7101']) {
      const { host, port } = parseAddress(address);
      expect(formatAddress(host, port)).to.equal(address);
    }
  });

  it('are refused when they are none', () => {
    for (const bad of ['', 'n1', 'n1:', ':7101', 'n1:x', 'n1:65536', '::1:7101', '[::1]', 'n1:7101 ', 'n1:-1', '[]:1'])
      expect(() => parseAddress(bad), bad).to.throw(/not an address/);
  });
});

describe('the real network', () => {
  it('tells close with the reason when an address is none, for connect and for listen', async () => {
    const { network } = realEnv();
    const closed = await new Promise<Error | null>((resolve) => {
      network.connect('nowhere', { open() {}, data() {}, drain() {}, close: resolve });
    });
    expect(closed?.message).to.match(/not an address/);
    const refused = await new Promise<Error | null>((resolve) => {
      network.listen('nowhere', () => ({ open() {}, data() {}, drain() {}, close() {} }), resolve);
    });
    expect(refused?.message).to.match(/not an address/);
  });

  it('reaches an IPv6 address', async () => {
    const { network } = realEnv();
    const listener = await new Promise<Listener | null>((resolve) => {
      const echo = (socket: Socket) => ({
        open() {},
        data: (chunk: Buffer) => socket.write(chunk),
        drain() {},
        close() {},
      });
      network.listen('[::1]:0', echo, (_error, listening) => resolve(listening));
    });
    if (listener === null) return; // This machine has no IPv6.
    expect(listener.address).to.match(/^\[::1\]:\d+$/);
    const echoed = await new Promise<string>((resolve) => {
      const socket = network.connect(listener.address, {
        open: () => socket.write(Buffer.from('over six')),
        data(chunk) {
          resolve(chunk.toString());
          socket.destroy();
        },
        drain() {},
        close() {},
      });
    });
    listener.close(() => {});
    expect(echoed).to.equal('over six');
  });
});

describe('the real scheduler', () => {
  it('takes delays that are longer than its timers hold', async () => {
    const { scheduler } = realEnv();
    let ran = false;
    const timer = scheduler.after(2 ** 40, () => {
      ran = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(ran).to.equal(false);
    timer.cancel();
  });
});
