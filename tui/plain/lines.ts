/** The lines of a stream, each of a bounded length. */
import { pipeline, type Readable, Transform } from 'node:stream';
import split2 from 'split2';

/**
 * The lines of `input`, without their ends. Of a line longer than `bytes_max` only the beginning is passed on, a little more
 * than that long, so that whoever reads it sees that it is too long: it is neither kept in memory nor dropped unseen.
 */
export function linesOf(input: Readable, bytes_max: number): Readable {
  // split2 bounds only unfinished lines, and by dropping them without a word: the bound stands in front of it.
  return pipeline(input, boundLines(bytes_max), split2(), () => {
    // Whoever reads the lines sees the error there.
  });
}

/** Passed on beyond the bound: a character cut in half must not make the rest fit. */
const SLACK_BYTES = 8;
const LINE_FEED = 10;

function boundLines(bytes_max: number): Transform {
  const room_max = bytes_max + SLACK_BYTES;
  let room = room_max;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      let from = 0;
      for (let start = 0; start < chunk.length; ) {
        const feed = chunk.indexOf(LINE_FEED, start);
        const end = feed === -1 ? chunk.length : feed;
        if (end - start > room) {
          this.push(chunk.subarray(from, start + room));
          from = end;
        }
        room = feed === -1 ? Math.max(0, room - (end - start)) : room_max;
        start = end + 1;
      }
      done(null, chunk.subarray(from));
    },
  });
}
