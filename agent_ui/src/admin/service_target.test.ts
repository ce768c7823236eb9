import { describe, expect, it } from 'vitest'

import { secondsOf, spanOf } from './service_target'

describe('the time of a service target', () => {
  it('is told in the largest unit that it is whole in', () => {
    expect(spanOf(172_800)).toEqual({ amount: 2, unit: 'days' })
    expect(spanOf(14_400)).toEqual({ amount: 4, unit: 'hours' })
    expect(spanOf(5_400)).toEqual({ amount: 90, unit: 'minutes' })
    expect(spanOf(90)).toEqual({ amount: 1.5, unit: 'minutes' })
  })

  it('comes back as it was', () => {
    for (const seconds of [60, 90, 5_400, 14_400, 90_000, 172_800]) expect(secondsOf(spanOf(seconds))).toBe(seconds)
  })

  it('is none where nothing, or nonsense, was typed', () => {
    for (const amount of ['', 'x', 0, -1]) expect(secondsOf({ amount, unit: 'hours' })).toBeNull()
  })
})
