/** Seeds that broke a promise once, and what was wrong then. What a seed does changes with the simulator, so each has a test of its own too. */
export const FAILED_SEEDS: readonly { readonly seed: number; readonly found: string }[] = [
  { seed: 1, found: 'a rotten bit in identity.json went unnoticed: members refused each other for good' },
  { seed: 26, found: 'a node that stopped closed a file of its log while a run was read from it' },
];
