/** What the pages tell a reader to run is there to be run. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { projectRoot } from '../mutations/source.js';

describe('the pages', () => {
  const root = projectRoot();
  const scripts = Object.keys(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts);
  const pages = ['.', 'node', 'protocol', 'test', 'tui'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
  );

  for (const page of pages)
    it(`${page} names no script that package.json does not have`, () => {
      const named = [...readFileSync(join(root, page), 'utf8').matchAll(/`?npm run ([\w:]+)/g)].map(
        (match) => match[1],
      );
      expect(scripts).to.include.members(named);
    });

  it('name the scripts that show what was promised', () => {
    const all = pages.map((page) => readFileSync(join(root, page), 'utf8')).join();
    for (const script of ['simulate', 'mutations', 'golden', 'test:python'])
      expect(all).to.include(`npm run ${script}`);
  });
});
