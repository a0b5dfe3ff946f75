/** What the model of the locks (lock-model.ts) keeps in its lists. */

export interface Hold {
  readonly lock: string;
  readonly of: string;
  mode: number;
  count: number;
  readonly since: number;
  end: number;
  revoked: boolean;
  delay: number;
}

export interface Item {
  readonly lock: string;
  readonly mode: number;
  readonly conversion: boolean;
  readonly covered: boolean;
}

export interface Request {
  readonly key: string;
  readonly session: number;
  readonly of: string;
  readonly place: number;
  readonly since: number;
  readonly deadline: number;
  readonly convert: boolean;
  readonly items: readonly Item[];
  readonly hold: number;
  readonly delay: number;
}

export interface Asking {
  readonly session: number;
  readonly lane: number;
  readonly owner: number;
  readonly locks: readonly (readonly [string, number])[];
  readonly wait: number;
  readonly hold: number;
  readonly delay: number;
  readonly birth: number;
  readonly convert: boolean;
}

export interface Edge {
  readonly from: Request;
  readonly to: string;
}

export const clash = (a: number, b: number): boolean => a + b > 3;
export const sessionOf = (of: string): number => Number(of.split('/')[0]);
export const ownerOf = (of: string): number => Number(of.split('/')[1]);
export const byOwner = (a: string, b: string): number => sessionOf(a) - sessionOf(b) || ownerOf(a) - ownerOf(b);
