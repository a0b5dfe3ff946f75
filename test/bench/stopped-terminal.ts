/** Stops a terminal under load for 30 s, or as many as the first argument says, and prints what the cluster did meanwhile. */
import { measureStoppedTerminal, median } from '../integration/stopped-terminal.js';

const seconds = Number(process.argv[2] ?? 30);
const { running, stopped } = await measureStoppedTerminal(seconds * 1000);
const rounded = (values: readonly number[]) => values.map(Math.round);
process.stdout.write(
  `${JSON.stringify({
    stopped_s: seconds,
    running_per_s: Math.round(median(running)),
    stopped_per_s: Math.round(median(stopped)),
    ratio: Number((median(stopped) / median(running)).toFixed(3)),
    windows: { running: rounded(running), stopped: rounded(stopped) },
  })}\n`,
);
