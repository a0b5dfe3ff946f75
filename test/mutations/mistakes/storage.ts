/** Mistakes in the log on disk: what is synced, what a power cut leaves, what rot looks like, and what is replayed. */
import type { Mutation } from '../mutation.js';

const LOG = 'node/storage/log.ts';
const RECORD = 'node/storage/record.ts';
const RECOVER = 'node/storage/recover.ts';
const REPLAY = 'node/storage/replay.ts';
const SCAN = 'node/storage/scan.ts';
const SEGMENT = 'node/storage/segment.ts';

export const STORAGE_MISTAKES: readonly Mutation[] = [
  {
    name: 'batch-not-synced',
    mistake:
      'A batch counts as durable when it is written: the power of all nodes fails, and what was acknowledged is gone.',
    source: 'etcd issue 14140; redis and others before they learned to sync',
    edits: [
      { file: SEGMENT, before: '{ exclusive: true, durable: true }', after: '{ exclusive: true }' },
      { file: SEGMENT, before: '{ durable: true }', after: '{}' },
    ],
  },
  {
    name: 'failed-sync-tried-again',
    mistake:
      'A sync that failed is made again and succeeds: the system has dropped what the first one should have written.',
    source: 'PostgreSQL and its failed syncs, 2018; cockroach issue 37102',
    edits: [
      {
        file: LOG,
        before: '      if (error) this.fail(error);\n      else if',
        after:
          '      if (error) current.file.sync((again) => (again ? this.fail(again) : this.advance(length, () => done(places))));\n      else if',
      },
    ],
  },
  {
    name: 'torn-batch-left-behind',
    mistake:
      'What a torn batch has left is not cleared: it stands behind the next, shorter one and is taken for damage.',
    source: 'etcd: the tail of the log is zeroed before it is written on',
    edits: [
      {
        file: RECOVER,
        before: 'writeZeros(segment.file, scan.end, segment.size, ',
        after: 'writeZeros(segment.file, scan.end, scan.end, ',
      },
    ],
  },
  {
    name: 'torn-tail-cut-too-far',
    mistake: 'With a torn batch the last whole one is cut too, which has been acknowledged.',
    source: 'our own checklist: what is cut must be sure not to have been acknowledged',
    edits: [
      {
        file: SCAN,
        before: 'const finish = (torn_to: number) => done(null, { batches, next, last, end: at, torn_to });',
        after: `const finish = (torn_to: number) => {
    const torn = torn_to > at && batches > 1;
    const cut = torn ? 1 : 0;
    done(null, { batches: batches - cut, next: next === null ? null : next - cut, last, end: torn ? last : at, torn_to });
  };`,
      },
    ],
  },
  {
    name: 'rot-taken-for-a-torn-tail',
    mistake:
      'A damaged batch is cut off as if it had never been whole, with all that follows: acknowledged entries are gone.',
    source: 'NATS: acknowledged messages lost to a damaged record; etcd issue 22442',
    edits: [
      {
        file: SCAN,
        before:
          "if (zeroSectors(bytes) <= head.zero_sectors) rot(at + where, 'a record is damaged');\n    else checkRest(",
        after: 'if (where >= 0) finish(size);\n    else checkRest(',
      },
    ],
  },
  {
    name: 'records-not-checked',
    mistake: 'The check of a record is not compared: damaged bytes are applied as commands, on one node of three.',
    source: 'protocol-aware recovery, FAST 2018: what goes wrong in systems that trust their disk',
    edits: [
      {
        file: RECORD,
        before:
          '  if (bytes.readUInt32BE(0) !== crc32(bytes.subarray(4, length), seed(segment, offset))) return null;\n',
        after: '',
      },
    ],
  },
  {
    name: 'new-segment-not-in-its-folder',
    mistake:
      'A new segment is synced but not the folder that names it: a power cut takes the file and all that was written to it.',
    source: 'hashicorp/raft-wal: file and folder are synced',
    edits: [
      {
        file: SEGMENT,
        before: `        files.syncFolder(folder, (syncError) => {
          if (syncError) file.close(() => done(syncError, null));
          else done(null, { id, size, path, file });
        });`,
        after: '        done(null, { id, size, path, file });',
      },
    ],
  },
  {
    name: 'recovered-batch-not-made-durable',
    mistake:
      'What is found after a kill is taken as durable, though its sync was never over: acknowledged, then lost with the power.',
    source: 'our own checklist: a process that dies between write and sync leaves its bytes in the page cache',
    edits: [
      {
        file: RECOVER,
        before: 'this.clear(found, () => file.read(scan.last, scan.end - scan.last, rewrite));',
        after: 'this.clear(found, scan.end < 0 ? () => file.read(0, 0, rewrite) : done);',
      },
    ],
  },
  {
    name: 'replay-keeps-what-was-cut',
    mistake:
      'On replay the first entry of an index wins: after a restart what a leader had cut is back in place of its own.',
    source: 'etcd issue 22442: replay that does not repeat every truncation',
    edits: [
      {
        file: REPLAY,
        before: '    cutFrom(runs, first);\n',
        after: '    if (runs.some((run) => first < run.first + run.count)) return null;\n',
      },
    ],
  },
  {
    name: 'replay-brings-back-a-stale-tail',
    mistake:
      'On replay a shorter new end of the log leaves what stood behind it: ghost entries, a wrong vote, committed loss.',
    source: 'etcd issue 22442: ghost entries after a truncation',
    edits: [
      {
        file: REPLAY,
        before: '    cutFrom(runs, first);\n',
        after: `    const behind = runs.findIndex((run) => run.first === first + count);
    const ghosts = behind < 0 ? [] : runs.slice(behind);
    cutFrom(runs, first);
`,
      },
      {
        file: REPLAY,
        before: 'runs.push({ ...head, place: record.place });',
        after: 'runs.push({ ...head, place: record.place }, ...ghosts);',
      },
    ],
  },
  {
    name: 'older-hard-state-wins',
    mistake: 'On replay the first hard state of a group counts and not the last: term and vote go back.',
    source: 'Raft paper, figure 2: currentTerm increases monotonically',
    edits: [
      {
        file: REPLAY,
        before: '        group.term = term;\n        group.vote = vote;\n',
        after: '        group.vote = group.term === 0 ? vote : group.vote;\n        group.term = group.term || term;\n',
      },
    ],
  },
];
