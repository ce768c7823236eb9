/**
 * Search of customers as one types.
 *
 * Law: what is shown belongs to the text that was typed last; an answer to an older one is thrown away.
 */
import { onScopeDispose, ref, shallowRef, watch } from 'vue'

import { customersApi, type CustomerRecord } from '@/api/customers'
import type { CustomerCard } from '@/api/documents'

export const TYPING_PAUSE_MS = 180
export const SLOW_MS = 1_500
const PAGE = 10
const CARDS_AT_ONCE = 4

export type SearchPhase = 'idle' | 'searching' | 'slow' | 'found' | 'none' | 'failed'

export function useCustomerSearch() {
  const text = ref('')
  const phase = ref<SearchPhase>('idle')
  const items = shallowRef<readonly CustomerRecord[]>([])
  /** Cards of those found, as far as they have come. */
  const cards = shallowRef<ReadonlyMap<string, CustomerCard>>(new Map())
  const nextAfter = ref<string | null>(null)
  const problem = shallowRef<unknown>(null)
  let turn = 0
  let pause: ReturnType<typeof setTimeout> | undefined
  let slow: ReturnType<typeof setTimeout> | undefined

  function drop(): void {
    turn += 1
    clearTimeout(pause)
    clearTimeout(slow)
  }

  function clear(): void {
    drop()
    items.value = []
    cards.value = new Map()
    nextAfter.value = null
    problem.value = null
    phase.value = 'idle'
  }

  async function search(more = false): Promise<void> {
    const wanted = text.value.trim()
    if (wanted === '') {
      clear()
      return
    }
    drop()
    const own = turn
    phase.value = 'searching'
    problem.value = null
    slow = setTimeout(() => (phase.value = 'slow'), SLOW_MS)
    try {
      const page = await customersApi.search(wanted, more ? nextAfter.value : null, PAGE)
      if (own !== turn) return
      const before = more ? items.value : []
      items.value = [...before, ...page.items]
      if (!more) cards.value = new Map()
      nextAfter.value = page.next_after
      phase.value = items.value.length === 0 ? 'none' : 'found'
      void readCards(page.items, own)
    } catch (error) {
      if (own !== turn) return
      problem.value = error
      phase.value = 'failed'
    } finally {
      if (own === turn) clearTimeout(slow)
    }
  }

  /** What is open and what was last of each, a few at a time; a card that does not come leaves its row without. */
  async function readCards(found: readonly CustomerRecord[], own: number): Promise<void> {
    const waiting = [...found]
    async function work(): Promise<void> {
      for (let one = waiting.shift(); one !== undefined && own === turn; one = waiting.shift()) {
        try {
          const card = await customersApi.card(one.customer_id)
          if (own === turn) cards.value = new Map(cards.value).set(one.customer_id, card)
        } catch {
          // The row says by itself who he is.
        }
      }
    }
    await Promise.all(Array.from({ length: CARDS_AT_ONCE }, work))
  }

  watch(text, (now) => {
    clearTimeout(pause)
    if (now.trim() === '') clear()
    else pause = setTimeout(() => void search(), TYPING_PAUSE_MS)
  })
  onScopeDispose(drop)

  return { text, phase, items, cards, nextAfter, problem, search, more: () => search(true) }
}
