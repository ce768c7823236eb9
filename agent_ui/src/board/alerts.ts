/** What of the queues a supervisor must see first. */
import type { QueueRow } from '@/api/documents'

export type AlertKind = 'unserved' | 'closed' | 'outside_hours'

export interface Alert {
  readonly kind: AlertKind
  readonly queueId: string
  readonly tone: 'bad' | 'warn' | ''
}

/** The alerts of one row, the gravest first. A queue that takes nobody in anyway does not miss its agents. */
export function alertsOf(row: QueueRow): Alert[] {
  const alerts: Alert[] = []
  if (row.closed_by !== null) alerts.push({ kind: 'closed', queueId: row.queue_id, tone: 'bad' })
  if (row.open === false) alerts.push({ kind: 'outside_hours', queueId: row.queue_id, tone: '' })
  // Outside its hours it is no news that nobody is there, unless somebody waits.
  const idle = row.waiting === 0 && (row.open === false || row.closed_by !== null)
  if (row.unserved && !idle) alerts.push({ kind: 'unserved', queueId: row.queue_id, tone: 'bad' })
  return alerts
}

/** The queues with an alert that wants somebody to act, by kind. */
export function gravestOf(rows: readonly QueueRow[]): { unserved: QueueRow[]; closed: QueueRow[] } {
  const has = (row: QueueRow, kind: AlertKind): boolean => alertsOf(row).some((alert) => alert.kind === kind)
  return { unserved: rows.filter((row) => has(row, 'unserved')), closed: rows.filter((row) => has(row, 'closed')) }
}
