/** A simulated cluster whose metrics are looked at after every event: which of them have grown. */
import type { MetricRow } from '../../protocol/metrics.js';
import { SimulatedCluster } from '../simulation/cluster.js';

export class WatchedCluster extends SimulatedCluster {
  /** By node, name and labels: the value at first. */
  readonly #first = new Map<string, number>();
  /** Names of which some value on some node has risen above what it was at first; before a node is up, all of its are 0. */
  readonly grown = new Set<string>();

  /** From here on, what is now is what was at first. */
  begin(): void {
    this.#first.clear();
    this.grown.clear();
    for (const id of this.ids) if (this.isUp(id)) this.#look(id, (key, _, value) => this.#first.set(key, value));
  }

  protected override check(): void {
    const ran = this.time.ran.map(({ name }) => name).filter((name) => this.ids.includes(name));
    super.check();
    for (const id of ran)
      this.#look(id, (key, name, value) => {
        if (value > (this.#first.get(key) ?? 0)) this.grown.add(name);
      });
  }

  #look(id: string, each: (key: string, name: string, value: number) => void): void {
    if (this.replica(id, 'c') === undefined) return;
    for (const { rows } of this.node(id).metrics.series)
      for (const [name, labels, value] of rows() satisfies MetricRow[])
        each(`${id} ${name} ${Object.values(labels).join()}`, name, value);
  }
}
