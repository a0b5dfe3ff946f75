/** Seeds that broke a promise once, and what was wrong then. What a seed does changes with the simulator, so each has a test of its own too. */
export const FAILED_SEEDS: readonly { readonly seed: number; readonly found: string }[] = [
  { seed: 1, found: 'a rotten bit in identity.json went unnoticed: members refused each other for good' },
  { seed: 26, found: 'a node that stopped closed a file of its log while a run was read from it' },
  {
    seed: 82,
    found: 'a client whose session took five seconds to open told its calls NOT_LEADER, however long they might wait',
  },
  {
    seed: 245,
    found: 'a read whose message to the leader was lost was not passed on again: it stood until its deadline',
  },
  { seed: 3448, found: 'a client was told that its session had ended when that was only proposed, and then refused' },
  { seed: 100_782, found: 'cluster time, cut to whole milliseconds, let a session end up to one too early' },
  {
    seed: 212_421,
    found:
      'what a torn batch had left was cleared, the sync of that failed, and a power cut brought it back: the log was refused',
  },
];
