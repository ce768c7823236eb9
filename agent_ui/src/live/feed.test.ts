import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { LiveFeed, OPEN_LIMIT_MS, PROBE_LIMIT_MS, SILENCE_LIMIT_MS, type FeedListener, type FeedStatus, type Socket } from './feed'
import type { Picture } from './reducer'

class FakeSocket implements Socket {
  onopen: Socket['onopen'] = null
  onmessage: Socket['onmessage'] = null
  onclose: Socket['onclose'] = null
  readonly sent: unknown[] = []
  closedByPage = false

  send(text: string): void {
    this.sent.push(JSON.parse(text))
  }

  close(): void {
    this.closedByPage = true
  }

  opens(): void {
    this.onopen?.(new Event('open'))
  }

  says(message: unknown): void {
    this.onmessage?.(new MessageEvent('message', { data: JSON.stringify(message) }))
  }

  closes(code: number): void {
    this.onclose?.(new CloseEvent('close', { code }))
  }
}

class Recorder implements FeedListener {
  readonly statuses: FeedStatus[] = []
  picture: Picture | null = null
  refusals = 0
  onPicture(picture: Picture): void {
    this.picture = picture
  }
  onStatus(status: FeedStatus): void {
    this.statuses.push(status)
  }
  onRefused(): void {
    this.refusals += 1
  }
  onServerError(): void {
    // Nothing here depends on it.
  }
}

const SNAPSHOT = { type: 'snapshot', epoch: 'e1', seq: 40, topics: { me: { state: { n: 1 } } } }

let sockets: FakeSocket[]
let heard: Recorder
let feed: LiveFeed

function socket(): FakeSocket {
  const latest = sockets.at(-1)
  if (latest === undefined) throw new Error('the feed has not connected')
  return latest
}

beforeEach(() => {
  vi.useFakeTimers()
  sockets = []
  heard = new Recorder()
  feed = new LiveFeed({
    listener: heard,
    random: () => 1,
    connect: () => {
      const made = new FakeSocket()
      sockets.push(made)
      return made
    },
  })
})

afterEach(() => {
  feed.stop()
  vi.useRealTimers()
})

function goLive(): void {
  feed.follow(['me'])
  socket().opens()
  socket().says(SNAPSHOT)
}

describe('the feed', () => {
  it('is live only when the snapshot has come', () => {
    feed.follow(['queues', 'me'])
    socket().opens()
    expect(socket().sent).toEqual([{ type: 'subscribe', topics: ['me', 'queues'] }])
    expect(heard.statuses).toEqual(['connecting'])
    socket().says(SNAPSHOT)
    expect(heard.statuses).toEqual(['connecting', 'live'])
  })

  it('resumes where its picture stands and takes the missed events, whose numbers are not beyond the answer', () => {
    goLive()
    socket().closes(1006)
    expect(feed.status).toBe('lost')
    vi.advanceTimersByTime(250)
    socket().opens()
    expect(socket().sent).toEqual([{ type: 'subscribe', topics: ['me'], resume: { epoch: 'e1', seq: 40 } }])
    socket().says({ type: 'resumed', epoch: 'e1', seq: 42 })
    socket().says({ type: 'event', seq: 41, topic: 'me', key: 'pop', document: { n: 2 } })
    socket().says({ type: 'event', seq: 42, topic: 'me', key: 'state', document: { n: 3 } })
    expect(heard.picture?.topics.me).toEqual({ state: { n: 3 }, pop: { n: 2 } })
    expect(feed.status).toBe('live')
  })

  it('asks anew when it is resumed in an epoch that is not its own', () => {
    goLive()
    socket().closes(1006)
    vi.advanceTimersByTime(250)
    socket().opens()
    socket().says({ type: 'resumed', epoch: 'e2', seq: 2 })
    expect(feed.status).toBe('lost')
    expect(socket().sent.at(-1)).toEqual({ type: 'subscribe', topics: ['me'] })
  })

  it('is lost after 30 s of silence and not before; a ping counts as a word', () => {
    goLive()
    vi.advanceTimersByTime(SILENCE_LIMIT_MS - 1)
    socket().says({ type: 'ping' })
    vi.advanceTimersByTime(SILENCE_LIMIT_MS - 1)
    expect(feed.status).toBe('live')
    const silent = socket()
    vi.advanceTimersByTime(1)
    expect(feed.status).toBe('lost')
    expect(silent.closedByPage).toBe(true)
  })

  it('notices a silence slept through when the page wakes', () => {
    goLive()
    vi.setSystemTime(Date.now() + SILENCE_LIMIT_MS + 1)
    feed.checkNow()
    expect(feed.status).toBe('lost')
  })

  it('asks a server that was heard lately whether it is still there, and stays live when it is', () => {
    goLive()
    const asked = socket()
    feed.checkNow()
    expect(asked.sent.at(-1)).toEqual({ type: 'subscribe', topics: ['me'], resume: { epoch: 'e1', seq: 40 } })
    asked.says({ type: 'resumed', epoch: 'e1', seq: 40 })
    vi.advanceTimersByTime(PROBE_LIMIT_MS)
    expect(feed.status).toBe('live')
    feed.checkNow()
    vi.advanceTimersByTime(PROBE_LIMIT_MS)
    expect(feed.status).toBe('lost')
    expect(asked.closedByPage).toBe(true)
  })

  it('tries anew when a connection does not stand in time', () => {
    goLive()
    socket().closes(1006)
    vi.advanceTimersByTime(250)
    expect(sockets).toHaveLength(2)
    vi.advanceTimersByTime(OPEN_LIMIT_MS + 500)
    expect(sockets).toHaveLength(3)
    expect(sockets[1]?.closedByPage).toBe(true)
    socket().opens()
    socket().says({ type: 'resumed', epoch: 'e1', seq: 40 })
    expect(feed.status).toBe('live')
  })

  it('waits longer after each failure, at most 2 s', () => {
    goLive()
    const pauses: number[] = []
    for (let i = 0; i < 6; i += 1) {
      const before = sockets.length
      socket().closes(1006)
      let waited = 0
      while (sockets.length === before) {
        vi.advanceTimersByTime(50)
        waited += 50
      }
      pauses.push(waited)
    }
    expect(pauses).toEqual([250, 500, 1_000, 2_000, 2_000, 2_000])
    expect(heard.refusals).toBe(5)
  })

  it('does not come back by itself when signed out, refused or taken over', () => {
    for (const [code, status] of [
      [4401, 'signed_out'],
      [4403, 'not_allowed'],
      [4409, 'taken_over'],
    ] as const) {
      goLive()
      const count = sockets.length
      socket().closes(code)
      vi.advanceTimersByTime(60_000)
      expect(feed.status).toBe(status)
      expect(sockets).toHaveLength(count)
      feed.stop()
    }
  })

  it('comes back after being cut as too slow', () => {
    goLive()
    socket().closes(4408)
    expect(feed.status).toBe('lost')
    vi.advanceTimersByTime(250)
    expect(sockets).toHaveLength(2)
  })

  it('asks for a fresh snapshot when it wants other topics', () => {
    goLive()
    feed.follow(['me', 'queues'])
    expect(socket().sent.at(-1)).toEqual({ type: 'subscribe', topics: ['me', 'queues'] })
  })

  it('hears nothing of a socket it has left', () => {
    goLive()
    const left = socket()
    feed.restart()
    left.says({ type: 'event', seq: 99, topic: 'me', key: 'pop', document: { interaction_id: 'ghost' } })
    left.closes(4401)
    expect(heard.picture?.topics.me).toEqual({ state: { n: 1 } })
    expect(feed.status).toBe('connecting')
  })

  it('forgets every document when it is stopped', () => {
    goLive()
    feed.stop()
    expect(heard.picture?.topics).toEqual({})
  })
})
