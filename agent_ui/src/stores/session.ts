/** Who is signed in. The session itself is a cookie the page cannot read. */
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'

import { api, whenSignedOut } from '@/api/client'
import type { Session, User } from '@/api/documents'
import { ServerSaidNo } from '@/api/errors'

export const useSession = defineStore('session', () => {
  const user = ref<User | null>(null)
  /** The house's: its days are those of boards and reports; the browser's own until the server has said it. */
  const timezone = ref(Intl.DateTimeFormat().resolvedOptions().timeZone)
  const asked = ref(false)
  const isSupervisor = computed(() => user.value !== null && user.value.role !== 'agent')
  const hasDesk = computed(() => user.value !== null && user.value.agent_id !== null)
  const home = computed(() => (hasDesk.value && !isSupervisor.value ? '/desk' : '/board'))

  function take(session: Session): void {
    user.value = session.user
    timezone.value = session.timezone
    asked.value = true
  }

  /** Asks the server who is signed in; no answer leaves what was known. */
  async function check(): Promise<void> {
    try {
      take(await api.session())
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
    take(await api.signIn(name, password))
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

  return { user, timezone, asked, isSupervisor, hasDesk, home, check, signIn, signOut, ended }
})
