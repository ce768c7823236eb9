import { expect, it } from 'vitest'

import { agentOf } from './samples'
import { timeLimitOf } from './time_limit'

const away = agentOf({
  state: 'not_ready',
  reason: 'break',
  not_ready_until: '2026-11-21T10:15:00Z',
  warn_at: '2026-11-21T10:14:00Z',
})

it.each([
  ['2026-11-21T10:13:59.500Z', { stage: 'far', seconds: 60 }],
  ['2026-11-21T10:14:00Z', { stage: 'near', seconds: 60 }],
  ['2026-11-21T10:14:59.900Z', { stage: 'near', seconds: 0 }],
  ['2026-11-21T10:15:00Z', { stage: 'over', seconds: 0 }],
  ['2026-11-21T10:16:05Z', { stage: 'over', seconds: 65 }],
])('at %s says how much of the break is left', (moment, expected) => {
  expect(timeLimitOf(away, Date.parse(moment))).toEqual(expected)
})

it('knows no limit where the reason has none, or what it is told is no time', () => {
  expect(timeLimitOf(agentOf(), 0)).toBeNull()
  expect(timeLimitOf(agentOf({ not_ready_until: 'soon' }), 0)).toBeNull()
})

it('gives no warning where none is wished', () => {
  const agent = { ...away, warn_at: null }
  expect(timeLimitOf(agent, Date.parse('2026-11-21T10:14:59Z'))?.stage).toBe('far')
})
