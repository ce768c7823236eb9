import { describe, expect, it } from 'vitest'

import { agentOf } from '@/desk/samples'

import { holdRate, reachRate, transferRate } from './agent_rates'

describe('an agent’s rates', () => {
  it('are shares of the counts of his day', () => {
    const none = agentOf({})
    const agent = { today: { ...none.today, handled: 8, transferred: 2, talk_seconds: 300, hold_seconds: 100, calls_out: 4, calls_out_reached: 3 } }
    expect([transferRate(agent), holdRate(agent), reachRate(agent)]).toEqual([0.25, 0.25, 0.75])
  })

  it('are unknown before there is anything to divide by', () => {
    const none = agentOf({})
    expect([transferRate(none), holdRate(none), reachRate(none)]).toEqual([null, null, null])
  })
})
