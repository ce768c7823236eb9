/** The agent's phone in the browser, connected only while the agent's phone kind is `browser`. */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'

import { api } from '@/api/client'
import { ClientError } from '@/api/errors'
import { Ringtone } from '@/phone/ringtone'
import { PHONE_OFF, Softphone, type PhoneState } from '@/phone/softphone'

const ACCOUNT_RETRY_MS = 5_000

export const usePhone = defineStore('phone', () => {
  const state = shallowRef<PhoneState>(PHONE_OFF)
  /** The account could not be had; the phone cannot even try. */
  const problem = shallowRef<ClientError | null>(null)
  const audio = shallowRef<HTMLAudioElement | null>(null)
  const wanted = ref(false)
  const ringtone = new Ringtone()
  let retry: ReturnType<typeof setTimeout> | null = null

  const softphone = new Softphone({
    register: true,
    audio: () => audio.value,
    onState: (next) => {
      state.value = next
    },
  })

  const inTalk = computed(() => state.value.talk !== 'none')

  watch(
    () => state.value.talk === 'ringing',
    (ringing) => (ringing ? ringtone.start() : ringtone.stop()),
  )

  async function connect(): Promise<void> {
    if (retry !== null) clearTimeout(retry)
    retry = null
    problem.value = null
    try {
      const account = await api.phoneAccount()
      // The agent may have chosen another phone while the answer was on its way.
      if (wanted.value) await softphone.start(account)
    } catch (error) {
      problem.value = error instanceof ClientError ? error : new ClientError('unknown', String(error))
      if (wanted.value) retry = setTimeout(() => void connect(), ACCOUNT_RETRY_MS)
    }
  }

  function switchOn(): void {
    if (wanted.value) return
    wanted.value = true
    void connect()
  }

  function switchOff(): void {
    wanted.value = false
    problem.value = null
    if (retry !== null) clearTimeout(retry)
    retry = null
    softphone.stop()
  }

  return {
    state,
    problem,
    audio,
    inTalk,
    switchOn,
    switchOff,
    connect,
    answer: () => softphone.answer(),
    hangUp: () => softphone.hangUp(),
    setMuted: (muted: boolean) => softphone.setMuted(muted),
    sendKey: (key: string) => softphone.sendKey(key),
    checkMicrophone: () => softphone.checkMicrophone(),
  }
})
