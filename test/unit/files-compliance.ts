/** What every form of Files promises: one suite that the real and the simulated one both pass. */
import { expect } from 'chai';
import type { Done, File, FileError, Files } from '../../node/world.js';

/** Turns a call with a callback into a promise. */
export function call<T>(make: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => make((error, value) => (error ? reject(error) : resolve(value))));
}

/** The code of the error that a call ends with; 'none' when it goes well. */
export async function codeOf(result: Promise<unknown>): Promise<string | undefined> {
  try {
    await result;
    return 'none';
  } catch (error) {
    return (error as FileError).code;
  }
}

/** Declares the suite. `make` gives fresh files and an empty folder to work in. */
export function filesCompliance(name: string, make: () => { files: Files; folder: string }): void {
  describe(`files, ${name}`, () => {
    let files: Files;
    let folder: string;
    const at = (path: string) => `${folder}/${path}`;
    const open = (path: string, options = {}) => call<File>((done) => files.open(at(path), options, done));
    const create = async (path: string, text = '') => {
      const file = await open(path, { create: true });
      await write(file, 0, text);
      return file;
    };
    const write = (file: File, offset: number, text: string) =>
      call<void>((done) => file.write(offset, Buffer.from(text), done));
    const read = (file: File, offset = 0, length = 1000) => call<Buffer>((done) => file.read(offset, length, done));
    const text = async (path: string) => {
      const file = await open(path);
      const bytes = await read(file);
      await call<void>((done) => file.close(done));
      return bytes.toString();
    };
    const list = (path: string) => call<string[]>((done) => files.list(path, done));

    beforeEach(() => {
      ({ files, folder } = make());
    });

    it('gives back what was written, where it was written', async () => {
      const file = await create('a', 'hello world');
      await write(file, 6, 'W');
      expect((await read(file)).toString()).to.equal('hello World');
      expect((await read(file, 6, 3)).toString()).to.equal('Wor');
      await call<void>((done) => file.sync(done));
      await call<void>((done) => file.close(done));
      expect(await text('a')).to.equal('hello World');
    });

    it('reads less at the end of a file, and nothing behind it', async () => {
      const file = await create('a', 'hello');
      expect((await read(file, 3, 100)).toString()).to.equal('lo');
      expect((await read(file, 5, 100)).length).to.equal(0);
      expect((await read(file, 99, 1)).length).to.equal(0);
    });

    it('reads zeros where nothing was written', async () => {
      const file = await create('a', 'x');
      await write(file, 5, 'y');
      expect(await call<number>((done) => file.size(done))).to.equal(6);
      expect((await read(file)).toString()).to.equal('x\0\0\0\0y');
    });

    it('writes and reads large pieces whole', async () => {
      const data = Buffer.alloc(5 << 20, 'concord!');
      const file = await create('a');
      await call<void>((done) => file.write(3, data, done));
      expect((await read(file, 3, data.length)).equals(data)).to.equal(true);
    });

    it('writes durably to a file opened so, all else as to any other', async () => {
      const data = Buffer.alloc(5 << 20, 'concord!');
      const file = await open('a', { exclusive: true, durable: true });
      await call<void>((done) => file.write(0, data, done));
      await write(file, 1, 'O');
      await call<void>((done) => file.sync(done));
      expect((await read(file, 0, 8)).toString()).to.equal('cOncord!');
      expect(await call<number>((done) => file.size(done))).to.equal(data.length);
      await call<void>((done) => file.close(done));
      expect(await codeOf(write(file, 0, 'x'))).to.equal('EBADF');
      expect((await read(await open('a', { durable: true }), 0, 3)).toString()).to.equal('cOn');
    });

    it('serves several reads at once', async () => {
      const file = await create('a', '0123456789');
      const pieces = await Promise.all([5, 1, 9, 0].map((offset) => read(file, offset, 1)));
      expect(pieces.join('')).to.equal('5190');
    });

    it('keeps the contents of a file that is opened again', async () => {
      await create('a', 'kept');
      await open('a', { create: true });
      expect(await text('a')).to.equal('kept');
    });

    it('opens a missing file only to create it, an existing one not exclusively', async () => {
      expect(await codeOf(open('a'))).to.equal('ENOENT');
      await create('a', 'x');
      expect(await codeOf(open('a', { exclusive: true }))).to.equal('EEXIST');
      expect(await codeOf(open('b', { exclusive: true }))).to.equal('none');
      expect(await codeOf(open('missing/b', { create: true }))).to.equal('ENOENT');
    });

    it('hands out empty room in new files', async () => {
      const file = await open('a', { create: true, exclusive: true });
      expect(await call<number>((done) => file.size(done))).to.equal(0);
    });

    it('lists names in order, and those of folders too', async () => {
      for (const name of ['b', 'c', 'a']) await create(name);
      await call<void>((done) => files.makeFolder(at('B/deep'), done));
      expect(await list(folder)).to.deep.equal(['B', 'a', 'b', 'c']);
      expect(await list(at('B'))).to.deep.equal(['deep']);
      expect(await codeOf(list(at('missing')))).to.equal('ENOENT');
    });

    it('makes a folder that is there already without a word', async () => {
      await call<void>((done) => files.makeFolder(at('x/y'), done));
      await call<void>((done) => files.makeFolder(at('x/y'), done));
      expect(await list(at('x'))).to.deep.equal(['y']);
    });

    it('renames over another file, which open files do not notice', async () => {
      const old = await create('a', 'old');
      await create('b', 'new');
      await call<void>((done) => files.rename(at('b'), at('a'), done));
      expect(await list(folder)).to.deep.equal(['a']);
      expect(await text('a')).to.equal('new');
      expect((await read(old)).toString()).to.equal('old');
      expect(await codeOf(call<void>((done) => files.rename(at('b'), at('c'), done)))).to.equal('ENOENT');
    });

    it('renames a folder, with all that is in it', async () => {
      await call<void>((done) => files.makeFolder(at('x/y'), done));
      await create('x/y/a', 'deep');
      await call<void>((done) => files.syncFolder(at('x'), done));
      await call<void>((done) => files.rename(at('x'), at('z'), done));
      await call<void>((done) => files.syncFolder(folder, done));
      expect(await list(folder)).to.deep.equal(['z']);
      expect(await codeOf(list(at('x')))).to.equal('ENOENT');
      expect(await text('z/y/a')).to.equal('deep');
      await call<void>((done) => files.makeFolder(at('x'), done));
      expect([await list(at('x')), await list(at('z'))]).to.deep.equal([[], ['y']]);
    });

    it('removes a name; an open file can still be read', async () => {
      const file = await create('a', 'still');
      await call<void>((done) => files.remove(at('a'), done));
      expect(await list(folder)).to.deep.equal([]);
      expect((await read(file)).toString()).to.equal('still');
      expect(await codeOf(call<void>((done) => files.remove(at('a'), done)))).to.equal('ENOENT');
    });

    it('syncs a folder, and says when there is none', async () => {
      await call<void>((done) => files.syncFolder(folder, done));
      expect(await codeOf(call<void>((done) => files.syncFolder(at('missing'), done)))).to.equal('ENOENT');
    });

    it('refuses a file that was closed', async () => {
      const file = await create('a', 'x');
      await call<void>((done) => file.close(done));
      expect(await codeOf(read(file))).to.equal('EBADF');
    });

    it('never calls back inside the call', async () => {
      let inside = true;
      const later = <T>(make: (done: Done<T>) => void): Promise<boolean> =>
        new Promise((resolve) => make(() => resolve(!inside)));
      const calls = [
        later<string[]>((done) => files.list(folder, done)),
        later<string[]>((done) => files.list(at('missing'), done)),
        later<File>((done) => files.open(at('missing'), {}, done)),
        later<void>((done) => files.makeFolder(at('x'), done)),
      ];
      inside = false;
      expect(await Promise.all(calls)).to.deep.equal([true, true, true, true]);
    });
  });
}
