import { describe, expect, it } from 'vitest'

import { askedBy, outcomesOf } from './outcomes'

const NOW = new Date(2026, 10, 22, 9, 30)

describe('the calls behind a figure', () => {
  it('are those of its queue, end and day', () => {
    expect(askedBy({ queue: 'sales', outcome: 'abandoned', from: 'today' }, NOW)).toEqual({
      queueId: 'sales',
      agentId: '',
      outcome: 'abandoned',
      from: '2026-11-22',
      to: '',
      since: '',
    })
    expect(outcomesOf('abandoned')).toHaveLength(3)
    expect(outcomesOf('answered')).toEqual(['answered'])
    expect(outcomesOf('')).toEqual([])
  })

  it('of half an hour begin then, and nonsense asks for nothing', () => {
    expect(askedBy({ minutes: '30' }, NOW).since).toBe(new Date(2026, 10, 22, 9, 0).toISOString())
    expect(askedBy({ minutes: '-1', from: 'yesterday', queue: ['a', 'b'] }, NOW)).toMatchObject({ since: '', from: '', queueId: '' })
  })
})
