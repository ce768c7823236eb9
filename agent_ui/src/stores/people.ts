/** What the agents are called: whoever shows or chooses one, by his name. */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'

import { customersApi, type AgentName } from '@/api/customers'

const KEPT_MS = 120_000

export const usePeople = defineStore('people', () => {
  const agents = shallowRef<readonly AgentName[]>([])
  /** Whether the names were read; before that nobody can be called gone. */
  const known = ref(false)
  const failed = ref(false)
  let readAt: number | null = null
  let reading: Promise<void> | null = null

  const byId = computed(() => new Map(agents.value.map((one) => [one.agent_id, one.name])))
  const namesakes = computed(() => {
    const seen = new Map<string, number>()
    for (const one of agents.value) seen.set(one.name, (seen.get(one.name) ?? 0) + 1)
    return seen
  })

  async function read(): Promise<void> {
    try {
      agents.value = await customersApi.agentNames()
      readAt = Date.now()
      known.value = true
      failed.value = false
    } catch {
      // Names are a comfort: the ids stand in their place, and the next page that wants them asks again.
      failed.value = true
    } finally {
      reading = null
    }
  }

  /** Reads the names, unless that was done a moment ago. */
  function load(): Promise<void> {
    if (readAt !== null && Date.now() - readAt < KEPT_MS) return Promise.resolve()
    return (reading ??= read())
  }

  /** His name, with the id where two are called alike; null for nobody the house knows. */
  function nameOf(id: string): string | null {
    const name = byId.value.get(id)
    if (name === undefined) return null
    if (name === '') return id
    return (namesakes.value.get(name) ?? 0) > 1 ? `${name} (${id})` : name
  }

  return { agents, known, failed, load, nameOf }
})
