import { describe, expect, it } from 'vitest'

import { askedBy, outcomesOf } from './outcomes'

const NOW = new Date('2026-11-22T16:30:00Z')
const ZONE = 'Asia/Shanghai'

describe('the calls behind a figure', () => {
  it('are those of its queue, end and the house’s day', () => {
    expect(askedBy({ queue: 'sales', outcome: 'abandoned', from: 'today' }, NOW, ZONE)).toEqual({
      queueId: 'sales',
      agentId: '',
      outcome: 'abandoned',
      from: '',
      to: '',
      since: '2026-11-22T16:00:00.000Z',
    })
    expect(outcomesOf('abandoned')).toHaveLength(3)
    expect(outcomesOf('answered')).toEqual(['answered'])
    expect(outcomesOf('')).toEqual([])
  })

  it('of some minutes begin then, and nonsense asks for nothing', () => {
    expect(askedBy({ minutes: '20' }, NOW, ZONE).since).toBe('2026-11-22T16:10:00.000Z')
    expect(askedBy({ minutes: '-1', from: 'yesterday', queue: ['a', 'b'] }, NOW, ZONE)).toMatchObject({ since: '', from: '', queueId: '' })
  })
})
