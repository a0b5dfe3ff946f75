/** What a bench found as tables for people, in 80 columns. */
import { type Row, table } from '../plain/table.js';
import { BUDGET_US } from './budget.js';
import type { CpuByProcess, FailoverFigures, Figures, IdleFigures, LoadFigures } from './figures.js';

const MEGABYTE = 2 ** 20;

/** Figures of one kind of bench, at least one. `profile`: processor time beside its budget. */
export function reportText(figures: readonly Figures[], profile: boolean): string {
  const [first] = figures;
  switch (first?.bench) {
    case undefined:
      return '';
    case 'failover':
      return failoverText(figures as readonly FailoverFigures[]);
    case 'idle':
      return idleText(first as IdleFigures);
    default:
      return loadText(figures as readonly LoadFigures[], profile);
  }
}

function loadText(figures: readonly LoadFigures[], profile: boolean): string {
  return [
    ...headOf(figures),
    table(figures.map(speedRow)),
    '',
    'processor time in us a command (ms a thousand), cores, memory',
    table(figures.map(costRow)),
    ...notesOn(figures),
    ...(profile ? ['', 'processor time beside its budget, us a command', table(figures.flatMap(profileRows))] : []),
  ].join('\n');
}

function headOf(figures: readonly LoadFigures[]): string[] {
  const [first] = figures;
  const clients = Math.max(...figures.map((one) => one.clients));
  const seconds = short(Math.max(...figures.map((one) => one.seconds)));
  const disk = first?.slow_disk_ms == null ? [] : [`every sync takes ${first.slow_disk_ms} ms or more`];
  return [
    `${first === undefined ? '' : whatOf(first)}, ${clients === 1 ? 'one client' : `${clients} clients`}, ${seconds} s each`,
    ...disk,
  ];
}

function whatOf({ bench, size, names }: LoadFigures): string {
  if (bench === 'lock')
    return `locks acquired and released, ${names === 0 ? 'each its own' : `${names} names for all`}`;
  return `${bench === 'read' ? 'linearizable reads over messages' : 'durable enqueues'} of ${size} B`;
}

function speedRow(figures: LoadFigures): Row {
  const { hand_over_p50_ms } = figures;
  return {
    'in flight': figures.in_flight,
    [figures.bench === 'lock' ? 'cycles/s' : 'commands/s']: figures.per_second,
    'p50 ms': short(figures.p50_ms),
    'p99 ms': short(figures.p99_ms),
    'p99.9 ms': short(figures.p999_ms),
    ...(hand_over_p50_ms === null ? {} : { 'handed over p50 ms': short(hand_over_p50_ms) }),
    'syncs/s': figures.leader === null ? null : (figures.syncs_per_s[figures.leader] ?? null),
    elections: figures.elections,
    errors: figures.errors,
  };
}

function costRow(figures: LoadFigures): Row {
  const { cpu_us, rss_anon_bytes } = figures;
  return {
    'in flight': figures.in_flight,
    client: short(cpu_us.client),
    leader: cpu_us.leader === null ? null : short(cpu_us.leader),
    followers: Object.values(cpu_us.followers).map(short),
    'load core': figures.client_core_share,
    others: figures.other_cores,
    'load avg': [figures.load_before, figures.load_after].map(short),
    'RssAnon MB': Object.values(rss_anon_bytes).map((bytes) => Math.round(bytes / MEGABYTE)),
  };
}

/** What must not be overlooked. */
function notesOn(figures: readonly LoadFigures[]): string[] {
  const notes: string[] = [];
  for (const { in_flight, errors, error_codes, elections, interrupted } of figures) {
    const note = (text: string) => notes.push(`! ${in_flight} in flight: ${text}`);
    if (errors > 0) note(`${errors} commands failed: ${codesOf(error_codes)}`);
    if (elections > 0) note(`${elections} elections`);
    if (interrupted) note('interrupted before its time');
  }
  return notes;
}

/** A row for each process, and one for all together. */
function profileRows({ in_flight, leader, cpu_us, cpu_user_us, cpu_system_us, budget_us }: LoadFigures): Row[] {
  const row = (process: string, of: (cpu: CpuByProcess) => number | null, budget: number): Row => {
    const us = of(cpu_us);
    const [user, system] = [of(cpu_user_us), of(cpu_system_us)];
    return {
      'in flight': in_flight,
      process,
      us: us === null ? null : short(us),
      budget,
      user: user === null ? null : short(user),
      system: system === null ? null : short(system),
    };
  };
  const followers = Object.keys(cpu_us.followers);
  const all = ({ client, leader, followers }: CpuByProcess) =>
    leader === null ? null : Object.values(followers).reduce((sum, us) => sum + us, client + leader);
  return [
    row('client', ({ client }) => client, budget_us.client),
    row(`leader ${leader ?? ''}`.trim(), (cpu) => cpu.leader, budget_us.leader),
    ...followers.map((id) => row(`follower ${id}`, (cpu) => cpu.followers[id] ?? null, budget_us.follower)),
    row('together', all, BUDGET_US.client + BUDGET_US.leader + followers.length * BUDGET_US.follower),
  ];
}

function failoverText(figures: readonly FailoverFigures[]): string {
  const row = (one: FailoverFigures): Row => ({
    leader: one.fault === 'kill' ? 'killed' : 'paused',
    trials: one.trials,
    'median ms': one.median_ms,
    'min ms': one.min_ms,
    'max ms': one.max_ms,
    errors: one.errors,
    'load avg': [one.load_before, one.load_after].map(short),
  });
  const notes = figures.flatMap(({ fault, errors, error_codes, interrupted }) => [
    ...(errors > 0 ? [`! ${fault}: ${errors} commands failed: ${codesOf(error_codes)}`] : []),
    ...(interrupted ? [`! ${fault}: interrupted before its time`] : []),
  ]);
  const head = 'from the order to the next acknowledged command, default settings';
  return [head, table(figures.map(row)), ...notes].join('\n');
}

function idleText(figures: IdleFigures): string {
  const { rest, seconds, cpu_percent, cpu_percent_of, rss_anon_bytes, syncs_per_s, other_cores, elections } = figures;
  const nodes = [...new Set([...Object.keys(cpu_percent_of), ...Object.keys(syncs_per_s)])].sort();
  const rows = nodes.map((node) => {
    const bytes = rss_anon_bytes[node];
    return {
      node,
      'CPU % of a core': cpu_percent_of[node] ?? null,
      'RssAnon MB': bytes === undefined ? null : short(bytes / MEGABYTE),
      'syncs/s': syncs_per_s[node] ?? null,
    };
  });
  return [
    `a cluster that nobody uses, for ${short(seconds)} s after ${rest} s of rest`,
    table(rows),
    `together ${cpu_percent ?? '-'} % of one core; elections ${elections}; other programs ${other_cores ?? '-'} cores`,
    ...(figures.interrupted ? ['! interrupted before its time'] : []),
  ].join('\n');
}

function codesOf(codes: Readonly<Record<string, number>>): string {
  return Object.entries(codes)
    .map(([code, count]) => `${count} ${code}`)
    .join(', ');
}

/** Three digits are as many as a bench can tell. */
function short(value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
