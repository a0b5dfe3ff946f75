/** A connection that sends bytes as they are, for whoever does not keep to the protocol; and the bytes that hurt. */
import { connect, type Socket } from 'node:net';
import { decode, encode } from '../../protocol/codec.js';
import { type Message, toArray } from '../../protocol/messages.js';
import { hello as greeting } from '../unit/greetings.js';

/** A bomb's size, bytes. */
const BOMB_BYTES = 256 << 10;

/**
 * arrays: array in array in array, each said to hold as many items as bytes are left, for which a codec makes room before it looks
 * further; maps: the same of maps; deep: arrays of one item, as many in each other as there are bytes; lies: arrays of more items than
 * there can be.
 */
export const BOMBS = ['arrays', 'maps', 'deep', 'lies'] as const;

/** 256 KiB that end the process of whoever decodes them in good faith. */
export function bomb(kind: (typeof BOMBS)[number] = 'arrays'): Buffer {
  if (kind === 'deep') return Buffer.alloc(BOMB_BYTES, 0x91);
  const bytes = Buffer.alloc(BOMB_BYTES, kind === 'maps' ? 0xdf : 0xdd);
  for (let at = 1; at + 4 <= bytes.length; at += 5) {
    const left = bytes.length - at - 4;
    bytes.writeUInt32BE(kind === 'arrays' ? left : kind === 'maps' ? Math.floor(left / 2) : 0xffffffff, at);
  }
  return bytes;
}

/** A body with its length before it. */
export function frame(body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/** A message as it travels. */
export function framed(message: Message): Buffer {
  return frame(encode(toArray(message)));
}

/** The hello of a client. */
export function hello(): Buffer {
  return framed(greeting({ id: 'stranger' }));
}

/** Sends these bytes, and resolves with all messages that came back until the node closed the connection. */
export async function say(address: string, ...bytes: readonly Buffer[]): Promise<unknown[][]> {
  const socket = open(address);
  const heard: Buffer[] = [];
  socket.on('data', (chunk) => heard.push(chunk));
  // A node that has closed does not take the rest.
  socket.on('error', () => {});
  for (const chunk of bytes) socket.write(chunk);
  await new Promise((resolve) => socket.on('close', resolve));
  return [...messages(Buffer.concat(heard))];
}

/** Sends these bytes, and resolves with the first message that `wanted` takes. */
export async function ask(
  address: string,
  bytes: readonly Buffer[],
  wanted: (message: readonly unknown[]) => boolean,
): Promise<unknown[]> {
  const socket = open(address);
  try {
    return await new Promise((resolve, reject) => {
      let heard = Buffer.alloc(0);
      socket.on('data', (chunk) => {
        heard = Buffer.concat([heard, chunk]);
        for (const message of messages(heard)) if (wanted(message)) resolve(message);
      });
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('closed without the answer')));
      for (const chunk of bytes) socket.write(chunk);
    });
  } finally {
    socket.destroy();
  }
}

function open(address: string): Socket {
  const [host, port] = address.split(':');
  return connect({ host: host ?? '', port: Number(port), noDelay: true });
}

function* messages(bytes: Buffer): Generator<unknown[]> {
  for (let at = 0; at + 4 <= bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) return;
    yield decode(bytes.subarray(at + 4, end)) as unknown[];
    at = end;
  }
}
