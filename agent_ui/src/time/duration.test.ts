import { describe, expect, it } from 'vitest'

import { formatDuration, secondsBetween, secondsUntil } from './duration'

describe('durations', () => {
  it('count whole seconds and never go below zero', () => {
    const now = Date.parse('2026-11-21T10:00:10.900Z')
    expect(secondsBetween('2026-11-21T10:00:00Z', now)).toBe(10)
    expect(secondsBetween('2026-11-21T10:00:30Z', now)).toBe(0)
    expect(secondsUntil('2026-11-21T10:00:30Z', now)).toBe(19)
    expect(secondsUntil('2026-11-21T10:00:00Z', now)).toBe(0)
  })

  it('are unknown, not zero, when the moment is unknown', () => {
    expect(secondsBetween(null, 0)).toBeNull()
    expect(secondsUntil('soon', 0)).toBeNull()
    expect(formatDuration(null)).toBe('–')
  })

  it('read as minutes, and as hours from one hour on', () => {
    expect(formatDuration(7)).toBe('0:07')
    expect(formatDuration(754)).toBe('12:34')
    expect(formatDuration(3_599)).toBe('59:59')
    expect(formatDuration(3_723)).toBe('1:02:03')
  })
})
