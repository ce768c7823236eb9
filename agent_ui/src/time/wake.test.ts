import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { effectScope, type EffectScope } from 'vue'

import { onWake } from './wake'

let scope: EffectScope
let woken: number

beforeEach(() => {
  vi.useFakeTimers()
  woken = 0
  scope = effectScope()
  scope.run(() => onWake(() => (woken += 1)))
})

afterEach(() => {
  scope.stop()
  vi.useRealTimers()
})

it('sleeps through nothing while the timers come in time', () => {
  vi.advanceTimersByTime(60_000)
  expect(woken).toBe(0)
})

it('notices by the clock that the timers slept, once', () => {
  vi.advanceTimersByTime(3_000)
  vi.setSystemTime(Date.now() + 90_000)
  vi.advanceTimersByTime(2_000)
  expect(woken).toBe(1)
  vi.advanceTimersByTime(10_000)
  expect(woken).toBe(1)
})

it('hears of a network that is back, and of a page that is thawed, until its scope ends', () => {
  window.dispatchEvent(new Event('online'))
  document.dispatchEvent(new Event('resume'))
  expect(woken).toBe(2)
  scope.stop()
  window.dispatchEvent(new Event('online'))
  expect(woken).toBe(2)
})
