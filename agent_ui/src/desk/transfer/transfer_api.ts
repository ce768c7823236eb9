/** Transfers and consultations as the server tells of them, and the orders for them. */
import { call, send } from '@/api/client'
import type { Agent } from '@/api/documents'
import type { components } from '@/api/schema'

type Schemas = components['schemas']

export type TargetKind = Schemas['TargetKind']
export type AgentTarget = Schemas['AgentTarget']
export type QueueTarget = Schemas['QueueTarget']
export type Targets = Schemas['TargetsView']

/** Who sent the caller here, or asks about him. */
export type Transferred = Schemas['TransferredView']
export type Consultation = Schemas['ConsultationView']
export type Order = Schemas['TransferBody']

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
