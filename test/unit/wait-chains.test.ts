/** Who waits for whom, as text. */
import { expect } from 'chai';
import { chainLines, type Edge } from '../../tui/session/wait-chains.js';

/** `14/1 a(x) 17/1(s)`: 14/1 waits in x for the lock a that 17/1 holds in s. */
function edge(text: string): Edge {
  const [, waiter, lock, asked, holder, held] = /^(\S+) (\S+)\((.)\) (.+)\((.)\)$/.exec(text) as unknown as string[];
  const party = (name = '', mode = '') => {
    const [session, owner] = name.split('/').map(Number);
    return { session: session ?? 0, owner: owner ?? 0, mode: mode === '-' ? null : mode };
  };
  return { waiter: party(waiter, asked), holder: party(holder, held), lock: lock ?? '' };
}

const drawn = (...edges: string[]) => chainLines(edges.map(edge));

describe('waits as text', () => {
  it('says when nobody waits', () => {
    expect(drawn()).to.deep.equal(['nobody waits']);
  });

  it('has a chain for each owner at whose end nobody is waited for, those who wait for it below it', () => {
    expect(drawn('14/1 build(x) 17/1(s)', '15/1 build(x) 17/1(s)', '17/1 deploy(s) 20/1(x)', '9/1 a(x) 8/2(x)'))
      .to.deep //
      .equal([
        '20/1 waits for nobody',
        '  17/1 waits for deploy (s), held by 20/1 (x)',
        '    14/1 waits for build (x), held by 17/1 (s)',
        '    15/1 waits for build (x), held by 17/1 (s)',
        '8/2 waits for nobody',
        '  9/1 waits for a (x), held by 8/2 (x)',
      ]);
  });

  it('follows an owner that waits for several others only once', () => {
    expect(drawn('3/1 a(x) 1/1(s)', '3/1 a(x) 2/1(s)', '4/1 b(x) 3/1(x)')).to.deep.equal([
      '1/1 waits for nobody',
      '  3/1 waits for a (x), held by 1/1 (s)',
      '    4/1 waits for b (x), held by 3/1 (x)',
      '2/1 waits for nobody',
      '  3/1 waits for a (x), held by 2/1 (s), as above',
    ]);
  });

  it('tells who only stands in front from who holds', () => {
    expect(drawn('2/1 a(s) 1/1(-)')).to.deep.equal(['1/1 waits for nobody', '  2/1 waits for a (s), behind 1/1']);
  });

  it('ends also with a circle, and draws each edge of it', () => {
    expect(drawn('1/1 a(x) 2/1(x)', '2/1 b(x) 1/1(x)')).to.deep.equal([
      '2/1',
      '  1/1 waits for a (x), held by 2/1 (x)',
      '    2/1 waits for b (x), held by 1/1 (x), as above',
    ]);
  });

  it('takes a line for each edge and end, however they are tangled', () => {
    const layers = Array.from({ length: 10 }, (_, i) => [`${2 * i + 1}/1`, `${2 * i + 2}/1`]);
    const edges = layers
      .slice(1)
      .flatMap((layer, i) => layer.flatMap((one) => (layers[i] ?? []).map((other) => `${one} k${i}(s) ${other}(x)`)));
    expect(drawn(...edges)).to.have.length(edges.length + 2);
  });
});
