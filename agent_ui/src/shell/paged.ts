/** A list that is read by pages: of several readings under way only the last one counts. */
import { ref, shallowRef } from 'vue'

interface Page<T> {
  readonly items: readonly T[]
  /** The names of the customers that its items are about, where it tells them. */
  readonly customers?: Readonly<Record<string, string>>
  readonly next_before: string | null
}

export function usePaged<T>(ask: (before: string | null) => Promise<Page<T>>) {
  const items = shallowRef<readonly T[] | null>(null)
  const names = shallowRef<Readonly<Record<string, string>>>({})
  const nextBefore = ref<string | null>(null)
  const failure = shallowRef<unknown>(null)
  const busy = ref(false)
  let turn = 0

  async function read(more = false): Promise<void> {
    const own = ++turn
    failure.value = null
    busy.value = true
    try {
      const page = await ask(more ? nextBefore.value : null)
      if (own !== turn) return
      items.value = more ? [...(items.value ?? []), ...page.items] : page.items
      names.value = more ? { ...names.value, ...page.customers } : (page.customers ?? {})
      nextBefore.value = page.next_before
    } catch (error) {
      if (own === turn) failure.value = error
    } finally {
      if (own === turn) busy.value = false
    }
  }

  return { items, names, nextBefore, failure, busy, read }
}
