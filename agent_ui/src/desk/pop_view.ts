/**
 * What the pop card shows, from the server's pop and what this desk has just done to it.
 *
 * Law: an answer about another interaction than the one on the screen changes nothing on the screen.
 */
import type { CustomerCard, CustomerInput, Pop } from '@/api/documents'

/** The customer this desk attached to an interaction, until the server's own pop says the same. */
export interface Attached {
  readonly interactionId: string
  readonly customerId: string
  /** The card of a customer just created; null for one that the pop already holds. */
  readonly created: CustomerCard | null
}

export type PopView =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'customer'; readonly pop: Pop; readonly customer: CustomerCard }
  | { readonly kind: 'choose'; readonly pop: Pop; readonly customers: readonly CustomerCard[] }
  | { readonly kind: 'blank'; readonly pop: Pop; readonly blank: CustomerInput }

/** Of somebody nobody knows yet. */
export function emptyCard(): CustomerInput {
  return { kind: 'person', name: '', language: null, segment: null, account_manager_id: null, tags: [], contact_points: [], notes: '', consents: [], custom: {} }
}

/** The view of `pop`; `attached` counts only when it is about the same interaction. */
export function viewOf(pop: Pop | null, attached: Attached | null): PopView {
  if (pop === null) return { kind: 'nothing' }
  const mine = attached !== null && attached.interactionId === pop.interaction_id ? attached : null
  const customerId = mine?.customerId ?? pop.customer_id
  if (customerId !== null) {
    const known = pop.customers.find((customer) => customer.customer_id === customerId) ?? mine?.created
    if (known) return { kind: 'customer', pop, customer: known }
  }
  if (pop.customers.length > 0) return { kind: 'choose', pop, customers: pop.customers }
  return { kind: 'blank', pop, blank: pop.blank ?? emptyCard() }
}

/** `answer` when it is about the interaction on the screen, else what was there before. */
export function attachedAfter(before: Attached | null, answer: Attached, pop: Pop | null): Attached | null {
  return pop !== null && pop.interaction_id === answer.interactionId ? answer : before
}
