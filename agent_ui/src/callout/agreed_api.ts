/** Agreed callbacks: a call that a customer wants at a time of his choice. */
import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'

import { call, send } from '@/api/client'
import type { Label, PhoneNumber } from '@/api/documents'

export interface AgreeChoices {
  readonly house_zone: string
  /** Where the number can be; none where nobody knows. */
  readonly customer_zones: readonly string[]
  readonly queues: readonly { queue_id: string; label: Label; hours_zone: string | null }[]
  readonly can_call_out: boolean
}

export interface AgreedCallback {
  readonly interaction_id: string
  readonly number: PhoneNumber
  readonly customer_id: string | null
  readonly customer_name: string | null
  readonly queue_id: string
  readonly at: string
  readonly note: string
  readonly agreed_by: string
  readonly agreed_at: string
  readonly agent_id: string | null
  readonly origin_id: string | null
  readonly state: 'agreed' | 'refused'
  readonly overdue: boolean
  /** Its queue's hours leave its time out by now; `open_at` is when it could be instead, null: not soon. */
  readonly closed_then: boolean
  readonly open_at: string | null
  readonly version: number
}

export interface AgreedTime {
  readonly local_time: string
  readonly zone: string
  readonly queue_id: string
  readonly note: string
}

export interface AgreeOrder extends AgreedTime {
  readonly number: string
  readonly customer_id?: string
  readonly origin_id?: string
  readonly ask_me_first: boolean
}

export const agreedApi = {
  choices: (number: string) => call<AgreeChoices>('GET', `/agreed-callbacks/choices?number=${encodeURIComponent(number)}`),
  list: async (customerId: string | null) =>
    (await call<{ items: AgreedCallback[] }>('GET', customerId === null ? '/agreed-callbacks' : `/agreed-callbacks?customer_id=${encodeURIComponent(customerId)}`)).items,
  agree: (order: AgreeOrder) => call<AgreedCallback>('POST', '/agreed-callbacks', order),
  move: (id: string, version: number, time: AgreedTime) => call<AgreedCallback>('PUT', `/agreed-callbacks/${encodeURIComponent(id)}`, { ...time, version }),
  withdraw: (id: string) => send('DELETE', `/agreed-callbacks/${encodeURIComponent(id)}`),
}

/** What every button beside a number has to know, asked once; and how often something was agreed, so that lists read again. */
export const useCalling = defineStore('calling', () => {
  const choices = shallowRef<AgreeChoices | null>(null)
  const written = ref(0)
  let asking: Promise<void> | null = null

  function load(): Promise<void> {
    if (choices.value !== null) return Promise.resolve()
    asking ??= agreedApi
      .choices('')
      .then((found) => {
        choices.value = found
      })
      // A button whose store is away lets the server say why.
      .catch(() => undefined)
      .finally(() => {
        asking = null
      })
    return asking
  }

  return { choices, written, load }
})
