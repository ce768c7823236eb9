/** The agent's phone in the browser, connected only while the agent's phone kind is `browser`. */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'

import { api } from '@/api/client'
import { ClientError } from '@/api/errors'
import { findDevices, NO_DEVICES, playOn, storeChoice, storedChoice, type DeviceChoice, type Devices } from '@/phone/devices'
import { Ringtone } from '@/phone/ringtone'
import { PHONE_OFF, Softphone, wasLost, type PhoneState } from '@/phone/softphone'
import { markedTalk, markTalk } from '@/phone/talk_mark'

const ACCOUNT_RETRY_MS = 5_000
/** So long a ring is taken for the talk that was asked back; then it is a call like any other. */
const REJOIN_WITHIN_MS = 15_000
/** The exchange plays back what one says there (dialplan, cc-from-agent). */
export const ECHO_NUMBER = 'echo'

export const usePhone = defineStore('phone', () => {
  const state = shallowRef<PhoneState>(PHONE_OFF)
  /** The account could not be had; the phone cannot even try. */
  const problem = shallowRef<ClientError | null>(null)
  const audio = shallowRef<HTMLAudioElement | null>(null)
  const devices = shallowRef<Devices>(NO_DEVICES)
  const choice = shallowRef<DeviceChoice>(storedChoice())
  const wanted = ref(false)
  const testing = ref(false)
  /** The talk this tab's phone is in, or was in when it was lost. */
  const marked = ref(markedTalk())
  const rejoining = ref(false)
  /** The last call was lost on the way, and not hung up by anybody. */
  const lost = ref(true)
  let hungUpHere = false
  const ringtone = new Ringtone()
  let retry: ReturnType<typeof setTimeout> | null = null
  let rejoinTimer: ReturnType<typeof setTimeout> | null = null

  const softphone = new Softphone({
    register: true,
    audio: () => audio.value,
    microphone: () => choice.value.microphone,
    onState: (next) => {
      const before = state.value.talk
      state.value = next
      changed(before, next)
    },
  })

  const inTalk = computed(() => state.value.talk !== 'none')
  /** A customer is on the line, or rings; the echo is neither. */
  const inCustomerTalk = computed(() => inTalk.value && !testing.value)

  watch(
    () => state.value.talk === 'ringing' && !rejoining.value,
    (ringing) => (ringing ? ringtone.start(choice.value.ringer ?? choice.value.speaker) : ringtone.stop()),
  )
  watch([audio, choice], () => {
    if (audio.value !== null) void playOn(audio.value, choice.value.speaker)
  })

  function changed(before: PhoneState['talk'], next: PhoneState): void {
    if (next.talk === 'ringing' && rejoining.value) softphone.answer()
    if (next.talk === 'talking' && before !== 'talking') endRejoin()
    if (next.talk !== 'none' || before === 'none') return
    testing.value = false
    // Who hung up here has ended it. Of what was lost, and of what the exchange hung up on, the server knows whether it goes on.
    if (hungUpHere && !rejoining.value) mark(null)
    hungUpHere = false
    lost.value = wasLost(next.endCause)
  }

  function mark(interactionId: string | null): void {
    marked.value = interactionId
    markTalk(interactionId)
  }

  async function connect(): Promise<void> {
    if (retry !== null) clearTimeout(retry)
    retry = null
    problem.value = null
    try {
      const account = await api.phoneAccount()
      // The agent may have chosen another phone while the answer was on its way.
      if (wanted.value) await softphone.start(account)
      await lookForDevices()
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
    endRejoin()
    softphone.stop()
  }

  async function lookForDevices(): Promise<void> {
    devices.value = await findDevices()
  }

  /** A headset was plugged in or out. */
  async function devicesChanged(): Promise<void> {
    await lookForDevices()
    if (!wanted.value) return
    const gone = inTalk.value && softphone.localTrack?.readyState === 'ended'
    if (gone) await softphone.changeMicrophone()
    else if (!inTalk.value) await softphone.checkMicrophone()
  }

  async function choose(part: Partial<DeviceChoice>): Promise<void> {
    choice.value = { ...choice.value, ...part }
    storeChoice(choice.value)
    if (part.microphone !== undefined) await softphone.changeMicrophone()
  }

  /** Dials the exchange's echo: what is said comes back. */
  function testEcho(): void {
    if (inTalk.value || state.value.line !== 'registered') return
    testing.value = true
    softphone.call(ECHO_NUMBER, [])
  }

  /** Asks for the talk that this page's phone is not in any more; its ring is answered by itself. */
  async function rejoin(): Promise<void> {
    if (rejoining.value) return
    rejoining.value = true
    rejoinTimer = setTimeout(endRejoin, REJOIN_WITHIN_MS)
    // What is left of the call that was lost would take the line from the one that comes.
    softphone.letGo()
    try {
      await api.rejoinTalk()
    } catch (error) {
      endRejoin()
      throw error
    }
  }

  function endRejoin(): void {
    if (rejoinTimer !== null) clearTimeout(rejoinTimer)
    rejoinTimer = null
    rejoining.value = false
  }

  /** The talk is over, and the word of it was lost on the way. */
  function talkIsOver(): void {
    hungUpHere = true
    softphone.letGo()
    mark(null)
  }

  /** The page goes away in a talk: the exchange plays music to the caller until the phone is back. */
  function leave(): void {
    if (!inCustomerTalk.value || state.value.talk === 'ringing') return
    api.leaveTalk().catch(() => undefined)
    softphone.leaveQuietly()
  }

  return {
    state,
    problem,
    audio,
    devices,
    choice,
    inTalk,
    inCustomerTalk,
    testing,
    marked,
    rejoining,
    lost,
    switchOn,
    switchOff,
    connect,
    devicesChanged,
    choose,
    testEcho,
    mark,
    rejoin,
    talkIsOver,
    leave,
    answer: () => softphone.answer(),
    checkLine: () => softphone.checkLine(),
    hangUp: () => {
      hungUpHere = true
      softphone.hangUp()
    },
    setMuted: (muted: boolean) => softphone.setMuted(muted),
    setHeld: (held: boolean) => softphone.setHeld(held),
    sendKey: (key: string) => softphone.sendKey(key),
    checkMicrophone: () => softphone.checkMicrophone(),
  }
})
