import { expect, it } from 'vitest'

import { todayOf } from './today'

const SINCE = '2026-11-22T08:00:00Z'
const TODAY = {
  handled: 4,
  offers: 5,
  missed: 1,
  rejected: 0,
  talk_seconds: 600,
  hold_seconds: 60,
  wrap_up_seconds: 120,
  ready_seconds: 220,
  not_ready_seconds: 999,
  internal_seconds: 0,
  transferred: 1,
  calls_out: 2,
  calls_out_reached: 1,
}

it('counts the present state on and works out occupancy and handle time by their formulas', () => {
  const figures = todayOf({ today: TODAY, state: 'talking', since: SINCE }, Date.parse(SINCE) + 20_000)
  expect(figures.talkSeconds).toBe(620)
  expect(figures.occupancy).toBeCloseTo(800 / 1020, 6)
  expect(figures.handleSeconds).toBe(200)
  expect([figures.transferRate, figures.callsOutReached]).toEqual([0.25, 1])
})

it('says nothing where there is nothing to divide by, and never counts backwards', () => {
  const none = { ...TODAY, handled: 0, talk_seconds: 0, hold_seconds: 0, wrap_up_seconds: 0, ready_seconds: 0 }
  const figures = todayOf({ today: none, state: 'not_ready', since: SINCE }, Date.parse(SINCE) - 5_000)
  expect([figures.occupancy, figures.handleSeconds, figures.talkSeconds]).toEqual([null, null, 0])
})
