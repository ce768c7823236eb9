/** The agent's desk: his state and the pop, both from the live feed, and the orders he gives. */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'

import { api } from '@/api/client'
import { customersApi, type CustomerRecord } from '@/api/customers'
import type { Code, CustomerCard, NewCustomer, PhoneKind, WantedState } from '@/api/documents'
import { attachedAfter, viewOf, type Attached } from '@/desk/pop_view'

import { useDrafts } from './drafts'
import { useLive } from './live'

export const useDesk = defineStore('desk', () => {
  const live = useLive()
  const drafts = useDrafts()
  const agent = computed(() => live.me?.state ?? null)
  const pop = computed(() => live.me?.pop ?? null)
  const attached = shallowRef<Attached | null>(null)
  const view = computed(() => viewOf(pop.value, attached.value))
  /** The agent's talk goes on somewhere else than on this page's phone. */
  const talkElsewhere = ref(false)
  const reasons = ref<Code[]>([])
  const dispositions = ref<Code[]>([])

  async function loadCodes(): Promise<void> {
    const [someReasons, someDispositions] = await Promise.all([api.reasons(), api.dispositions()])
    reasons.value = someReasons
    dispositions.value = someDispositions
  }

  async function setState(state: WantedState, reason?: string): Promise<void> {
    await api.setState(state, reason)
  }

  async function setPhone(kind: PhoneKind, address?: string): Promise<void> {
    await api.setPhone(kind, address)
  }

  /** Saves what is written about the interaction in wrap-up, then ends the wrap-up. */
  async function endWrapUp(then: 'ready' | 'not_ready', reason?: string): Promise<void> {
    if (pop.value !== null) await drafts.flush(pop.value.interaction_id)
    await api.endWrapUp(then, reason)
  }

  /** More time for after-call work; the server refuses beyond the queue's limit. */
  async function extendWrapUp(seconds: number): Promise<void> {
    await api.extendWrapUp(seconds)
  }

  function take(answer: Attached): void {
    attached.value = attachedAfter(attached.value, answer, pop.value)
  }

  /** Attaches one of several customers to the interaction. */
  async function chooseCustomer(interactionId: string, customerId: string): Promise<void> {
    await api.patchInteraction(interactionId, { customer_id: customerId })
    take({ interactionId, customerId, created: null })
  }

  /** Creates a customer and attaches him to the interaction he was created for, whichever is on the screen by then. */
  async function createCustomer(interactionId: string, input: NewCustomer): Promise<void> {
    const customer = await api.createCustomer(input)
    const created: CustomerCard = { ...customer, last_interactions: [], open_cases: [], numbers: [], segments: [], worth: null }
    await api.patchInteraction(interactionId, { customer_id: customer.customer_id })
    take({ interactionId, customerId: customer.customer_id, created })
  }

  /** Attaches anybody to the interaction, and where `number` is given notes it with him, so that he is known by it next time. */
  async function attachCustomer(interactionId: string, customer: CustomerRecord, number: string | null): Promise<void> {
    await api.patchInteraction(interactionId, { customer_id: customer.customer_id })
    const card = await customersApi.card(customer.customer_id)
    take({ interactionId, customerId: card.customer_id, created: card })
    if (number === null || card.contact_points.some((point) => point.value === number)) return
    const contact_points = [...card.contact_points, { kind: 'phone' as const, value: number, label: '' }]
    await customersApi.change(card.customer_id, card.version, { contact_points })
  }

  function forget(): void {
    attached.value = null
  }

  return {
    agent,
    pop,
    view,
    talkElsewhere,
    reasons,
    dispositions,
    loadCodes,
    setState,
    setPhone,
    endWrapUp,
    extendWrapUp,
    chooseCustomer,
    createCustomer,
    attachCustomer,
    forget,
  }
})
