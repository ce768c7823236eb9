/** Internal calls: who of the house is there, the orders, and how the latest call stands. */
import { call } from '@/api/client'
import type { AgentState } from '@/api/documents'
import type { components } from '@/api/schema'

type Schemas = components['schemas']

export type InternalEnd = Schemas['InternalCallEnd']
export type InternalCall = Schemas['InternalCallView']
export type Colleague = Schemas['ColleagueView']

export const internalApi = {
  colleagues: async () => (await call<{ items: Colleague[] }>('GET', '/agents/me/colleagues')).items,
  begin: (agentId: string) => call<InternalCall>('POST', '/agents/me/internal-call', { agent_id: agentId }),
  end: () => call<InternalCall>('DELETE', '/agents/me/internal-call'),
}

/** Whether somebody in this state may call a colleague: in wrap-up too, for what he asks is most often about that customer. */
export function mayCall(state: AgentState | undefined): boolean {
  return state === 'ready' || state === 'not_ready' || state === 'wrap_up'
}

/** Those that fit what was typed, in the server's order. */
export function colleaguesFor(typed: string, rows: readonly Colleague[]): readonly Colleague[] {
  const wanted = typed.trim().toLocaleLowerCase()
  if (wanted === '') return rows
  return rows.filter((row) => [row.name, row.agent_id, ...row.groups].some((text) => text.toLocaleLowerCase().includes(wanted)))
}

export type Told = 'incoming' | 'calling' | 'own_phone' | 'talking' | 'not_reached' | 'missed' | null

/** What the bar tells of a call; null: there is nothing to tell, or no more. */
export function toldOf(call: InternalCall): Told {
  if (call.state === 'talking') return 'talking'
  if (call.state !== 'ended') {
    if (call.incoming) return 'incoming'
    return call.state === 'ringing' ? 'calling' : 'own_phone'
  }
  if (call.end === 'talked' || call.end === null) return null
  if (!call.incoming) return call.end === 'called_off' ? null : 'not_reached'
  // Who rejected it knows it; whose phone never rang has missed nothing.
  return call.end === 'no_answer' || call.end === 'called_off' || call.end === 'unreachable' ? 'missed' : null
}
