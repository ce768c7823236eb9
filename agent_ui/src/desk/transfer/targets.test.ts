import { describe, expect, it } from 'vitest'

import { agentsFor, looksLikeNumber, queuesFor } from './targets'
import type { AgentTarget, QueueTarget } from './transfer_api'

const LI: AgentTarget = { agent_id: '1002', name: '李娜', state: 'ready', reason: null, since: '2026-01-01T00:00:00Z', can_take: true, free: true }
const CHEN: AgentTarget = { ...LI, agent_id: '1003', name: 'Chen Wei', state: 'talking', free: false }
const SALES: QueueTarget = { queue_id: 'sales', label: { zh: '销售', en: 'Sales' }, waiting: 0, ready_agents: 1, expected_wait_seconds: 0, can_take: true }

describe('what the dialog lists', () => {
  it('lists all until something is typed, in the order of the server', () => {
    expect(agentsFor(' ', [LI, CHEN])).toEqual([LI, CHEN])
  })

  it('finds people by name in any case and by their number', () => {
    expect(agentsFor('chEN', [LI, CHEN])).toEqual([CHEN])
    expect(agentsFor('1002', [LI, CHEN])).toEqual([LI])
    expect(agentsFor('nobody', [LI, CHEN])).toEqual([])
  })

  it('finds queues by either language', () => {
    expect(queuesFor('销', [SALES])).toEqual([SALES])
    expect(queuesFor('sal', [SALES])).toEqual([SALES])
  })

  it('takes for a number what one would type, and no word', () => {
    expect(looksLikeNumber('+86 138-0013 8000')).toBe(true)
    expect(looksLikeNumber('95588')).toBe(true)
    expect(looksLikeNumber('12')).toBe(false)
    expect(looksLikeNumber('Chen')).toBe(false)
  })
})
