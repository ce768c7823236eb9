/** Which alerts are new since one looked last, and what they say. */
import type { AlertDocument } from '@/api/documents'
import { formatDuration } from '@/time/duration'

/** The worst first: those nobody looks after, then the newest. */
export function inOrder(alerts: readonly AlertDocument[]): AlertDocument[] {
  return [...alerts].sort(
    (a, b) => Number(a.acknowledged_at !== null) - Number(b.acknowledged_at !== null) || b.number - a.number,
  )
}

/**
 * The alerts above the highest number seen, those that somebody looks after left out. What was there when the page
 * came (`seen` null) is no news.
 */
export function newsOf(
  alerts: readonly AlertDocument[],
  seen: number | null,
): { news: AlertDocument[]; seen: number } {
  const highest = Math.max(seen ?? 0, ...alerts.map((alert) => alert.number))
  if (seen === null) return { news: [], seen: highest }
  return { news: alerts.filter((alert) => alert.number > seen && alert.acknowledged_at === null), seen: highest }
}

/** The figures of an alert as its sentence wants them. */
export function figuresOf(alert: AlertDocument): { value: string; threshold: string } {
  const isTime = alert.kind === 'longest_wait'
  const told = (figure: number | null): string =>
    figure === null ? '' : isTime ? formatDuration(figure) : String(Math.round(figure))
  return { value: told(alert.value), threshold: told(alert.threshold) }
}
