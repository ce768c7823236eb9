/** The live feed as a store: its status, and the documents of each topic. */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'

import { LiveFeed, type FeedStatus } from '@/live/feed'
import type { Topic } from '@/live/protocol'
import { EMPTY_PICTURE, type Picture } from '@/live/reducer'
import { serverNowMs } from '@/time/clock'

import { useSession } from './session'

const BOARD_EVERY_MS = 250

function connect(): WebSocket {
  const address = new URL('/api/v1/live', window.location.href)
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'
  return new WebSocket(address)
}

export const useLive = defineStore('live', () => {
  const session = useSession()
  const status = ref<FeedStatus>('idle')
  const lostSinceMs = ref<number | null>(null)
  const serverError = ref<string | null>(null)
  const picture = shallowRef<Picture>(EMPTY_PICTURE)
  /** The newest picture that is not on the page yet. */
  let pending: Picture | null = null
  const wants = new Map<string, readonly Topic[]>()

  const feed = new LiveFeed({
    connect,
    listener: {
      onPicture: (next) => {
        // One's own desk follows at once; a board of many agents is drawn some times a second and no more.
        const waits = next.topics.me === picture.value.topics.me && picture.value.position !== null
        if (!waits || next.position?.epoch !== picture.value.position?.epoch) {
          pending = null
          picture.value = next
          return
        }
        if (pending === null) setTimeout(drawPending, BOARD_EVERY_MS)
        pending = next
      },
      onStatus: (next) => {
        status.value = next
        if (next === 'live' || next === 'idle') lostSinceMs.value = null
        else if (next !== 'connecting') lostSinceMs.value ??= serverNowMs()
        if (next === 'live') serverError.value = null
        if (next === 'signed_out') session.ended()
      },
      onRefused: () => {
        // Browsers hide why a WebSocket was refused; the session's own call tells whether it still lives.
        session.check().catch(() => undefined)
      },
      onServerError: (code, detail) => {
        serverError.value = detail === '' ? code : detail
      },
    },
  })

  function drawPending(): void {
    if (pending !== null) picture.value = pending
    pending = null
  }

  const isLive = computed(() => status.value === 'live')
  const me = computed(() => picture.value.topics.me)
  const queues = computed(() => picture.value.topics.queues)
  const agents = computed(() => picture.value.topics.agents)
  const waiting = computed(() => picture.value.topics.waiting)
  const alerts = computed(() => picture.value.topics.alerts)
  const trends = computed(() => picture.value.topics.trends)
  const monitoring = computed(() => picture.value.topics.monitoring)
  /** New messages: for an agent those of his queues, for others those of all; null before anything is known. */
  const newMessages = computed(() => {
    if (me.value?.messages !== undefined) return me.value.messages.new
    if (queues.value === undefined) return null
    return Object.values(queues.value).reduce((sum, row) => sum + row.new_messages, 0)
  })

  function followAll(): void {
    const all = new Set([...wants.values()].flat())
    if (all.size > 0) feed.follow([...all])
  }

  /** Notes that `who` (a page) wants these topics until `release(who)`. */
  function want(who: string, topics: readonly Topic[]): void {
    wants.set(who, topics)
    followAll()
  }

  function release(who: string): void {
    wants.delete(who)
    if (wants.size === 0) feed.stop()
    else followAll()
  }

  /** Ends the feed and forgets all it showed. */
  function stop(): void {
    wants.clear()
    feed.stop()
  }

  return {
    status,
    lostSinceMs,
    serverError,
    isLive,
    me,
    queues,
    agents,
    waiting,
    alerts,
    trends,
    monitoring,
    newMessages,
    want,
    release,
    stop,
    restart: () => feed.restart(),
    checkNow: () => feed.checkNow(),
  }
})
