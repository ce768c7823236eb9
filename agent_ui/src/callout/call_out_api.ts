/** Calls out: the order, and how the latest one stands. */
import { call } from '@/api/client'
import type { components } from '@/api/schema'

type Schemas = components['schemas']

export type Answer = Schemas['CustomerAnswer']
export type CallOut = Schemas['CallOutView']
export type CallOrder = Schemas['CallOutBody']

export const callOutApi = {
  begin: (order: CallOrder, despiteRefusal = false) =>
    call<CallOut>('POST', despiteRefusal ? '/agents/me/call-out/despite-refusal' : '/agents/me/call-out', order),
  callOff: () => call<CallOut>('DELETE', '/agents/me/call-out'),
}

/** What a number that may be called looks like; one that is hidden (138****0000) is none. */
export function canBeCalled(number: string): boolean {
  return /^\+?[\d\s().\-/]{3,40}$/u.test(number)
}

/** Why nobody was reached, as a key under `callOut.end`; null of a call that goes on or was a talk. */
export function endOf(call: CallOut): 'busy' | 'no_answer' | 'failed' | 'own_phone' | 'called_off' | null {
  if (call.state !== 'ended' || call.outcome === 'answered') return null
  if (call.answer === 'busy' || call.answer === 'no_answer' || call.answer === 'failed') return call.answer
  if (call.outcome === 'not_reached') return 'failed'
  return call.cause === null || call.cause === 'rejected' ? 'called_off' : 'own_phone'
}

/** Whether a customer said that nobody is to call him. */
export function refusesCalls(consents: readonly { channel: string; state: string }[]): boolean {
  return consents.some((one) => one.channel === 'phone' && one.state === 'do_not_contact')
}
