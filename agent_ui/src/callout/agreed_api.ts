/** Agreed callbacks: a call that a customer wants at a time of his choice. */
import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'

import { call, send } from '@/api/client'
import type { components } from '@/api/schema'

type Schemas = components['schemas']

export type AgreeChoices = Schemas['AgreeChoices']
export type AgreedCallback = Schemas['AgreedCallbackView']
export type AgreedTime = Pick<AgreeOrder, 'local_time' | 'zone' | 'queue_id' | 'note'>
export type AgreeOrder = Schemas['AgreeBody']

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
