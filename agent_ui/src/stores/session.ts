/** Who is signed in. The session itself is a cookie the page cannot read. */
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'

import { api, whenSignedOut } from '@/api/client'
import type { User } from '@/api/documents'
import { ServerSaidNo } from '@/api/errors'

export const useSession = defineStore('session', () => {
  const user = ref<User | null>(null)
  const asked = ref(false)
  const isSupervisor = computed(() => user.value !== null && user.value.role !== 'agent')
  const hasDesk = computed(() => user.value !== null && user.value.agent_id !== null)
  const home = computed(() => (hasDesk.value && !isSupervisor.value ? '/desk' : '/board'))

  /** Asks the server who is signed in; no answer leaves what was known. */
  async function check(): Promise<void> {
    try {
      user.value = (await api.session()).user
      asked.value = true
    } catch (error) {
      if (error instanceof ServerSaidNo && error.status === 401) {
        user.value = null
        asked.value = true
      } else {
        throw error
      }
    }
  }

  async function signIn(name: string, password: string): Promise<void> {
    user.value = (await api.signIn(name, password)).user
    asked.value = true
  }

  async function signOut(): Promise<void> {
    await api.signOut()
    user.value = null
  }

  /** The session ended on the server's side. */
  function ended(): void {
    user.value = null
    asked.value = true
  }

  whenSignedOut(ended)

  return { user, asked, isSupervisor, hasDesk, home, check, signIn, signOut, ended }
})
