/**
 * The one WebSocket of this page: subscribes, applies what comes to the picture, and comes back by itself when it is lost.
 *
 * Law: `status` is `live` only while the server was heard within the last 30 s; everything else is shown as lost.
 */
import {
  CLOSE_NOT_ALLOWED,
  CLOSE_SIGNED_OUT,
  CLOSE_TAKEN_OVER,
  parseServerMessage,
  type ClientMessage,
  type ServerMessage,
  type Topic,
} from './protocol'
import { applyEvent, applySnapshot, EMPTY_PICTURE, type Picture } from './reducer'

export const SILENCE_LIMIT_MS = 30_000
/** A connection that does not stand by then is tried anew. */
export const OPEN_LIMIT_MS = 5_000
/** The first word after opening: a server to which everybody comes back at once may take its time. */
const FIRST_WORD_LIMIT_MS = 10_000
/** A server that is asked whether it is there answers by then. */
export const PROBE_LIMIT_MS = 3_000
const RETRY_FIRST_MS = 250
const RETRY_LIMIT_MS = 2_000

/**
 * `idle`: not wanted. `connecting`: the first try. `live`. `lost`: trying again. The rest is final until someone acts:
 * `signed_out`, `not_allowed` (a topic is refused), `taken_over` (another desk of the same agent).
 */
export type FeedStatus = 'idle' | 'connecting' | 'live' | 'lost' | 'signed_out' | 'not_allowed' | 'taken_over'

export interface FeedListener {
  onPicture(picture: Picture): void
  onStatus(status: FeedStatus): void
  /** The server refused the connection before it opened; whether the session still lives is worth asking. */
  onRefused(): void
  onServerError(code: string, detail: string): void
}

/** What the feed needs of a WebSocket. */
export interface Socket {
  onopen: ((event: Event) => void) | null
  onmessage: ((event: MessageEvent<unknown>) => void) | null
  onclose: ((event: CloseEvent) => void) | null
  send(text: string): void
  close(): void
}

export interface FeedOptions {
  listener: FeedListener
  connect: () => Socket
  random?: () => number
}

export class LiveFeed {
  private readonly listener: FeedListener
  private readonly connect: () => Socket
  private readonly random: () => number
  private socket: Socket | null = null
  private opened = false
  private failures = 0
  private retryTimer: ReturnType<typeof setTimeout> | null = null
  private silenceTimer: ReturnType<typeof setTimeout> | null = null
  private lastHeardMs = 0
  private wanted: readonly Topic[] = []
  private picture: Picture = EMPTY_PICTURE
  private current: FeedStatus = 'idle'

  constructor(options: FeedOptions) {
    this.listener = options.listener
    this.connect = options.connect
    this.random = options.random ?? Math.random
  }

  get status(): FeedStatus {
    return this.current
  }

  /** Wants exactly these topics from now on; connects when there is no connection. */
  follow(topics: readonly Topic[]): void {
    const wanted = [...new Set(topics)].sort()
    const same = wanted.length === this.wanted.length && wanted.every((topic, i) => topic === this.wanted[i])
    this.wanted = wanted
    if (this.socket === null) {
      if (this.current !== 'lost') this.restart()
    } else if (!same && this.opened) {
      this.subscribe()
    }
  }

  /** Tries at once: after `taken_over`, when the network is back, when the page wakes up. */
  restart(): void {
    if (this.wanted.length === 0) return
    this.cancelRetry()
    this.drop()
    this.setStatus(this.current === 'lost' ? 'lost' : 'connecting')
    this.open()
  }

  /**
   * There is reason for doubt: the page woke up, the network changed, a talk's sound has stopped. Timers may have slept, so
   * the time itself is looked at; and a server that was heard lately is asked to go on from here, which it answers.
   */
  checkNow(): void {
    if (this.current === 'lost') this.restart()
    else if (this.current !== 'live') return
    else if (Date.now() - this.lastHeardMs > SILENCE_LIMIT_MS) this.lose()
    else if (this.opened) {
      this.subscribe()
      this.owe(PROBE_LIMIT_MS)
    }
  }

  /** Ends the feed and forgets everything it knew. */
  stop(): void {
    this.cancelRetry()
    this.drop()
    this.wanted = []
    this.picture = EMPTY_PICTURE
    this.listener.onPicture(this.picture)
    this.setStatus('idle')
  }

  private open(): void {
    const socket = this.connect()
    this.socket = socket
    this.opened = false
    this.heard(OPEN_LIMIT_MS)
    socket.onopen = () => {
      if (socket !== this.socket) return
      this.opened = true
      this.heard(FIRST_WORD_LIMIT_MS)
      this.subscribe()
    }
    socket.onmessage = (event) => {
      if (socket === this.socket && typeof event.data === 'string') this.receive(event.data)
    }
    socket.onclose = (event) => {
      if (socket === this.socket) this.closed(event.code)
    }
  }

  private subscribe(): void {
    const message: ClientMessage = { type: 'subscribe', topics: [...this.wanted] }
    const position = this.picture.position
    // A resume is right only for the topics the picture was made of; a snapshot names each, be it empty.
    const held = Object.keys(this.picture.topics).sort()
    if (position !== null && held.join() === this.wanted.join()) message.resume = position
    this.socket?.send(JSON.stringify(message))
  }

  private receive(text: string): void {
    this.heard()
    const message = parseServerMessage(text)
    if (message !== null) this.take(message)
  }

  private take(message: ServerMessage): void {
    switch (message.type) {
      case 'snapshot':
        this.picture = applySnapshot(message)
        this.listener.onPicture(this.picture)
        this.isLive()
        return
      case 'resumed':
        // The missed events follow with numbers up to message.seq: the picture's own place must stay where it is.
        if (message.epoch === this.picture.position?.epoch) {
          this.isLive()
        } else {
          this.picture = EMPTY_PICTURE
          this.subscribe()
        }
        return
      case 'event': {
        const next = applyEvent(this.picture, message)
        if (next === this.picture) return
        this.picture = next
        this.listener.onPicture(next)
        return
      }
      case 'error':
        this.listener.onServerError(message.code, message.detail)
        return
      case 'ping':
        return
    }
  }

  private isLive(): void {
    this.failures = 0
    this.setStatus('live')
  }

  private closed(code: number): void {
    const opened = this.opened
    this.drop()
    if (code === CLOSE_SIGNED_OUT) this.setStatus('signed_out')
    else if (code === CLOSE_NOT_ALLOWED) this.setStatus('not_allowed')
    else if (code === CLOSE_TAKEN_OVER) this.setStatus('taken_over')
    else {
      if (!opened) this.listener.onRefused()
      this.retryLater()
    }
  }

  private lose(): void {
    this.drop()
    this.retryLater()
  }

  private retryLater(): void {
    // The listener may have ended the feed when it was told of the refusal.
    if (this.wanted.length === 0) return
    this.setStatus('lost')
    const pause = Math.min(RETRY_LIMIT_MS, RETRY_FIRST_MS * 2 ** Math.min(this.failures, 10))
    this.failures += 1
    // Half of the pause is random, so that many desks cut at once do not come back in one instant.
    this.retryTimer = setTimeout(() => this.open(), pause * (0.5 + this.random() / 2))
  }

  /** The next word is owed within `limitMs`. */
  private heard(limitMs = SILENCE_LIMIT_MS): void {
    this.lastHeardMs = Date.now()
    this.owe(limitMs)
  }

  private owe(limitMs: number): void {
    if (this.silenceTimer !== null) clearTimeout(this.silenceTimer)
    this.silenceTimer = setTimeout(() => this.lose(), limitMs)
  }

  private drop(): void {
    if (this.silenceTimer !== null) clearTimeout(this.silenceTimer)
    this.silenceTimer = null
    const socket = this.socket
    this.socket = null
    this.opened = false
    socket?.close()
  }

  private cancelRetry(): void {
    if (this.retryTimer !== null) clearTimeout(this.retryTimer)
    this.retryTimer = null
  }

  private setStatus(status: FeedStatus): void {
    if (status === this.current) return
    this.current = status
    this.listener.onStatus(status)
  }
}
