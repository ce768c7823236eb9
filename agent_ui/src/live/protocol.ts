/** Messages of the live feed as docs/api.md writes them, and the check every received text goes through. */
import type { LiveTopics } from '@/api/documents'

/** The documents each topic holds, by key; of one's own those that there are. */
export type Topics = {
  [Name in keyof LiveTopics]: Name extends 'me' ? { [Key in keyof LiveTopics['me']]?: NonNullable<LiveTopics['me'][Key]> } : Readonly<LiveTopics[Name]>
}
export type Topic = keyof Topics

const TOPICS: ReadonlySet<string> = new Set<Topic>(['me', 'queues', 'agents', 'waiting', 'monitoring', 'alerts', 'trends'])

export function isTopic(name: string): name is Topic {
  return TOPICS.has(name)
}

export interface Position {
  epoch: string
  seq: number
}

export type ClientMessage = { type: 'subscribe'; topics: Topic[]; resume?: Position }

export interface SnapshotMessage {
  type: 'snapshot'
  epoch: string
  seq: number
  topics: Record<string, Record<string, unknown>>
}
export interface ResumedMessage {
  type: 'resumed'
  epoch: string
  seq: number
}
export interface EventMessage {
  type: 'event'
  seq: number
  topic: string
  key: string
  document: unknown
}
export interface ErrorMessage {
  type: 'error'
  code: string
  detail: string
}
export type ServerMessage = SnapshotMessage | ResumedMessage | EventMessage | { type: 'ping' } | ErrorMessage

export const CLOSE_SIGNED_OUT = 4401
export const CLOSE_NOT_ALLOWED = 4403
export const CLOSE_TAKEN_OVER = 4409

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isRecordOfRecords(value: unknown): value is Record<string, Record<string, unknown>> {
  return isRecord(value) && Object.values(value).every(isRecord)
}

/** The message in `text`, or null when it is none this page understands. */
export function parseServerMessage(text: string): ServerMessage | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (!isRecord(value)) return null
  const { type, epoch, seq, topics, topic, key, code, detail } = value
  switch (type) {
    case 'ping':
      return { type }
    case 'snapshot':
      return typeof epoch === 'string' && typeof seq === 'number' && isRecordOfRecords(topics)
        ? { type, epoch, seq, topics }
        : null
    case 'resumed':
      return typeof epoch === 'string' && typeof seq === 'number' ? { type, epoch, seq } : null
    case 'event':
      return typeof seq === 'number' && typeof topic === 'string' && typeof key === 'string' && 'document' in value
        ? { type, seq, topic, key, document: value['document'] }
        : null
    case 'error':
      return {
        type,
        code: typeof code === 'string' ? code : 'unknown',
        detail: typeof detail === 'string' ? detail : '',
      }
    default:
      return null
  }
}
