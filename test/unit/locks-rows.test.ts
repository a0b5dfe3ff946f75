/** What a cut tells of locks: each thing that happens to them changes these rows, and no others. */
import { expect } from 'chai';
import { coordinationMachine } from '../../node/services/group-machine.js';
import { BadRow, Tables } from '../../node/services/tables.js';
import { encode } from '../../protocol/codec.js';
import { threeParties } from './lock-words.js';
import { unpacked } from './strict-tables.js';

/** Three sessions, and what has been told of the locks since the last time: '+' or '-', and the table. */
function cutting() {
  const parties = threeParties();
  const told = (): string[] => {
    const cut = parties.group.tables.cut();
    const words: string[] = [];
    for (let slice = cut.next(1000); slice !== null; slice = cut.next(1000))
      for (const [key, value] of unpacked(slice)) {
        const name = Buffer.from(key, 'hex').toString('latin1').split('\0')[0] ?? '';
        if (name.startsWith('locks')) words.push(`${value === null ? '-' : '+'}${name}`);
      }
    cut.flushed();
    return words;
  };
  told();
  return { ...parties, told };
}

describe('the rows of locks', () => {
  it('are the lock, the hold and the owner, as long as it is held', () => {
    const { a, told } = cutting();
    a.acquire('k');
    expect(told()).to.deep.equal(['+locks', '+locks.holds', '+locks.owners']);
    a.release('k');
    expect(told()).to.deep.equal(['-locks', '-locks.holds', '-locks.owners']);
  });

  it('leave no trace of what came and went', () => {
    const { a, b, group, told } = cutting();
    a.acquire('k');
    b.acquire('k', { wait: 10 });
    group.wait(10);
    a.release('k');
    expect(told()).to.deep.equal([]);
  });

  it('are one for each hold, however many share the lock', () => {
    const { a, b, c, told } = cutting();
    a.acquire('k:s');
    b.acquire('k:s');
    told();
    c.acquire('k:s');
    expect(told()).to.deep.equal(['+locks.holds', '+locks.owners']);
    b.release('k');
    expect(told()).to.deep.equal(['-locks.holds', '-locks.owners']);
  });

  it('tell how often it is held, in which mode, until when, and that the token is another', () => {
    const { a, told } = cutting();
    a.acquire('k');
    told();
    a.acquire('k');
    expect(told(), 'again').to.deep.equal(['+locks.holds']);
    a.release('k', { count: 1 });
    expect(told(), 'once less').to.deep.equal(['+locks.holds']);
    a.acquire('k', { delay: 50 });
    expect(told(), 'with a delay').to.deep.equal(['+locks.holds']);
    a.convert('k:u');
    expect(told(), 'out of mode x').to.deep.equal(['+locks', '+locks.holds']);
    a.convert('k:s');
    expect(told(), 'weaker').to.deep.equal(['+locks.holds']);
    a.convert('k:u');
    expect(told(), 'stronger').to.deep.equal(['+locks.holds']);
    a.convert('k:x');
    expect(told(), 'into mode x').to.deep.equal(['+locks', '+locks.holds']);
    a.revoke('k', 100);
    expect(told(), 'asked for').to.deep.equal(['+locks.holds', '+locks.news', '+locks.numbers']);
  });

  it('are those of requests in line, and of owners as old as they say', () => {
    const { a, b, c, told } = cutting();
    a.acquire('k');
    c.acquire('other');
    told();
    const waiting = b.acquire('k', { wait: 100 });
    expect(told()).to.deep.equal(['+locks.owners', '+locks.requests']);
    c.acquire('k', { wait: 100, birth: 1 });
    expect(told(), 'older').to.deep.equal(['+locks.owners', '+locks.requests']);
    b.giveUp(waiting);
    expect(told()).to.deep.equal(['-locks.owners', '-locks.requests']);
    a.release('k');
    expect(told(), 'handed on').to.deep.equal([
      '+locks',
      '-locks.holds',
      '+locks.holds',
      '-locks.owners',
      '-locks.requests',
    ]);
  });

  it('keep a lock that nobody holds while it is kept from everybody', () => {
    const { a, group, told } = cutting();
    a.acquire('k', { delay: 50 });
    told();
    group.expire(a);
    expect(told()).to.deep.equal(['+locks', '-locks.holds', '-locks.owners']);
    group.wait(50);
    expect(told()).to.deep.equal(['-locks']);
  });

  it('are small, whatever the number of sharers', () => {
    const { a, b, c, group } = cutting();
    for (const one of [a, b, c]) one.acquire('k:s');
    const sizes = [...group.tables.rows()].flatMap(([key, value]) =>
      key.toString().startsWith('locks\0') ? [value.length] : [],
    );
    expect(sizes).to.deep.equal([encode([a.session + 3, 0]).length]);
  });

  it('are refused when one is missing that another names', () => {
    const { a, b, group } = cutting();
    a.acquire('k');
    b.acquire('k', { wait: 100 });
    for (const missing of ['locks', 'locks.owners']) {
      const tables = new Tables();
      const { machine } = coordinationMachine(tables);
      for (const [key, value] of group.tables.rows())
        if (key.toString('latin1').split('\0')[0] !== missing) tables.feed(key, value);
      expect(() => machine.restored(0), missing).to.throw(BadRow, 'that has no row');
    }
  });
});
