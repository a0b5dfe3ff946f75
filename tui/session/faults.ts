/** Faults in words: what is in force on a node, for health, cards, the feed and warnings. */
import type { Fault } from '../../protocol/client/types.js';

/** What is in force on a node, one phrase for each kind: `cut off from n2 n3`, `loses 10% to n2`. */
export function faultWords(faults: readonly Fault[]): string[] {
  const peers = new Map<string, string[]>();
  for (const fault of faults) {
    const phrase = phraseOf(fault);
    peers.set(phrase, [...(peers.get(phrase) ?? []), ...(fault.peer === null ? [] : [fault.peer])]);
  }
  return [...peers].map(([phrase, ids]) => [phrase, ...ids].join(' '));
}

/** Ends where the peers follow, if the fault has any. */
function phraseOf({ fault, peer, way, ms, percent }: Fault): string {
  switch (fault) {
    case 'partition':
      return way === 'both' ? 'cut off from' : way === 'out' ? 'not heard by' : 'deaf to';
    case 'slow':
      return peer === null ? `syncs take ${ms} ms` : `slow by ${ms} ms to`;
    case 'lose':
      return `loses ${percent}% to`;
    case 'fill':
      return 'disk filled up';
  }
}
