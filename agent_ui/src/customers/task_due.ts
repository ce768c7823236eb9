/** By when tasks are due, in days of the house: what its clocks call today, and weeks that begin on Monday. */
import { beginOfDay, dayIn } from '@/time/zones'

export const DUE_SPANS = ['late', 'today', 'week'] as const
export type DueSpan = (typeof DUE_SPANS)[number] | ''

function dayAfter(day: string, days: number): string {
  const date = new Date(`${day}T00:00:00Z`)
  date.setUTCDate(date.getUTCDate() + days)
  return date.toISOString().slice(0, 10)
}

/** The moment before which a task of that span is due, late ones too; empty for any time, and where the zone is none. */
export function dueBefore(span: DueSpan, now: number, zone: string): string {
  if (span === '') return ''
  if (span === 'late') return new Date(now).toISOString()
  const today = dayIn(zone, new Date(now))
  if (today === '') return ''
  const weekday = new Date(`${today}T00:00:00Z`).getUTCDay()
  return beginOfDay(dayAfter(today, span === 'today' || weekday === 0 ? 1 : 8 - weekday), zone) ?? ''
}

/** A task as a row marks it. */
export function dueState(task: { readonly done_at: string | null; readonly due_at: string }, now: number, zone: string): 'done' | 'late' | 'today' | 'later' {
  if (task.done_at !== null) return 'done'
  if (Date.parse(task.due_at) < now) return 'late'
  return Date.parse(task.due_at) < Date.parse(dueBefore('today', now, zone)) ? 'today' : 'later'
}
