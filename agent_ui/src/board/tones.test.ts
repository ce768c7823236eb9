import { describe, expect, it } from 'vitest'

import { limitsOf, NOTHING_WISHED, toneAbove, toneBelow, usual, type BoardWishes, type Thresholds } from './tones'

function set(part: Partial<Thresholds>): Thresholds {
  return { waiting_warn: null, waiting_bad: null, longest_warn_seconds: null, longest_bad_seconds: null, service_level_warn: null, service_level_bad: null, ...part }
}

describe('thresholds', () => {
  it('follow the queue’s promise where nobody set any', () => {
    const limits = limitsOf(NOTHING_WISHED, 'sales', 20)
    expect(limits).toEqual(usual(20))
    expect(limits.longest_bad_seconds).toBe(60)
  })

  it('of a queue come before those of all, those before the usual ones', () => {
    const wishes: BoardWishes = {
      queues: { '*': set({ waiting_warn: 5, waiting_bad: 20 }), sales: set({ waiting_warn: 2 }) },
      hidden: [],
      version: 3,
    }
    const limits = limitsOf(wishes, 'sales', 20)
    expect([limits.waiting_warn, limits.waiting_bad, limits.service_level_warn]).toEqual([2, 20, 80])
    expect(limitsOf(wishes, 'support', 20).waiting_warn).toBe(5)
  })

  it('zero counts as set', () => {
    const wishes: BoardWishes = { queues: { '*': set({ waiting_warn: 0 }) }, hidden: [], version: 1 }
    expect(limitsOf(wishes, 'sales', 20).waiting_warn).toBe(0)
  })
})

describe('a tone', () => {
  it('is bad at and above the upper threshold', () => {
    expect([2, 3, 9, 10].map((value) => toneAbove(value, 3, 10))).toEqual(['', 'warn', 'warn', 'bad'])
    expect(toneAbove(null, 0, 0)).toBe('')
  })

  it('of a service level is bad below the threshold', () => {
    expect([0.9, 0.8, 0.79, 0.6, 0.59].map((share) => toneBelow(share, 80, 60))).toEqual(['', '', 'warn', 'warn', 'bad'])
    expect(toneBelow(null, 80, 60)).toBe('')
  })
})
