/** What an agent's desk does on whatever page he looks at: his phone is on, and a talk that was lost is fetched back, be it a colleague's. */
import { computed, onScopeDispose, watch } from 'vue'

import { overFor, returnTo } from '@/phone/talk_mark'
import { useDesk } from '@/stores/desk'
import { useLive } from '@/stores/live'
import { usePhone } from '@/stores/phone'
import { useSeat } from '@/stores/seat'
import { useSession } from '@/stores/session'
import { onWake } from '@/time/wake'

const TRY_AGAIN_MS = 1_000
const LOOKS_BEFORE_FETCHING = 3

export function useDeskLife(): void {
  const session = useSession()
  const seat = useSeat()
  const live = useLive()
  const desk = useDesk()
  const phone = usePhone()

  watch(
    () => session.hasDesk,
    (hasDesk) => {
      if (hasDesk && seat.wasOpen()) seat.open()
    },
    { immediate: true },
  )

  // One desk, one phone: a page that is not the desk any more gives the line back, unless someone is talking on it.
  watch(
    () => [desk.agent?.phone.kind, seat.seat, live.status, phone.inTalk] as const,
    ([kind, where, status, inTalk]) => {
      if (inTalk || where === 'none') return
      if (where === 'mine' && status !== 'taken_over' && kind === undefined) return
      if (where === 'mine' && status !== 'taken_over' && kind === 'browser') phone.switchOn()
      else phone.switchOff()
    },
    { immediate: true },
  )

  const talkingIn = computed(() => {
    const agent = desk.agent
    if (agent === null || !live.isLive || agent.phone.kind !== 'browser') return null
    if (agent.state === 'talking' || agent.state === 'hold') return agent.interaction_id
    const internal = live.me?.internal_call
    return internal?.state === 'talking' ? `internal:${internal.call_id}` : null
  })
  const inCall = computed(() => phone.inTalk && phone.state.sound !== 'broken')

  watch(
    () => [talkingIn.value, phone.state.talk === 'talking' && !phone.testing] as const,
    ([interactionId, talks]) => {
      if (interactionId !== null && talks) phone.mark(interactionId)
    },
    { immediate: true },
  )

  const way = computed(() =>
    returnTo({
      talkingIn: talkingIn.value,
      marked: phone.marked,
      canRing: phone.state.line === 'registered',
      inCall: inCall.value,
    }),
  )
  function fetchBack(): void {
    if (way.value === 'fetch' && !phone.rejoining) phone.rejoin().catch(() => undefined)
  }
  watch(way, () => {
    if (phone.lost) fetchBack()
  })
  function doubt(): void {
    live.checkNow()
    phone.checkLine()
  }
  onWake(doubt)
  // Sound that stops in a talk says sooner than anything else that the network is gone.
  watch(
    () => phone.state.sound,
    (sound) => {
      if (sound !== 'well') live.checkNow()
    },
  )

  let looks = 0
  let kept = 0
  function lookForEnd(): void {
    const state = desk.agent?.state
    const withColleague = (live.me?.internal_call?.state ?? 'ended') !== 'ended'
    const isFree = live.isLive && state !== undefined && !withColleague && !['talking', 'hold', 'offered'].includes(state)
    const talks = phone.inCustomerTalk && phone.state.talk === 'talking'
    const over = overFor(looks, { isFree, marked: phone.marked, talks })
    looks = over.looks
    if (over.isOver) phone.talkIsOver()
    else if (isFree && !phone.inTalk && !phone.rejoining && phone.marked !== null) phone.mark(null)
  }

  const timer = setInterval(() => {
    lookForEnd()
    desk.talkElsewhere = way.value === 'offer' && !phone.rejoining
    // What the exchange hung up on is most often over, and the word of it on its way.
    kept = way.value === 'fetch' ? kept + 1 : 0
    if (phone.lost || kept >= LOOKS_BEFORE_FETCHING) fetchBack()
  }, TRY_AGAIN_MS)
  onScopeDispose(() => clearInterval(timer))
}
