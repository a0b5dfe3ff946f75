/** Nothing from outside acts on the terminal, and everything has a known width. */
import { expect } from 'chai';
import fc from 'fast-check';
import { cellsOf, cutTo, fitTo, widthOf, wrapTo } from '../../tui/terminal/cells.js';
import { sanitize } from '../../tui/terminal/sanitize.js';

const ESC = '\u001b';

describe('sanitize', () => {
  const cases: [string, string, string][] = [
    ['leaves plain text alone', 'enqueue(1) -> 41', 'enqueue(1) -> 41'],
    ['leaves letters of all scripts alone', 'grüße 宽字 привет', 'grüße 宽字 привет'],
    ['takes colours out', `${ESC}[31mred${ESC}[0m`, 'red'],
    ['takes cursor movements out', `a${ESC}[2J${ESC}[1;1Hb${ESC}7c`, 'abc'],
    ['takes titles and links out', `a${ESC}]0;title\u0007b${ESC}]8;;http://x${ESC}\\c`, 'abc'],
    ['takes device strings out', `a${ESC}P1$r0m${ESC}\\b${ESC}_x${ESC}\\c`, 'abc'],
    ['takes the 8-bit forms out', 'a\u009b31mb\u009d0;t\u009cc', 'abc'],
    ['takes control characters out', 'a\u0000\u0007\b\u007fb', 'ab'],
    ['makes blanks of line ends and tabs', 'a\tb\r\nc\u2028d', 'a b c d'],
    ['takes bidi overrides out', 'a\u202eb\u2066c\u200fd', 'abcd'],
    ['takes other formats out', 'a\ufff9b\u0600c', 'abc'],
    ['takes joiners and selectors out', 'a\u200db\ufe0fc\u200b', 'abc'],
    ['takes joined emoji apart', '👩‍👩‍👧', '👩👩👧'],
    ['takes skin tones off', '👋🏽', '👋'],
    ['spells flags', '🇩🇪', 'DE'],
    ['composes what can be composed', 'e\u0301', 'é'],
    ['marks what it does not know', 'a\ud800b\u0378\ue000', 'a\ufffdb\ufffd\ufffd'],
    ['keeps a few marks on a letter, not a tower of them', `a${'\u0316'.repeat(40)}b`, `a${'\u0316'.repeat(4)}b`],
    ['drops a mark that stands alone', '\u0316x', 'x'],
  ];
  for (const [name, text, safe] of cases) it(name, () => expect(sanitize(text)).to.equal(safe));

  it('leaves nothing that acts on a terminal, whatever comes in, and changes nothing the second time', () => {
    const nasty = fc.constantFrom(
      ESC,
      '[',
      ']',
      '31m',
      '\u009b',
      '\u202e',
      '\u200d',
      '\u0301',
      '👩',
      '宽',
      '\u0007',
      'a',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(nasty).map((parts) => parts.join('')),
        ),
        (text) => {
          const safe = sanitize(text);
          expect(safe).not.to.match(/[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069\u200b-\u200f]/u);
          expect(sanitize(safe)).to.equal(safe);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('cells', () => {
  const widths: [string, number][] = [
    ['', 0],
    ['abc', 3],
    ['é', 1],
    ['e\u0316', 1],
    ['宽字', 4],
    ['ｆｕｌｌ', 8],
    ['👩', 2],
    ['★●✓━', 4],
    ['한국', 4],
  ];
  for (const [text, width] of widths) it(`counts ${width} for "${text}"`, () => expect(widthOf(text)).to.equal(width));

  it('cuts to a width with a mark, never through a wide character', () => {
    expect(cutTo('abcdef', 4)).to.equal('abc…');
    expect(cutTo('abcd', 4)).to.equal('abcd');
    expect(cutTo('宽字宽', 5)).to.equal('宽字…');
    expect(cutTo('宽字宽', 4)).to.equal('宽…');
    expect(cutTo('abc', 0)).to.equal('');
  });

  it('fills to a width on either side', () => {
    expect(fitTo('ab', 4)).to.equal('ab  ');
    expect(fitTo('41', 4, 'right')).to.equal('  41');
    expect(fitTo('宽字宽', 4)).to.equal('宽… ');
  });

  it('breaks lines at blanks where there are some', () => {
    expect(wrapTo('one two three', 8, 9)).to.deep.equal(['one two', 'three']);
    expect(wrapTo('onetwothree', 4, 9)).to.deep.equal(['onet', 'woth', 'ree']);
    expect(wrapTo('one two three four', 8, 2)).to.deep.equal(['one two', 'three f…']);
  });

  it('keeps to the width, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }).map(sanitize), fc.integer({ min: 1, max: 12 }), (text, width) => {
        expect(widthOf(cutTo(text, width))).to.be.at.most(width);
        expect(widthOf(fitTo(text, width))).to.equal(width);
        for (const cell of cellsOf(text)) expect(cell.width).to.be.within(0, 4);
      }),
      { numRuns: 500 },
    );
  });
});
