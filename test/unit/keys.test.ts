/** The tokenizer of the keyboard: what bytes mean, wherever they are cut. */
import { expect } from 'chai';
import fc from 'fast-check';
import { actionOf, KEYS, keyLabel } from '../../tui/keys.js';
import type { KeyEvent } from '../../tui/terminal/key-event.js';
import { KeyReader, PASTE_BYTES_MAX } from '../../tui/terminal/keys.js';

const ESC = '\u001b';

/** Events in short: text as it is, keys in angle brackets, pastes in braces. */
function short(events: readonly KeyEvent[]): string {
  return events
    .map((event) => {
      if (event.kind === 'text') return event.text;
      return event.kind === 'key' ? `<${event.name}>` : `{${event.text}}`;
    })
    .join('');
}

function read(...chunks: (string | Buffer)[]): string {
  const reader = new KeyReader();
  return short(chunks.flatMap((chunk) => reader.push(Buffer.from(chunk))).concat(reader.flush()));
}

describe('keys', () => {
  const meanings: [string, string, string][] = [
    ['letters', 'abc', 'abc'],
    ['a line typed at once', 'log\r', 'log<enter>'],
    ['two lines typed at once', 'log\rnodes\r', 'log<enter>nodes<enter>'],
    ['CR LF as one enter', 'log\r\n', 'log<enter>'],
    ['LF as enter', 'log\n', 'log<enter>'],
    ['several backspaces in one chunk', '\u007f\u007f\b', '<backspace><backspace><backspace>'],
    ['control letters', '\u0001\u0003\u0017\u001f\u0000', '<ctrl+a><ctrl+c><ctrl+w><ctrl+_><ctrl+space>'],
    ['tab and shift-tab', `\t${ESC}[Z`, '<tab><shift+tab>'],
    ['arrows', `${ESC}[A${ESC}[B${ESC}OC${ESC}OD`, '<up><down><right><left>'],
    ['arrows with modifiers', `${ESC}[1;5C${ESC}[1;3D${ESC}[1;2A`, '<ctrl+right><alt+left><shift+up>'],
    [
      'home and end in all their forms',
      `${ESC}[H${ESC}[F${ESC}OH${ESC}[1~${ESC}[4~${ESC}[7~`,
      '<home><end><home><home><end><home>',
    ],
    ['pages and delete', `${ESC}[5~${ESC}[6~${ESC}[3~${ESC}[3;5~`, '<pageup><pagedown><delete><ctrl+delete>'],
    ['function keys', `${ESC}OP${ESC}[11~${ESC}[15~${ESC}[[A`, '<f1><f1><f5><f1>'],
    ['alt with letters', `${ESC}b${ESC}f${ESC}d`, '<alt+b><alt+f><alt+d>'],
    ['alt with keys', `${ESC}\u007f${ESC}\r${ESC}${ESC}[D`, '<alt+backspace><alt+enter><alt+left>'],
    ['alt and then letters', `${ESC}bxyz`, '<alt+b>xyz'],
    ['the CSI-u form', `${ESC}[97;5u${ESC}[13u${ESC}[27u${ESC}[98u`, '<ctrl+a><enter><escape>b'],
    ['characters of several bytes', 'é宽👩', 'é宽👩'],
    ['a paste as one event', `${ESC}[200~two\rlines\n${ESC}[A${ESC}[201~x`, `{two\nlines\n${ESC}[A}x`],
    ['mouse reports as nothing', `a${ESC}[<0;10;5M${ESC}[<0;10;5mb${ESC}[M !!c`, 'abc'],
    ['focus reports as nothing', `a${ESC}[I${ESC}[Ob`, 'ab'],
    [
      'answers of the terminal as nothing',
      `a${ESC}[?62;c${ESC}[24;80R${ESC}]11;rgb:0/0/0\u0007${ESC}P1$r${ESC}\\b`,
      'ab',
    ],
    ['the escape key', ESC, '<escape>'],
    ['escape twice', ESC + ESC, '<alt+escape>'],
    ['Alt-[ that nothing follows', `${ESC}[`, '<alt+[>'],
    ['C1 controls as nothing', 'a\u009bb', 'ab'],
  ];
  for (const [name, bytes, events] of meanings) {
    it(`reads ${name}`, () => expect(read(bytes)).to.equal(events));
  }

  it('reads the same wherever the bytes are cut', () => {
    const bytes = Buffer.from(meanings.map(([, text]) => text.replaceAll(ESC + ESC, 'x')).join('é') + ESC);
    const whole = read(bytes);
    for (let cut = 1; cut < bytes.length; cut++) {
      expect(read(bytes.subarray(0, cut), bytes.subarray(cut)), `cut at ${cut}`).to.equal(whole);
    }
    expect(read(...Array.from(bytes, (byte) => Buffer.from([byte])))).to.equal(whole);
  });

  it('waits for the rest of a sequence, and takes it for a key when nothing follows', () => {
    const reader = new KeyReader();
    expect(reader.push(Buffer.from(ESC))).to.deep.equal([]);
    expect(reader.waiting).to.equal('sequence');
    expect(short(reader.flush())).to.equal('<escape>');
    expect(reader.waiting).to.equal(null);
    expect(short(reader.push(Buffer.from('[A')))).to.equal('[A');
  });

  it('ends a paste whose end mark never comes when it is told that nothing follows', () => {
    const reader = new KeyReader();
    expect(reader.push(Buffer.from(`${ESC}[200~half`))).to.deep.equal([]);
    expect(reader.waiting).to.equal('paste');
    expect(short(reader.flush())).to.equal('{half}');
    expect(short(reader.push(Buffer.from('x')))).to.equal('x');
  });

  it('keeps at most its limit of a paste and says that it was cut', () => {
    const reader = new KeyReader();
    const events = [`${ESC}[200~`, ...Array<string>(5).fill('y'.repeat(PASTE_BYTES_MAX / 4)), `${ESC}[201~z`].flatMap(
      (chunk) => reader.push(Buffer.from(chunk)),
    );
    const [paste, after] = events;
    expect(paste).to.include({ kind: 'paste', cut: true });
    expect(paste?.kind === 'paste' && paste.text.length).to.equal(PASTE_BYTES_MAX);
    expect(after).to.deep.equal({ kind: 'text', text: 'z' });
  });

  it('never throws, never hangs and keeps little, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 8 }), (chunks) => {
        const reader = new KeyReader();
        for (const chunk of chunks) reader.push(chunk);
        reader.flush();
        expect(reader.waiting).to.equal(null);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the table of keys', () => {
  it('gives every key one meaning in a place', () => {
    const all = KEYS.flatMap((row) => row.keys.map((key) => `${row.place} ${key}`));
    expect(all).to.have.lengthOf(new Set(all).size);
  });

  it('looks in the innermost place first', () => {
    expect(actionOf('tab', ['line'])).to.equal('complete');
    expect(actionOf('tab', ['list', 'line'])).to.equal('complete.next');
    expect(actionOf('ctrl+a', ['list', 'line'])).to.equal('cursor.home');
    expect(actionOf('f9', ['list', 'line'])).to.equal(undefined);
  });

  it('names keys as people do', () => {
    expect(['ctrl+r', 'alt+b', 'pageup', 'f1', 'ctrl+left', '?'].map(keyLabel)).to.deep.equal([
      '^R',
      'Alt-B',
      'PgUp',
      'F1',
      'Ctrl-Left',
      '?',
    ]);
  });
});
