import { describe, expect, it } from 'vitest'

import { dueBefore, dueState } from './task_due'

const at = (moment: string) => Date.parse(moment)

describe('by when tasks are due', () => {
  it('ends today when the house says so, not the browser', () => {
    // 16:30 in London is tomorrow already in Shanghai.
    expect(dueBefore('today', at('2026-11-22T16:30:00Z'), 'Asia/Shanghai')).toBe('2026-11-23T16:00:00.000Z')
    expect(dueBefore('today', at('2026-11-22T15:30:00Z'), 'Asia/Shanghai')).toBe('2026-11-22T16:00:00.000Z')
    expect(dueBefore('today', at('2026-11-22T16:30:00Z'), 'Europe/London')).toBe('2026-11-23T00:00:00.000Z')
  })

  it('ends the week with Sunday', () => {
    for (const day of ['2026-11-16', '2026-11-18', '2026-11-22']) {
      expect(dueBefore('week', at(`${day}T12:00:00Z`), 'UTC')).toBe('2026-11-23T00:00:00.000Z')
    }
    expect(dueBefore('week', at('2026-11-23T00:00:00Z'), 'UTC')).toBe('2026-11-30T00:00:00.000Z')
  })

  it('knows a day of 23 hours, and one whose midnight is left out', () => {
    expect(dueBefore('today', at('2026-03-29T12:00:00Z'), 'Europe/Berlin')).toBe('2026-03-29T22:00:00.000Z')
    // Midnight of the 6th of September is left out in Santiago.
    expect(dueBefore('today', at('2026-09-05T12:00:00Z'), 'America/Santiago')).toBe('2026-09-06T04:00:00.000Z')
  })

  it('is now for what is late, and no time for any', () => {
    expect(dueBefore('late', at('2026-11-22T16:30:00Z'), 'UTC')).toBe('2026-11-22T16:30:00.000Z')
    expect(dueBefore('', 0, 'UTC')).toBe('')
    expect(dueBefore('today', 0, 'Nowhere/At-all')).toBe('')
  })

  it('marks rows', () => {
    const now = at('2026-11-22T12:00:00Z')
    const task = (due_at: string, done_at: string | null = null) => dueState({ due_at, done_at }, now, 'UTC')
    expect(task('2026-11-22T11:59:00Z')).toBe('late')
    expect(task('2026-11-22T23:59:00Z')).toBe('today')
    expect(task('2026-11-23T00:00:00Z')).toBe('later')
    expect(task('2026-11-20T00:00:00Z', '2026-11-21T00:00:00Z')).toBe('done')
  })
})
