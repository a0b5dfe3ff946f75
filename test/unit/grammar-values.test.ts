/** How tokens become values, and values text. */
import { expect } from 'chai';
import fc from 'fast-check';
import { parse, toJson, write } from '../../tui/grammar/index.js';
import { failureOf } from './failure.js';

/** The value that `text` is as the argument of enqueue, in both forms. */
function valueIn(text: string): unknown {
  const plain = parse(`enqueue ${text}`);
  const call = parse(`enqueue(${text})`);
  expect(call.arguments).to.deep.equal(plain.arguments);
  return (plain.arguments as { x: unknown }).x;
}

function positionOf(line: string): unknown {
  const error = failureOf(() => parse(line));
  expect(error.code).to.equal('USAGE');
  const { position } = error.details;
  return position;
}

describe('a part of a whole', () => {
  const part = (text: string) => (parse(`lose n2 ${text}`).arguments as { part: number }).part;

  it('is typed in percent', () => {
    expect(['0%', '10%', '2.5%', '100%'].map(part)).to.deep.equal([0, 10, 2.5, 100]);
  });

  it('is nothing else', () => {
    for (const text of ['10', '101%', '-1%', '%', '1e1%', '"10%"', '10%%'])
      expect(positionOf(`lose n2 ${text}`), text).to.equal(8);
  });
});

describe('values', () => {
  it('takes a token that is JSON as that value', () => {
    expect(valueIn('41')).to.equal(41);
    expect(valueIn('-5')).to.equal(-5);
    expect(valueIn('1.5e3')).to.equal(1500);
    expect(valueIn('true')).to.equal(true);
    expect(valueIn('false')).to.equal(false);
    expect(valueIn('null')).to.equal(null);
    expect(valueIn('"41"')).to.equal('41');
    expect(valueIn('"a \\"b\\", (c) \\u00e9"')).to.equal('a "b", (c) é');
  });

  it('takes any other token as itself', () => {
    for (const text of [
      'abc',
      '007',
      '+5',
      '1e',
      'NaN',
      'nul',
      'TRUE',
      "it's",
      'a=b',
      '-x',
      'a"b',
      'jobs{a}',
      'naïve',
      '#5',
    ])
      expect(valueIn(text)).to.equal(text);
  });

  it('runs brackets to the matching one, and needs no quotes around keys', () => {
    expect(valueIn('{a: 1, "b c": [true, null, "x ) , }"], tag-1: {}}')).to.deep.equal({
      a: 1,
      'b c': [true, null, 'x ) , }'],
      'tag-1': {},
    });
    expect(valueIn('[ ]')).to.deep.equal([]);
    expect(valueIn('[[1,2],[3]]')).to.deep.equal([[1, 2], [3]]);
  });

  it('keeps every JSON value as it is', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes('__proto__') && isCarried(value));
        expect(valueIn(text)).to.deep.equal(JSON.parse(text));
      }),
    );
  });

  it('takes hex: as bytes, and only in pairs of digits', () => {
    expect(valueIn('hex:00fF')).to.deep.equal(Buffer.from([0, 255]));
    expect(valueIn('hex:')).to.deep.equal(Buffer.alloc(0));
    expect(valueIn('"hex:00ff"')).to.equal('hex:00ff');
    expect(positionOf('enqueue hex:0')).to.equal(8);
    expect(positionOf('enqueue hex:zz')).to.equal(8);
  });

  it('refuses an integer beyond 2^53-1 instead of rounding it, also within brackets', () => {
    expect(valueIn('9007199254740991')).to.equal(Number.MAX_SAFE_INTEGER);
    expect(valueIn('-9007199254740991')).to.equal(Number.MIN_SAFE_INTEGER);
    expect(positionOf('enqueue 9007199254740992')).to.equal(8);
    expect(positionOf('enqueue -9007199254740993')).to.equal(8);
    expect(positionOf('enqueue [1, 9007199254740993]')).to.equal(12);
    expect(positionOf('enqueue 1e400')).to.equal(8);
  });

  it('says where brackets and quotes are wrong', () => {
    expect(positionOf('enqueue "abc')).to.equal(8);
    expect(positionOf('enqueue {a: 1')).to.equal(8);
    expect(positionOf('enqueue {a 1}')).to.equal(11);
    expect(positionOf('enqueue [1 2]')).to.equal(11);
    expect(positionOf('enqueue [1,]')).to.equal(11);
    expect(positionOf('enqueue {a: b}')).to.equal(12);
    expect(positionOf('enqueue "a"b')).to.equal(11);
    expect(positionOf('enqueue {a:1}}')).to.equal(13);
    expect(positionOf('enqueue {__proto__: 1}')).to.equal(9);
    expect(positionOf('enqueue "\\x"')).to.equal(8);
  });

  it('bounds how deep brackets nest', () => {
    expect(valueIn(`${'['.repeat(32)}${']'.repeat(32)}`)).to.be.an('array');
    expect(positionOf(`enqueue ${'['.repeat(33)}${']'.repeat(33)}`)).to.equal(40);
    expect(positionOf(`enqueue ${'['.repeat(500_000)}`)).to.equal(40);
  });

  it('reads durations in ms, s, m, h, and 0', () => {
    const wait = (text: string) => (parse(`dequeue --wait ${text}`).flags as { wait: number }).wait;
    expect(['200ms', '5s', '2m', '1h', '0'].map(wait)).to.deep.equal([200, 5000, 120_000, 3_600_000, 0]);
    for (const text of ['5', '5 s', '1.5s', '-1s', '"5s"', '5d', '600h', '[1]'])
      expect(positionOf(`dequeue --wait ${text}`), text).to.equal(15);
  });
});

describe('values as text', () => {
  it('are what would be typed', () => {
    expect(write(5)).to.equal('5');
    expect(write('abc')).to.equal('abc');
    expect(write('5')).to.equal('"5"');
    expect(write('a b')).to.equal('"a b"');
    expect(write('@n1')).to.equal('"@n1"');
    expect(write(Buffer.from('hi'))).to.equal('hex:6869');
    expect(write({ a: [1, 'x'] })).to.equal('{"a":[1,"x"]}');
    expect(write(null)).to.equal('null');
  });

  it('hide no control character and no direction mark', () => {
    expect(write('a\u001b[2Jb\u009b')).to.equal('"a\\u001b[2Jb\\u009b"');
    expect(write({ k: '\u202egnp.exe' })).to.equal('{"k":"\\u202egnp.exe"}');
  });

  it('read back as the same value, in both forms', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('null', 'hex:00', '-5', '--x', '@n', '(a'),
    );
    fc.assert(
      fc.property(fc.oneof(text, fc.jsonValue({ maxDepth: 3 }), fc.uint8Array().map(Buffer.from)), (value) => {
        fc.pre(!JSON.stringify(value).includes('__proto__') && isCarried(value));
        const back = valueIn(write(value));
        expect(back).to.deep.equal(Buffer.isBuffer(value) ? value : JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('give bytes as {"$bytes": base64} in JSON, however deep', () => {
    expect(toJson({ a: [Buffer.from([0, 255])] })).to.deep.equal({ a: [{ $bytes: 'AP8=' }] });
  });
});

/** False for numbers that Concord refuses to carry. */
function isCarried(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) || !Number.isInteger(value);
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return true;
  return Object.values(value).every(isCarried);
}
