/** The log in more than one file: each is there before it is needed, says all that it has to, and few are kept open. */
import { expect } from 'chai';
import type { Place } from '../../node/storage/log.js';
import { LogWorld, run, summary, vote } from './log-world.js';

describe('the log over many segments', () => {
  let world: LogWorld;
  beforeEach(() => {
    world = new LogWorld();
  });

  const appendMany = (count: number) => {
    const places: Place[] = [];
    for (let i = 1; i <= count; i++) places.push(...world.append([run('c', i, 1, { fill: 900 })]));
    return places;
  };

  it('goes on in the next one when one is full', () => {
    world.open();
    const places = appendMany(40);
    expect(new Set(places.map((place) => place.segment)).size).to.be.greaterThan(4);
    world.crash().open();
    expect(world.recovered.get('c')?.runs).to.have.length(40);
    const runs = places.map((_, i) => run('c', i + 1, 1, { fill: 900 }).bytes);
    expect(places.map((place) => world.read(place))).to.deep.equal(runs);
    expect(world.append([run('c', 41)])).to.have.length(1);
  });

  it('starts each with the newest hard state of every group', () => {
    world.open();
    world.append([], [vote('s0', 3, 'n2'), vote('c', 1, '')]);
    world.append([], [vote('c', 2, 'n1')]);
    const last = appendMany(40).at(-1)?.segment ?? 0;
    for (let segment = 2; segment <= last; segment++) {
      const start = world.contents(segment).subarray(512, 1024).toString('hex');
      for (const [group, term, node] of [
        ['c', 2, 'n1'],
        ['s0', 3, 'n2'],
      ] as const)
        expect(start).to.include(
          Buffer.from(group).toString('hex') + term.toString(16).padStart(12, '0') + Buffer.from(node).toString('hex'),
        );
    }
  });

  it('has the next one made before it is needed, and only that', () => {
    world.open();
    expect(world.names()).to.deep.equal(['0000000001.log', '0000000002.log']);
    const last = appendMany(20).at(-1)?.segment ?? 0;
    expect(world.names()).to.have.length(last + 1);
  });

  it('keeps few files open, and reads from all', () => {
    world.open();
    const places = appendMany(120);
    for (const place of [...places, ...places.reverse()]) expect(world.read(place)).to.be.instanceOf(Buffer);
    expect(world.disk.openFiles).to.be.at.most(10);
  });

  it('reads from many at once', () => {
    world.open();
    const places = appendMany(120);
    let right = 0;
    places.forEach((place, i) => {
      world.log.read(place, (_, bytes) => {
        if (bytes.equals(run('c', i + 1, 1, { fill: 900 }).bytes)) right++;
      });
    });
    world.time.settle();
    expect(right).to.equal(120);
    expect(world.disk.openFiles).to.be.at.most(10);
  });

  it('begins with a small one however large the others are', () => {
    world = new LogWorld(4 << 20).open();
    expect(world.contents(1).length).to.equal(1 << 20);
    world.time.pass(1000);
    expect(world.contents(2).length).to.equal(4 << 20);
  });

  it('uses those that are there, whatever length is set now', () => {
    world.open();
    world.append([run('c', 1)]);
    const larger = new LogWorld(16_384);
    Object.assign(larger, { disk: world.disk, files: world.crash().files, time: world.time });
    larger.open();
    for (let i = 2; i < 40; i++) larger.append([run('c', i, 1, { fill: 900 })]);
    expect([1, 2, 3].map((id) => larger.contents(id).length)).to.deep.equal([8192, 8192, 16_384]);
  });

  it('makes one to fit for a batch that no other can hold', () => {
    world.open();
    const small = run('c', 1);
    const large = run('c', 2, 1, { fill: 50_000 });
    const places = [...world.append([small]), ...world.append([large]), ...world.append([run('c', 3)])];
    expect(places.map((place) => place.segment)).to.deep.equal([1, 2, 3]);
    expect(world.contents(3).length).to.equal(8192);
    world.crash().open();
    expect(summary(world.recovered)).to.deep.equal({ c: 'term 0 for , 1-1 2-2 3-3' });
    expect(places.slice(0, 2).map((place) => world.read(place))).to.deep.equal([small.bytes, large.bytes]);
  });

  it('even if that is the first of all', () => {
    world.open();
    world.append([run('c', 1, 1, { fill: 50_000 })], [vote('c', 1, 'n1')]);
    world.append([run('c', 2)]);
    world.crash().open();
    expect(summary(world.recovered)).to.deep.equal({ c: 'term 1 for n1, 1-1 2-2' });
  });

  it('clears away one that was being made when the node stopped', () => {
    world.open();
    world.files.open('/data/n1/log/0000000003.tmp', { create: true }, () => {});
    world.kill().open();
    expect(world.names()).to.deep.equal(['0000000001.log', '0000000002.log']);
    appendMany(20);
  });
});
