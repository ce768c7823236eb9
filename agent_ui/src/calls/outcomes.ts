/** How contacts end. */
import type { Outcome } from '@/api/customers'

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
  closed: true,
  failed: true,
  lost_pbx: true,
}

/** All of them: one that the server adds breaks the build here. */
export const OUTCOMES = Object.keys(ALL) as Outcome[]
