import { describe, expect, it } from 'vitest'

import { parseServerMessage, type EventMessage, type SnapshotMessage } from './protocol'
import { applyEvent, applySnapshot, EMPTY_PICTURE, type Picture } from './reducer'

function snapshot(seq: number, topics: SnapshotMessage['topics']): SnapshotMessage {
  return { type: 'snapshot', epoch: 'e1', seq, topics }
}

function event(seq: number, topic: string, key: string, document: unknown): EventMessage {
  return { type: 'event', seq, topic, key, document }
}

/** A small generator with a printed seed (mulberry32, public domain), so that a failure can be run again. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The server's side of the law: documents by topic and key, each change with the next number. */
class Server {
  seq = 0
  readonly topics: Record<string, Record<string, unknown>> = { me: {}, queues: {}, agents: {} }

  set(topic: string, key: string, document: unknown): EventMessage {
    this.seq += 1
    const documents = this.topics[topic] ?? {}
    this.topics[topic] = documents
    if (document === null) Reflect.deleteProperty(documents, key)
    else documents[key] = document
    return event(this.seq, topic, key, document)
  }

  snapshot(): SnapshotMessage {
    return structuredClone(snapshot(this.seq, this.topics))
  }
}

describe('the picture', () => {
  it('is the same from an old snapshot with its events as from a fresh snapshot, even when events come twice', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = randomOf(seed)
      const pick = (items: readonly string[]): string => items[Math.floor(random() * items.length)] ?? ''
      const server = new Server()
      for (let i = 0; i < 20; i += 1) server.set(pick(['me', 'queues']), pick(['a', 'b', 'c']), { n: i })
      let picture: Picture = applySnapshot(server.snapshot())
      for (let i = 0; i < 60; i += 1) {
        const document = random() < 0.3 ? null : { n: 100 + i }
        const message = server.set(pick(['me', 'queues', 'agents']), pick(['a', 'b', 'c', 'd']), document)
        picture = applyEvent(picture, message)
        if (random() < 0.2) picture = applyEvent(picture, message)
      }
      expect(picture, `seed ${seed}`).toEqual(applySnapshot(server.snapshot()))
    }
  })

  it('ignores events before the first snapshot', () => {
    expect(applyEvent(EMPTY_PICTURE, event(5, 'me', 'pop', {}))).toBe(EMPTY_PICTURE)
  })

  it('ignores an event that is older than itself', () => {
    const picture = applySnapshot(snapshot(7, { me: { pop: { interaction_id: 'new' } } }))
    expect(applyEvent(picture, event(6, 'me', 'pop', { interaction_id: 'old' }))).toBe(picture)
  })

  it('removes a document whose event carries null', () => {
    const picture = applySnapshot(snapshot(1, { me: { state: {}, pop: { interaction_id: 'i1' } } }))
    expect(applyEvent(picture, event(2, 'me', 'pop', null)).topics.me).toEqual({ state: {} })
  })

  it('forgets the topics a new snapshot does not hold', () => {
    applySnapshot(snapshot(1, { agents: { '1001': {} } }))
    expect(applySnapshot(snapshot(2, { queues: {} })).topics).toEqual({ queues: {} })
  })

  it('moves on over events of topics it does not hold', () => {
    const picture = applySnapshot(snapshot(1, { queues: {} }))
    const after = applyEvent(applyEvent(picture, event(2, 'agents', '1001', {})), event(3, 'moon', 'x', {}))
    expect(after).toEqual({ position: { epoch: 'e1', seq: 3 }, topics: { queues: {} } })
  })

  it('leaves the picture before it untouched', () => {
    const picture = applySnapshot(snapshot(1, { queues: { sales: { waiting: 1 } } }))
    const before = structuredClone(picture)
    applyEvent(picture, event(2, 'queues', 'sales', { waiting: 2 }))
    expect(picture).toEqual(before)
  })
})

describe('a received text', () => {
  it('is refused when it is no message of the contract', () => {
    for (const text of ['', '[]', 'null', '{"type":"event","seq":"1"}', '{"type":"snapshot","epoch":"e","seq":1,"topics":[]}']) {
      expect(parseServerMessage(text), text).toBeNull()
    }
  })

  it('keeps the difference between a document of null and none', () => {
    expect(parseServerMessage('{"type":"event","seq":1,"topic":"me","key":"pop","document":null}')).toMatchObject({
      document: null,
    })
    expect(parseServerMessage('{"type":"event","seq":1,"topic":"me","key":"pop"}')).toBeNull()
  })
})
