/** Connections over the sockets of the system: many messages, refusals and ends arrive as on the simulated network. */
import { expect } from 'chai';
import { accept, dial } from '../../protocol/connection.js';
import type { Listener } from '../../protocol/env.js';
import { realEnv } from '../../protocol/tcp.js';
import { decodeMessage } from '../../protocol/wire.js';
import { keepalive, Owner } from './connection-ends.js';
import { hello, welcome } from './greetings.js';

describe('connection over real TCP', () => {
  const env = realEnv();
  let address: string;
  let listener: Listener | null;
  let server: Owner;

  beforeEach(async () => {
    server = new Owner();
    await new Promise<void>((resolve, reject) => {
      env.network.listen(
        '127.0.0.1:0',
        (socket) => accept(socket, env.scheduler, { judge: () => welcome() }, server),
        (error, listening) => {
          listener = listening;
          address = listening?.address ?? '';
          if (error) reject(error);
          else resolve();
        },
      );
    });
  });
  afterEach(() => listener?.close(() => {}));

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve));
  }

  it('carries many messages of any size both ways, in order', async () => {
    const client = new Owner();
    const connection = dial(env, address, hello(), client);
    await until(() => connection.open);
    const sizes = [0, 1, 300, 70_000, 1_000_000];
    for (let i = 0; i < 200; i++) {
      const body = Buffer.alloc(sizes[i % 50] ?? i, i);
      connection.send({ kind: 'command', correlation: i, envelope: body });
      server.connection?.send({ kind: 'answer', correlation: i, value: body });
    }
    await until(() => server.messages.length === 200 && client.messages.length === 200);
    expect(server.messages.map((message) => 'correlation' in message && message.correlation)).to.deep.equal(
      Array.from({ length: 200 }, (_, i) => i),
    );
    connection.end();
    await until(() => server.reasons.length === 1 && client.reasons.length === 1);
  });

  it('lets a refusal arrive although the other side goes on sending', async () => {
    let received = Buffer.alloc(0);
    let closed = false;
    const socket = env.network.connect(address, {
      open() {
        socket.write(Buffer.from('GET / HTTP/1.1\r\n'));
        for (let i = 0; i < 100; i++) socket.write(Buffer.alloc(10_000, 'x'));
      },
      data(chunk) {
        received = Buffer.concat([received, chunk]);
      },
      drain() {},
      close() {
        closed = true;
      },
    });
    await until(() => closed && server.reasons.length === 1);
    expect(decodeMessage(received.subarray(4))).to.include({ kind: 'refused', code: 'BAD_FRAME' });
  });

  it('is told at once when the other side is gone', async () => {
    const client = new Owner();
    const connection = dial(env, address, hello(), client);
    await until(() => server.connection !== undefined);
    server.connection?.destroy();
    await until(() => client.reasons.length === 1);
    expect(client.reason?.by).to.equal('network');
    expect(connection.send(keepalive)).to.equal(false);
  });
});
