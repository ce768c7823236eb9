/** How contacts end. */
import type { LocationQuery } from 'vue-router'

import type { Outcome } from '@/api/customers'
import { beginOfDay, dayIn } from '@/time/zones'

const ALL: Readonly<Record<Outcome, true>> = {
  answered: true,
  abandoned_in_queue: true,
  abandoned_while_ringing: true,
  abandoned_in_menu: true,
  ended_in_menu: true,
  message_left: true,
  callback_taken: true,
  callback_failed: true,
  callback_cancelled: true,
  called_again: true,
  transferred_out: true,
  not_reached: true,
  called_off: true,
  closed: true,
  failed: true,
  lost_pbx: true,
}

/** All of them: one that the server adds breaks the build here. */
export const OUTCOMES = Object.keys(ALL) as Outcome[]

/** What the board calls abandoned, besides each end by itself. */
const ABANDONED: readonly Outcome[] = ['abandoned_in_queue', 'abandoned_while_ringing', 'abandoned_in_menu']

/** The ends a choice of the filter stands for; nothing chosen: any. */
export function outcomesOf(chosen: string): readonly Outcome[] {
  if (chosen === 'abandoned') return ABANDONED
  return OUTCOMES.filter((one) => one === chosen)
}

export interface AskedCalls {
  queueId: string
  agentId: string
  outcome: string
  from: string
  to: string
  /** A moment; goes before `from`. */
  since: string
}

/** The filters an address asks for: `?queue=sales&outcome=abandoned&from=today`, or `&minutes=30`; today began at the house's midnight. */
export function askedBy(query: LocationQuery, now: Date, zone: string): AskedCalls {
  const text = (name: string): string => {
    const value = query[name]
    return typeof value === 'string' ? value : ''
  }
  const minutes = /^\d{1,4}$/.test(text('minutes')) ? Number(text('minutes')) : 0
  const from = text('from')
  const begin = from === 'today' ? (beginOfDay(dayIn(zone, now), zone) ?? '') : ''
  return {
    queueId: text('queue'),
    agentId: text('agent'),
    outcome: text('outcome'),
    from: /^\d{4}-\d{2}-\d{2}$/.test(from) ? from : '',
    to: '',
    since: minutes > 0 ? new Date(now.getTime() - minutes * 60_000).toISOString() : begin,
  }
}
