/** Which waiting callers the board lists, and in which order. */
import type { WaitingRow } from '@/api/documents'

export interface WaitingFilter {
  readonly text: string
  readonly queueId: string
  /** Empty: everybody. */
  readonly kind: '' | 'calls' | 'callbacks'
}
export type WaitingOrder = 'position' | 'wait' | 'priority'

/** So many rows are drawn at first: five hundred forms would hold the page up. */
export const SHOWN_AT_FIRST = 60

export function matching(rows: readonly WaitingRow[], filter: WaitingFilter): WaitingRow[] {
  const text = filter.text.trim().toLowerCase()
  const digits = text.replace(/[\s-]/g, '')
  return rows.filter((row) => {
    if (filter.queueId !== '' && row.queue_id !== filter.queueId) return false
    const away = row.callback !== null && row.callback.presence !== 'present'
    if (filter.kind !== '' && (filter.kind === 'callbacks') !== away) return false
    if (text === '') return true
    const numbers = [row.ani.e164 ?? '', row.ani.raw, row.callback?.number ?? '']
    return (row.customer_name ?? '').toLowerCase().includes(text) || (!row.ani.withheld && numbers.some((one) => one.includes(digits)))
  })
}

export function ordered(rows: readonly WaitingRow[], by: WaitingOrder): WaitingRow[] {
  const place = (a: WaitingRow, b: WaitingRow): number => a.queue_id.localeCompare(b.queue_id) || a.position - b.position
  const compare: Record<WaitingOrder, (a: WaitingRow, b: WaitingRow) => number> = {
    position: place,
    wait: (a, b) => a.entered_at.localeCompare(b.entered_at),
    priority: (a, b) => b.priority - a.priority,
  }
  return [...rows].sort((a, b) => compare[by](a, b) || place(a, b))
}
