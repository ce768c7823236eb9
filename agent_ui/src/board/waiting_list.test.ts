import { describe, expect, it } from 'vitest'

import { waitingOf } from './samples'
import { matching, ordered } from './waiting_list'

const NONE = { text: '', queueId: '', kind: '' } as const

describe('the list of waiting callers', () => {
  it('finds by name and by digits however they are written', () => {
    const rows = [waitingOf('a', { customer_name: '王芳' }), waitingOf('b', { customer_name: null, ani: { e164: '+8613812345678', national: null, raw: '', withheld: false, region: 'CN' } })]
    const found = (text: string): string[] => matching(rows, { ...NONE, text }).map((row) => row.interaction_id)
    expect(found('王')).toEqual(['a'])
    expect(found('138 1234-5')).toContain('b')
  })

  it('parts callbacks from those on the line', () => {
    const away = waitingOf('away', { callback: { number: '+86139', requested_at: '', waiting_since: '', not_before: null, attempt: 1, attempts_allowed: 3, presence: 'absent' } })
    const rows = [away, waitingOf('here', {  })]
    expect(matching(rows, { ...NONE, kind: 'callbacks' })).toEqual([away])
    expect(matching(rows, { ...NONE, kind: 'calls' }).map((row) => row.interaction_id)).toEqual(['here'])
  })

  it('orders by place, wait or priority', () => {
    const rows = [
      waitingOf('a', { position: 2, priority: 9, entered_at: '2026-11-22T08:02:00Z' }),
      waitingOf('b', { position: 1, priority: 1, entered_at: '2026-11-22T08:03:00Z' }),
    ]
    expect(ordered(rows, 'position').map((row) => row.interaction_id)).toEqual(['b', 'a'])
    expect(ordered(rows, 'wait').map((row) => row.interaction_id)).toEqual(['a', 'b'])
    expect(ordered(rows, 'priority').map((row) => row.interaction_id)).toEqual(['a', 'b'])
  })
})
