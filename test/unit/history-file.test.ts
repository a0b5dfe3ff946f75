/** The lines typed in earlier sessions: kept in order, bounded, for their owner only. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { HISTORY_LINES_MAX, openHistory } from '../../tui/session/history-file.js';

describe('the history file', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'concord-history-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** The lines of the file once `last` is among them. */
  async function linesUntil(file: string, last: string): Promise<string[]> {
    for (;;) {
      const lines = (await readFile(file, 'utf8').catch(() => '')).trimEnd().split('\n');
      if (lines.at(-1) === last) return lines;
      await new Promise(setImmediate);
    }
  }

  it('keeps lines in the order they were typed, for the next session', async () => {
    const file = join(folder, 'data', '.history');
    const history = openHistory(file);
    expect(await history.load()).to.deep.equal([]);
    for (const line of ['enqueue(5)', 'size', 'dequeue']) history.add(line);
    await linesUntil(file, 'dequeue');
    expect(await openHistory(file).load()).to.deep.equal(['enqueue(5)', 'size', 'dequeue']);
    expect((await stat(file)).mode & 0o777).to.equal(0o600);
  });

  it('is cut back, keeping the newest lines', async () => {
    const file = join(folder, '.history');
    const history = openHistory(file);
    const count = 2 * HISTORY_LINES_MAX + 1;
    for (let i = 1; i <= count; i++) history.add(`size ${i}`);
    const lines = await linesUntil(file, `size ${count}`);
    expect(lines).to.have.length(HISTORY_LINES_MAX + 1);
    expect(lines[0]).to.equal(`size ${count - HISTORY_LINES_MAX}`);
    expect((await stat(file)).mode & 0o777).to.equal(0o600);
    expect(await openHistory(file).load()).to.have.length(HISTORY_LINES_MAX);
  });

  it('is no reason to fail, and of this session only without a file', async () => {
    const nowhere = openHistory(join(folder, 'x'.repeat(300)));
    nowhere.add('size');
    expect(await nowhere.load()).to.deep.equal([]);
    const none = openHistory(null);
    none.add('size');
    expect(await none.load()).to.deep.equal([]);
  });
});
