/** A process for held-files.test.ts: writes, syncs some of it, says so, and waits to be killed. */
import { join } from 'node:path';
import { holdWrites } from '../../node/faults/held-files.js';
import type { File } from '../../node/world.js';
import { call } from './files-compliance.js';

const home = process.argv[2] ?? '';
const files = holdWrites(join(home, 'aside'));
const folder = join(home, 'data');
const open = (name: string, create: boolean) => call<File>((done) => files.open(join(folder, name), { create }, done));
const write = (file: File, text: string) => call<void>((done) => file.write(0, Buffer.from(text), done));

const named = await open('named', true);
await write(named, 'synced');
await call<void>((done) => named.sync(done));
await call<void>((done) => files.syncFolder(folder, done));
await write(named, 'unsynced');
await write(await open('old', false), 'overwritten');
const nameless = await open('nameless', true);
await write(nameless, 'synced');
await call<void>((done) => nameless.sync(done));
process.stdout.write('written\n');
setInterval(() => {}, 1000);
