/** The scripts in test/golden/raft: what the core does in the situations that matter, word for word. UPDATE=1 writes what it does now. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { perform } from './golden/script.js';

/** The scripts lie in the source tree, above wherever the compiled tests are. */
function findScripts(): string {
  let folder = import.meta.dirname;
  const scripts = join('test', 'golden', 'raft');
  while (!existsSync(join(folder, scripts, 'README.md')) && folder !== dirname(folder)) folder = dirname(folder);
  return join(folder, scripts);
}

describe('the core of Raft, as its golden traces say', () => {
  const folder = findScripts();
  const names = readdirSync(folder).filter((name) => name.endsWith('.txt'));

  for (const name of names)
    it(name.replace('.txt', '').replaceAll('-', ' '), () => {
      const file = join(folder, name);
      const script = readFileSync(file, 'utf8');
      const now = perform(script);
      if (process.env['UPDATE'] === '1') writeFileSync(file, now);
      else expect(now).to.equal(script);
    });

  it('a script without its trace is none, nor one that differs from it', () => {
    const script = readFileSync(join(folder, names[0] ?? ''), 'utf8');
    const bare = script.replaceAll(/^ {4}.*\n/gm, '');
    expect(perform(bare), 'commands without output get it').to.equal(script);
    expect(perform(script.replace(/^ {4}\w/m, '    ?')), 'output that is wrong is put right').to.equal(script);
  });
});
