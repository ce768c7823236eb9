/** Messages of the live feed as docs/api.md writes them, and the check every received text goes through. */
import type { Agent, AlertDocument, DeskNotices, Listeners, MessageNews, Monitoring, Pop, QueueRow, ReminderList, Trend, WaitingRow } from '@/api/documents'
import type { CallOut } from '@/callout/call_out_api'
import type { Consultation } from '@/desk/transfer/transfer_api'
import type { InternalCall } from '@/internal/internal_api'

/** The documents each topic holds, by key. */
export interface Topics {
  me: { state?: Agent; pop?: Pop; messages?: MessageNews; monitored?: Listeners; notices?: DeskNotices; reminders?: ReminderList; consultation?: Consultation; call_out?: CallOut; internal_call?: InternalCall }
  queues: Readonly<Record<string, QueueRow>>
  agents: Readonly<Record<string, Agent>>
  waiting: Readonly<Record<string, WaitingRow>>
  monitoring: Readonly<Record<string, Monitoring>>
  alerts: Readonly<Record<string, AlertDocument>>
  trends: Readonly<Record<string, Trend>>
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
