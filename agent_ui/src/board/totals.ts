/** Sums over the queue rows. Agents are not summed: one agent may serve several queues. */
import type { QueueRow } from '@/api/documents'
import { secondsBetween } from '@/time/duration'

export interface Totals {
  waiting: number
  longestWaitSeconds: number | null
  answered: number
  abandoned: number
}

export function totalsOf(rows: readonly QueueRow[], nowMs: number): Totals {
  const waits = rows.map((row) => secondsBetween(row.longest_wait_since, nowMs)).filter((wait) => wait !== null)
  return {
    waiting: rows.reduce((sum, row) => sum + row.waiting, 0),
    longestWaitSeconds: waits.length === 0 ? null : Math.max(...waits),
    answered: rows.reduce((sum, row) => sum + row.today.answered, 0),
    abandoned: rows.reduce((sum, row) => sum + row.today.abandoned, 0),
  }
}
