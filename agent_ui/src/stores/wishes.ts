/** How the user wants his board: kept by the server, so that it follows him to every screen. */
import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'

import { supervisionApi } from '@/api/supervision'
import { NOTHING_WISHED, type BoardWishes } from '@/board/tones'

export const useWishes = defineStore('wishes', () => {
  const wishes = shallowRef<BoardWishes>(NOTHING_WISHED)
  const problem = shallowRef<unknown>(null)
  const loaded = ref(false)

  async function load(): Promise<void> {
    try {
      wishes.value = await supervisionApi.wishes()
      problem.value = null
      loaded.value = true
    } catch (error) {
      // The board shows the usual colours then, and says so.
      problem.value = error
    }
  }

  /** Over the version that was read and no other: `outdated` when another window changed it meanwhile. */
  async function keep(next: Pick<BoardWishes, 'queues' | 'hidden'>): Promise<void> {
    wishes.value = await supervisionApi.keepWishes(next, wishes.value.version)
  }

  function forget(): void {
    wishes.value = NOTHING_WISHED
    loaded.value = false
  }

  return { wishes, problem, loaded, load, keep, forget }
})
