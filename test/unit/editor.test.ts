/** The line editor: what each key does to a line. The bar in a text stands for the cursor. */
import { expect } from 'chai';
import fc from 'fast-check';
import {
  type EditorCommand,
  type EditorState,
  emptyEditor,
  type PlainEdit,
  reduceEditor,
} from '../../tui/editor/editor.js';
import { addToHistory, cleanHistory, HISTORY_MAX } from '../../tui/editor/history.js';
import { LINE_EDITS, LINE_LENGTH_MAX, type LineEdit } from '../../tui/editor/line.js';

const type = (text: string): EditorCommand => ({ do: 'type', text });

/** An editor after commands; plain words are edits, everything else is typed. */
function changed(state: EditorState, ...commands: (EditorCommand | PlainEdit)[]): EditorState {
  return commands.reduce<EditorState>(
    (each, command) => reduceEditor(each, typeof command === 'string' ? { do: command } : command),
    state,
  );
}

/** An editor that holds `text`, the cursor at the bar. */
function holding(text: string, history: readonly string[] = []): EditorState {
  const [before = '', behind = ''] = text.split('|');
  const back = Array.from(new Intl.Segmenter().segment(behind), (): PlainEdit => 'cursor.left');
  return changed(emptyEditor(history), type(before + behind), ...back);
}

function shown({ line }: EditorState): string {
  return `${line.text.slice(0, line.cursor)}|${line.text.slice(line.cursor)}`;
}

describe('the line editor', () => {
  const edits: [string, LineEdit, string][] = [
    ['enqueue|(1)', 'cursor.left', 'enqueu|e(1)'],
    ['|ab', 'cursor.left', '|ab'],
    ['a|b', 'cursor.right', 'ab|'],
    ['ab|', 'cursor.right', 'ab|'],
    ['one two-three|', 'cursor.word-left', 'one two-|three'],
    ['one |two', 'cursor.word-left', '|one two'],
    ['|one two', 'cursor.word-right', 'one| two'],
    ['one| two', 'cursor.word-right', 'one two|'],
    ['one| two', 'cursor.home', '|one two'],
    ['one| two', 'cursor.end', 'one two|'],
    ['ab|c', 'delete.left', 'a|c'],
    ['|ab', 'delete.left', '|ab'],
    ['a|bc', 'delete.right', 'a|c'],
    ['ab|', 'delete.right', 'ab|'],
    ['one |two', 'kill.to-end', 'one |'],
    ['one |two', 'kill.to-start', '|two'],
    ['a lock:7-x |b', 'kill.chunk-left', 'a |b'],
    ['a lock:7 |b', 'kill.word-left', 'a lock:|b'],
    ['a |lock:7 b', 'kill.word-right', 'a |:7 b'],
    ['ab|', 'transpose', 'ba|'],
    ['a|bc', 'transpose', 'ba|c'],
    ['|ab', 'transpose', '|ab'],
    ['one| two', 'clear', '|'],
  ];
  for (const [before, edit, result] of edits) {
    it(`${edit}: ${before} becomes ${result}`, () => expect(shown(changed(holding(before), edit))).to.equal(result));
  }

  it('moves and deletes by graphemes, not by code units', () => {
    const family = '👩‍👩‍👧';
    const text = `a${family}e\u0301`;
    expect(shown(changed(holding(`${text}|`), 'delete.left'))).to.equal(`a${family}|`);
    expect(shown(changed(holding(`${text}|`), 'delete.left', 'delete.left'))).to.equal('a|');
    expect(shown(changed(holding(`a|${family}b`), 'delete.right'))).to.equal('a|b');
  });

  it('keeps the cursor on a boundary when a combining mark is typed', () => {
    const state = changed(holding('e|x'), type('\u0301'));
    expect(state.line.cursor).to.equal(2);
    expect(changed(state, 'delete.left').line.text).to.equal('x');
  });

  it('keeps the cursor on a boundary when what is typed joins what follows', () => {
    expect(shown(changed(holding('|🇪'), type('🇩')))).to.equal('🇩🇪|');
  });

  it('puts back what was cut, pieces cut in a row together', () => {
    expect(shown(changed(holding('one two|'), 'kill.chunk-left', 'kill.chunk-left', 'yank'))).to.equal('one two|');
    expect(shown(changed(holding('one |two'), 'kill.to-end', 'cursor.home', 'yank'))).to.equal('two|one ');
    expect(shown(changed(holding('a|b'), 'kill.to-end', 'cursor.home', 'kill.to-end', 'yank'))).to.equal('a|');
  });

  it('keeps what was cut for the next line', () => {
    const state = changed(holding('value|'), 'kill.to-start', { do: 'submitted' }, 'yank');
    expect(shown(state)).to.equal('value|');
  });

  it('undoes letters typed in a row as one, other edits one by one', () => {
    const state = changed(emptyEditor(), type('a'), type('b'), 'delete.left', type('c'));
    expect(shown(state)).to.equal('ac|');
    expect(shown(changed(state, 'undo'))).to.equal('a|');
    expect(shown(changed(state, 'undo', 'undo'))).to.equal('ab|');
    expect(shown(changed(state, 'undo', 'undo', 'undo'))).to.equal('|');
    expect(shown(changed(state, 'undo', 'undo', 'undo', 'undo'))).to.equal('|');
  });

  it('brings a cleared line back', () =>
    expect(shown(changed(holding('enqueue(1)|'), 'clear', 'undo'))).to.equal('enqueue(1)|'));

  it('holds a line of limited length and never cuts a grapheme in two', () => {
    const state = changed(emptyEditor(), type('x'.repeat(LINE_LENGTH_MAX - 1)), type('👩‍👧'));
    expect(state.line.text).to.have.lengthOf(LINE_LENGTH_MAX - 1);
    expect(changed(state, type('yz')).line.text).to.have.lengthOf(LINE_LENGTH_MAX);
  });

  it('keeps the cursor on a boundary of the text, whatever is done', () => {
    const edit = fc.constantFrom(...(Object.keys(LINE_EDITS) as LineEdit[]));
    const text = fc.string({ unit: 'grapheme', maxLength: 6 }).filter((each) => each !== '');
    fc.assert(
      fc.property(fc.array(fc.oneof(edit, text.map(type)), { maxLength: 40 }), (commands) => {
        const { line } = changed(emptyEditor(), ...commands);
        const boundaries = Array.from(new Intl.Segmenter().segment(line.text), ({ index }) => index);
        expect([...boundaries, line.text.length]).to.include(line.cursor);
      }),
    );
  });
});

describe('the history', () => {
  const history = ['log', 'enqueue(1)', 'nodes', 'enqueue(2)'];

  it('goes back through older lines and forward to the draft', () => {
    let state = emptyEditor(history);
    const seen = [];
    for (const step of ['history.back', 'history.back', 'history.forward', 'history.forward'] as const) {
      state = changed(state, step);
      seen.push(state.line.text);
    }
    expect(seen).to.deep.equal(['enqueue(2)', 'nodes', 'enqueue(2)', '']);
  });

  it('keeps the draft and passes over lines that do not begin with it', () => {
    const state = changed(holding('enq|', history), 'history.back', 'history.back');
    expect(shown(state)).to.equal('enqueue(1)|');
    expect(shown(changed(state, 'history.back'))).to.equal('enqueue(1)|');
    expect(shown(changed(state, 'history.forward', 'history.forward'))).to.equal('enq|');
  });

  it('takes in what was run, but neither blanks nor the same again', () => {
    const lines = ['log', 'log', '  ', 'nodes'].reduce<readonly string[]>(addToHistory, []);
    expect(lines).to.deep.equal(['log', 'nodes']);
    const state = changed(holding('dequeue|', history), { do: 'submitted' });
    expect(shown(state)).to.equal('|');
    expect(state.history.at(-1)).to.equal('dequeue');
  });

  it('is bounded, the oldest going first', () => {
    const lines = Array.from({ length: HISTORY_MAX + 10 }, (_, nth) => `line ${nth}`);
    expect(cleanHistory(lines)).to.have.lengthOf(HISTORY_MAX);
    expect(lines.reduce<readonly string[]>(addToHistory, [])[0]).to.equal('line 10');
  });

  it('puts loaded lines before those of this session', () => {
    const state = changed(holding('new|'), { do: 'submitted' }, { do: 'load', history: ['old'] });
    expect(state.history).to.deep.equal(['old', 'new']);
  });
});

describe('the reverse search', () => {
  const history = ['log 5', 'enqueue(1)', 'nodes', 'enqueue(2)'];
  const searching = (...more: (EditorCommand | PlainEdit)[]) =>
    changed(holding('draft|', history), 'search.start', ...more);

  it('finds the newest line that holds the letters, then older ones', () => {
    expect(searching(type('QUE')).line.text).to.equal('enqueue(2)');
    expect(searching(type('que'), 'search.older').line.text).to.equal('enqueue(1)');
  });

  it('says so when nothing older holds them, and keeps what it found', () => {
    const state = searching(type('que'), 'search.older', 'search.older');
    expect(state.search?.failed).to.equal(true);
    expect(state.line.text).to.equal('enqueue(1)');
  });

  it('looks again when a letter is taken back', () => {
    expect(searching(type('log'), type('x'), 'search.shorten').line.text).to.equal('log 5');
    expect(searching(type('l'), 'search.shorten').line.text).to.equal('draft');
  });

  it('gives the draft back when it is left, the line found when it is taken', () => {
    expect(shown(searching(type('log'), 'search.cancel'))).to.equal('draft|');
    const taken = searching(type('log'), 'search.accept');
    expect([taken.search, taken.line.text]).to.deep.equal([null, 'log 5']);
    expect(searching(type('log'), 'cursor.home').search).to.equal(null);
  });
});

describe('the completion', () => {
  const offer = (from: number, ...texts: string[]): EditorCommand => ({
    do: 'complete',
    completion: { from, candidates: texts.map((text) => ({ text, help: '' })) },
  });

  it('inserts the only way to go on', () => {
    const state = changed(holding('kill n|'), offer(5, 'n1'));
    expect(shown(state)).to.equal('kill n1 |');
    expect(state.completion).to.equal(null);
    expect(shown(changed(holding('kill(n|)'), offer(5, 'n1')))).to.equal('kill(n1|)');
  });

  it('inserts what all have in common and opens the list', () => {
    const state = changed(holding('e|(1)'), offer(0, 'enqueue', 'enlist'));
    expect(shown(state)).to.equal('en|(1)');
    expect(state.completion?.candidates).to.have.lengthOf(2);
  });

  it('walks through the list and back to what was typed', () => {
    const state = changed(holding('kill |'), offer(5, 'n1', 'n2'));
    const walk = (...steps: PlainEdit[]) => shown(changed(state, ...steps));
    const next: PlainEdit = 'complete.next';
    expect([walk(next), walk(next, next), walk(next, next, next), walk('complete.previous')]).to.deep.equal([
      'kill n1|',
      'kill n2|',
      'kill n|',
      'kill n2|',
    ]);
  });

  it('filters an open list while letters are typed and never inserts by itself', () => {
    const state = changed(holding('e|'), offer(0, 'enqueue', 'exit'), type('x'));
    const refreshed = reduceEditor(state, { ...offer(0, 'exit'), refresh: true } as EditorCommand);
    expect(shown(refreshed)).to.equal('ex|');
    expect(refreshed.completion?.candidates).to.have.lengthOf(1);
  });

  it('closes when nothing fits, and when the only candidate stands there already', () => {
    const open = changed(holding('e|'), offer(0, 'enqueue', 'exit'));
    expect(changed(open, offer(0)).completion).to.equal(null);
    expect(changed(holding('exit|'), { ...offer(0, 'exit'), refresh: true } as EditorCommand).completion).to.equal(
      null,
    );
  });
});
