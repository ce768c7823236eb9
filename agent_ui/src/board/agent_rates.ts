/** Rates of an agent's day, of what is over: they change with his state, not with the clock; formulas of docs/metrics.md. */
import type { Agent } from '@/api/documents'

type Today = Pick<Agent, 'today'>

function share(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null
}

/** transferred / handled; null before the first. */
export function transferRate({ today }: Today): number | null {
  return share(today.transferred, today.handled)
}

/** hold / (talk + hold); null before the first talk. */
export function holdRate({ today }: Today): number | null {
  return share(today.hold_seconds, today.talk_seconds + today.hold_seconds)
}

/** Calls out that became a talk / calls out; null before the first. */
export function reachRate({ today }: Today): number | null {
  return share(today.calls_out_reached, today.calls_out)
}
