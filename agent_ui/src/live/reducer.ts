/**
 * The picture a client of the live feed holds, as a pure function of the messages.
 *
 * Law: the old snapshot with the events applied equals a fresh snapshot.
 */
import { isTopic, type EventMessage, type Position, type SnapshotMessage, type Topic, type Topics } from './protocol'

export interface Picture {
  /** Where the picture stands in the server's sequence; null before the first snapshot. */
  readonly position: Position | null
  readonly topics: { readonly [T in Topic]?: Topics[T] }
}

export const EMPTY_PICTURE: Picture = { position: null, topics: {} }

/** A snapshot replaces the whole picture; topics this page does not know are left out. */
export function applySnapshot(message: SnapshotMessage): Picture {
  const topics: Record<string, Record<string, unknown>> = {}
  for (const [name, documents] of Object.entries(message.topics)) {
    if (!isTopic(name)) continue
    topics[name] = Object.fromEntries(Object.entries(documents).filter(([, document]) => document !== null))
  }
  return { position: { epoch: message.epoch, seq: message.seq }, topics }
}

/**
 * The picture after one event. Events at or before the picture's place were already in it (a resume may send some twice);
 * events before the first snapshot, and of topics not subscribed to, change nothing.
 */
export function applyEvent(picture: Picture, message: EventMessage): Picture {
  if (picture.position === null || message.seq <= picture.position.seq) return picture
  const position = { epoch: picture.position.epoch, seq: message.seq }
  const { topic, key, document } = message
  if (!isTopic(topic)) return { ...picture, position }
  const documents = picture.topics[topic] as Record<string, unknown> | undefined
  if (documents === undefined) return { ...picture, position }
  const after: Record<string, unknown> = { ...documents, [key]: document }
  if (document === null) Reflect.deleteProperty(after, key)
  return { position, topics: { ...picture.topics, [topic]: after } }
}
