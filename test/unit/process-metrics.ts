/** The metrics that only a node in a process of its own has. */
import type { MetricName } from '../../protocol/metrics.js';

export const PROCESS_METRICS = [
  'start_time_seconds',
  'cpu_seconds_total',
  'resident_memory_bytes',
  'heap_used_bytes',
  'heap_total_bytes',
  'external_memory_bytes',
  'event_loop_delay_seconds',
] as const satisfies readonly MetricName[];
