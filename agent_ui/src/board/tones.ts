/** From when on a figure of a queue is coloured: one's own thresholds, else what the queue itself promises. */
import type { components } from '@/api/schema'

export type Thresholds = components['schemas']['Thresholds']
export type BoardWishes = components['schemas']['BoardWishes']
export type Tone = '' | 'warn' | 'bad'
export type Limits = { readonly [K in keyof Required<Thresholds>]: number }

export const EVERY_QUEUE = '*'
export const NOTHING_WISHED: BoardWishes = { queues: {}, hidden: [], version: 0 }

/** Of whoever set nothing: waits are of concern past what the queue promises, and bad at three times that. */
export function usual(promisedSeconds: number): Limits {
  return {
    waiting_warn: 3,
    waiting_bad: 10,
    longest_warn_seconds: promisedSeconds,
    longest_bad_seconds: promisedSeconds * 3,
    service_level_warn: 80,
    service_level_bad: 60,
  }
}

/** The queue's own thresholds before those of all queues before the usual ones. */
export function limitsOf(wishes: BoardWishes, queueId: string, promisedSeconds: number): Limits {
  const own = wishes.queues[queueId]
  const all = wishes.queues[EVERY_QUEUE]
  const base = usual(promisedSeconds)
  const found = { ...base }
  for (const key of Object.keys(base) as (keyof Limits)[]) {
    const value = own?.[key] ?? all?.[key]
    if (value !== undefined && value !== null) found[key] = value
  }
  return found
}

/** Bad and of concern from there on up. */
export function toneAbove(value: number | null, warn: number, bad: number): Tone {
  if (value === null) return ''
  return value >= bad ? 'bad' : value >= warn ? 'warn' : ''
}

/** Bad and of concern below it; a share from 0 to 1 against percents. */
export function toneBelow(share: number | null, warn: number, bad: number): Tone {
  if (share === null) return ''
  const percent = share * 100
  return percent < bad ? 'bad' : percent < warn ? 'warn' : ''
}
