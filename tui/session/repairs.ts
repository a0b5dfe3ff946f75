/** The repair of a node in words: what was damaged, what it waits for, what that means. */
import type { RepairState } from '../../protocol/client/types.js';

/** What that means, and what was found: `is damaged and has no vote until it has refilled: log put aside as log.damaged-1`. */
export function damageText({ damaged }: RepairState): string {
  const what = damaged.map(({ part, aside }) => (aside === '' ? `${part} missing` : `${part} put aside as ${aside}`));
  const means = 'is damaged and has no vote until it has refilled';
  return what.length === 0 ? means : `${means}: ${what.join(', ')}`;
}

/** What keeps it from beginning: `waits to hear n2`; '' when nothing does. */
export function waitText({ unheard }: RepairState): string {
  return unheard.length === 0 ? '' : `waits to hear ${unheard.join(' ')}`;
}

/** In a few words: `is damaged and waits to hear n2`, `is damaged and refills`. */
export function repairText(repair: RepairState): string {
  return `is damaged and ${waitText(repair) || 'refills'}`;
}
