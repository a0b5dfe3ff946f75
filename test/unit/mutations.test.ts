/** The mutations are about this source: each still finds what it replaces, once, in a file that the simulator runs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { MUTATIONS } from '../mutations/mistakes.js';
import { edited, occurrences } from '../mutations/mutation.js';
import { projectRoot, simulatorFiles } from '../mutations/source.js';

describe('the list of mutations', () => {
  const root = projectRoot();
  const files = new Set(simulatorFiles(root));
  const textOf = (file: string) => readFileSync(join(root, file), 'utf8');

  it('names each mutation once, in kebab-case', () => {
    const names = MUTATIONS.map(({ name }) => name);
    expect(new Set(names).size).to.equal(names.length);
    for (const name of names) expect(name).to.match(/^[a-z]+(-[a-z]+)*$/);
  });

  it('says of each what was got wrong and where that is known from', () => {
    for (const { name, mistake, source } of MUTATIONS) {
      expect(mistake, name).to.match(/^\p{Lu}.*\.$/u);
      expect(source, name).to.not.equal('');
    }
  });

  it('holds no two that make the same edits', () => {
    const edits = MUTATIONS.map((mutation) => JSON.stringify(mutation.edits));
    expect(new Set(edits).size).to.equal(edits.length);
  });

  for (const { name, edits } of MUTATIONS)
    it(`can put in ${name}`, () => {
      expect(edits).to.not.have.length(0);
      const texts = new Map<string, string>();
      for (const edit of edits) {
        expect(files.has(edit.file), `${edit.file} is part of the simulator`).to.equal(true);
        const text = texts.get(edit.file) ?? textOf(edit.file);
        expect(occurrences(text, edit.before), `${edit.file}: ${edit.before}`).to.equal(1);
        const after = edited(text, edit);
        expect(after).to.not.equal(text);
        texts.set(edit.file, after);
      }
    });
});
