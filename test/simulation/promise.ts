/** What a check throws. */

/** A promise that the cluster broke. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise';
}
