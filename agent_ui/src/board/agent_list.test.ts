import { describe, expect, it } from 'vitest'

import type { Agent } from '@/api/documents'
import { agentOf } from '@/desk/samples'

import { matching, ordered } from './agent_list'

function who(agent_id: string, part: Partial<Agent> = {}): Agent {
  return agentOf({ agent_id, name: `Agent ${agent_id}`, state: 'ready', ...part })
}

const NONE = { text: '', state: '', queueId: '' }

describe('the list of agents', () => {
  it('finds by name, number and customer, and leaves out who is away', () => {
    const all = [who('1', { customer_name: '王芳' }), who('2'), who('3', { state: 'logged_out' })]
    const found = (text: string): string[] => matching(all, { ...NONE, text }).map((one) => one.agent_id)
    expect(found('')).toEqual(['1', '2'])
    expect(found('王')).toEqual(['1'])
    expect(found('agent 2')).toEqual(['2'])
  })

  it('finds by queue, and counts hold as talking', () => {
    const all = [who('1', { state: 'hold', queue_ids: ['sales'] }), who('2', { state: 'talking', queue_ids: ['support'] })]
    expect(matching(all, { ...NONE, state: 'talking' })).toHaveLength(2)
    expect(matching(all, { ...NONE, state: 'hold' })).toHaveLength(1)
    expect(matching(all, { ...NONE, queueId: 'sales' }).map((one) => one.agent_id)).toEqual(['1'])
  })

  it('puts first who has been in his state the longest', () => {
    const all = [who('1', { since: '2026-11-22T08:05:00Z' }), who('2', { since: '2026-11-22T08:01:00Z' })]
    expect(ordered(all, 'since').map((one) => one.agent_id)).toEqual(['2', '1'])
    expect(ordered(all, 'name').map((one) => one.agent_id)).toEqual(['1', '2'])
  })

  it('puts first of whom most was sent on, and last who has handled nothing', () => {
    const today = who('1').today
    const all = [
      who('1'),
      who('2', { today: { ...today, handled: 10, transferred: 1, talk_seconds: 90, hold_seconds: 10, calls_out: 1 } }),
      who('3', { today: { ...today, handled: 2, transferred: 1, talk_seconds: 50, hold_seconds: 50, calls_out: 9 } }),
      who('4', { today: { ...today, handled: 5, talk_seconds: 50 } }),
    ]
    for (const order of ['sentOn', 'held'] as const) expect(ordered(all, order).map((one) => one.agent_id)).toEqual(['3', '2', '4', '1'])
    expect(ordered(all, 'callsOut').map((one) => one.agent_id)).toEqual(['3', '2', '1', '4'])
  })
})
