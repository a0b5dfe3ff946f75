/** A queue's history: what the checker must let pass, and what it must catch and explain. */
import { expect } from 'chai';
import { checkLinearizable } from '../simulation/history/check.js';
import { Recorder } from '../simulation/history/history.js';
import { queue } from '../simulation/history/queue.js';
import type { QueueInput, QueueOutput } from '../simulation/history/queue-facts.js';
import { queueHistory } from './drawn-history.js';

describe('The history of a queue', () => {
  function check(picture: string) {
    return checkLinearizable(queue, queueHistory(picture));
  }

  /** The picture can be explained. */
  function passes(picture: string): void {
    expect(check(picture)).to.include({ verdict: 'ok', explanation: '' });
  }

  /** The picture cannot be explained; why. */
  function fails(picture: string): string {
    const { verdict, explanation } = check(picture);
    expect(verdict).to.equal('violation');
    return explanation;
  }

  it('is right when it is empty', () => {
    expect(checkLinearizable(queue, [])).to.include({ verdict: 'ok', steps: 0 });
  });

  it('is right when all happens one after the other', () => {
    passes(`
      w  [enqueue a = 1] [enqueue b = 2]
      r                                  [size = 2] [dequeue = 1 a] [dequeue = 2 b] [dequeue = empty]`);
  });

  it('may order what overlaps as it likes', () => {
    passes(`
      w0  [enqueue a = 2]
      w1  [enqueue b    =     1]
      r0    [dequeue    =   2 a]
      r1      [dequeue = 1 b]`);
  });

  it('may take a message as soon as its enqueue was called', () => {
    passes(`
      w   [enqueue a           = 1]
      r       [dequeue = 1 a]
      r                    [dequeue = empty]`);
  });

  it('cannot take a message before its enqueue was called', () => {
    fails(`
      w                      [enqueue a = 1]
      r   [dequeue = 1 a]`);
  });

  it('gives ids in the order of what does not overlap', () => {
    fails(`
      w  [enqueue a = 2] [enqueue b = 1]`);
  });

  it('gives ids without gaps', () => {
    fails(`
      w  [enqueue a = 1] [enqueue b = 3]`);
  });

  it('takes messages in the order of their ids', () => {
    fails(`
      w  [enqueue a = 1] [enqueue b = 2]
      r                                  [dequeue = 2 b] [dequeue = 1 a]`);
  });

  it('gives a message to one only', () => {
    const why = fails(`
      w   [enqueue a = 1]
      r0       [dequeue = 1 a]
      r1         [dequeue = 1 a]`);
    expect(why).to.include('r1 was given 1 a').and.include('and so was r0');
  });

  it('gives no message that nobody enqueued', () => {
    expect(fails('r [dequeue = 1 a]')).to.include('which nobody enqueued');
  });

  it('gives no message whose enqueue was refused', () => {
    const why = fails(`
      w   [enqueue a !]
      r                 [dequeue = 1 a]`);
    expect(why).to.include('the enqueue of which was refused');
  });

  it('gives a refused enqueue no id', () => {
    passes(`
      w   [enqueue a !] [enqueue b = 1]`);
    fails(`
      w   [enqueue a !] [enqueue b = 2]`);
  });

  it('keeps the id and the body of a message together', () => {
    expect(
      fails(`
      w   [enqueue a = 1] [enqueue b = 2]
      r                                   [dequeue = 1 b]`),
    ).to.include('two');
    expect(
      fails(`
      w0  [enqueue a = 1]
      w1  [enqueue b = 1]`),
    ).to.include('id 1 was given twice');
  });

  it('is not empty while a message certainly is there', () => {
    const why = fails(`
      w  [enqueue a = 1]                     [enqueue b = 2]
      r                  [dequeue = empty]                    [dequeue = 1 a]`);
    expect(why.split('\n')).to.deep.equal([
      'queue "it" is not linearizable:',
      '  1 of 4 answers could be put in order:',
      '    [9 .. 23 ms] w: enqueue a -> 1',
      '  then the queue holds 1, the first 1 (a), and the next id is 2; none of these leads on:',
      '    [25 .. 41 ms] r: dequeue -> empty',
    ]);
  });

  it('may answer empty to a dequeue that waits, at any instant at which it was', () => {
    passes(`
      w            [enqueue a = 1]                     [enqueue b = 2]
      r0  [dequeue                     = empty]
      r1                            [dequeue = 1 a]                    [dequeue = 2 b]`);
    fails(`
      w   [enqueue a = 1] [enqueue b = 2]
      r0                                  [dequeue         = empty]
      r1                                      [dequeue = 1 a]        [dequeue = 2 b]`);
  });

  it('has the size of what was in it at some instant of the call', () => {
    passes(`
      w   [enqueue a = 1] [enqueue b = 2]
      r                       [size = 1] [size = 2]`);
    fails(`
      w   [enqueue a = 1] [enqueue b = 2]
      r                                   [size = 1]`);
    fails(`
      w   [enqueue a = 1] [enqueue b = 2]
      r           [size = 2] [size = 1]`);
  });

  describe('with answers that never came', () => {
    it('may run them late', () => {
      passes(`
        w0  [enqueue a ?]
        w1                  [enqueue b = 1]
        r                                    [dequeue = 1 b] [dequeue = empty]  [dequeue = 2 a]`);
    });

    it('may never run them', () => {
      passes(`
        w   [enqueue a ?] [enqueue b = 1]
        r   [dequeue ?]                    [dequeue = 1 b] [dequeue = empty]`);
    });

    it('runs them no earlier than they were called', () => {
      fails(`
        w   [enqueue a = 2]   [enqueue b ?]`);
    });

    it('runs them once', () => {
      fails(`
        w0  [enqueue a ?]
        w1                [enqueue b = 3]`);
    });

    it('lets a lost dequeue take a message', () => {
      passes(`
        w   [enqueue a = 1]   [enqueue b = 2]
        r0               [dequeue ?]
        r1                                    [dequeue = 2 b] [dequeue = empty]`);
    });

    it('loses no message without a lost dequeue', () => {
      const why = fails(`
        w   [enqueue a = 1] [enqueue b = 2]
        r0                  [dequeue !]
        r1                                    [dequeue = 2 b]`);
      expect(why).to.include('the first 1 (a)').and.include('dequeue -> 2 b');
    });

    it('loses no more messages than there are lost dequeues', () => {
      fails(`
        w   [enqueue a = 1] [enqueue b = 2] [enqueue c = 3]
        r0  [dequeue ?]
        r1                                                   [dequeue = 3 c]`);
    });

    it('lets no lost dequeue take what was enqueued after it was missed', () => {
      fails(`
        w   [enqueue a = 1]
        r0                                                  [dequeue ?]
        r1                   [dequeue = empty]`);
    });

    it('lets a lost dequeue take the message of a lost enqueue', () => {
      passes(`
        w0  [enqueue a ?]
        w1               [enqueue b = 2]
        r0                   [dequeue ?]
        r1                               [dequeue = 2 b] [dequeue = empty]`);
      fails(`
        w0  [enqueue a ?]
        w1               [enqueue b = 2]
        r1                               [dequeue = 2 b] [dequeue = empty]`);
    });

    it('counts what a lost enqueue may have added', () => {
      passes('w [enqueue a ?] [enqueue b ?] [enqueue c = 2] [size = 3] [size = 3]');
      fails('w [enqueue a ?] [enqueue b ?] [enqueue c = 2] [size = 4]');
      fails('w [enqueue a ?] [enqueue c = 2] [size = 1]');
    });
  });

  it('cannot be checked when two calls enqueue the same body', () => {
    expect(() => check('w [enqueue a = 1] [enqueue a = 2]')).to.throw(RangeError, 'bodies have to be unique');
  });
});

describe('A recorded history', () => {
  it('is in strict order even within a millisecond', () => {
    const recorder = new Recorder<QueueInput, QueueOutput>();
    const a = recorder.call('w', 'q', { op: 'enqueue', body: 'a' }, 5);
    recorder.ok(a, 2, 5);
    const b = recorder.call('w', 'q', { op: 'enqueue', body: 'b' }, 5);
    recorder.ok(b, 1, 5);
    expect(checkLinearizable(queue, recorder.history()).verdict).to.equal('violation');
  });

  it('counts as unknown what nobody ended', () => {
    const recorder = new Recorder<QueueInput, QueueOutput>();
    recorder.call('w', 'q', { op: 'size' }, 1);
    expect(recorder.history()).to.deep.equal([
      {
        ...{ client: 'w', object: 'q', input: { op: 'size' }, call: 1, called: 1 },
        ...{ ending: 'unknown', return: Number.POSITIVE_INFINITY, returned: Number.POSITIVE_INFINITY },
      },
    ]);
  });

  it('ends an operation once, and never goes back in time', () => {
    const recorder = new Recorder<QueueInput, QueueOutput>();
    const a = recorder.call('w', 'q', { op: 'size' }, 3);
    expect(() => recorder.ok(a, 0, 2)).to.throw(RangeError, 'time goes back');
    recorder.unknown(a);
    expect(() => recorder.refused(a, 4)).to.throw(RangeError, 'not open');
    expect(() => recorder.call('w', 'q', { op: 'size' }, Number.NaN)).to.throw(RangeError);
  });
});
