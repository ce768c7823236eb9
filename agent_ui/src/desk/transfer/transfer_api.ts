/** Transfers and consultations as the server tells of them, and the orders for them. */
import { call, send } from '@/api/client'
import type { Agent, AgentState, Label } from '@/api/documents'

export type TargetKind = 'agent' | 'queue' | 'number'

export interface AgentTarget {
  readonly agent_id: string
  readonly name: string
  readonly state: AgentState
  readonly since: string
  /** A transfer to him is possible. */
  readonly can_take: boolean
  /** He can take it at once, and can be asked. */
  readonly free: boolean
}

export interface QueueTarget {
  readonly queue_id: string
  readonly label: Label
  readonly waiting: number
  readonly ready_agents: number
  readonly expected_wait_seconds: number | null
  readonly can_take: boolean
}

export interface Targets {
  readonly agents: readonly AgentTarget[]
  readonly queues: readonly QueueTarget[]
  readonly numbers: boolean
}

/** Who sent the caller here, or asks about him. */
export interface Transferred {
  readonly agent_id: string
  readonly name: string
  readonly at: string
  readonly kind: TargetKind
  readonly note: string
  readonly came_back: boolean
  readonly asks: boolean
}

export interface Consultation {
  readonly consultation_id: string
  readonly interaction_id: string
  readonly state: 'ringing' | 'consulted' | 'caller' | 'together' | 'ended'
  readonly kind: TargetKind
  readonly target: string
  readonly name: string
  readonly note: string
  readonly began_at: string
  readonly answered_at: string | null
}

export interface Order {
  readonly kind: TargetKind
  readonly to: string
  readonly note: string
}

export const transferApi = {
  targets: () => call<Targets>('GET', '/agents/me/transfer/targets'),
  transfer: (order: Order) => call<Agent>('POST', '/agents/me/transfer', order),
  consult: (order: Order) => call<Consultation>('POST', '/agents/me/consultation', order),
  swap: () => call<Consultation>('POST', '/agents/me/consultation/swap'),
  merge: () => call<Consultation>('POST', '/agents/me/consultation/merge'),
  complete: async () => {
    await send('POST', '/agents/me/consultation/complete')
  },
  takeBack: async () => {
    await send('DELETE', '/agents/me/consultation')
  },
}
