import { describe, expect, it } from 'vitest'

import { canBeCalled, endOf, type CallOut } from './call_out_api'

const CALL: CallOut = {
  interaction_id: 'out-1',
  number: { raw: '+8613700000021', e164: '+8613700000021', national: '137 0000 0021', region: 'CN', withheld: false },
  customer_id: null,
  customer_name: null,
  state: 'ended',
  began_at: '2026-03-02T09:00:00Z',
  ended_at: '2026-03-02T09:00:20Z',
  outcome: 'not_reached',
  answer: 'busy',
  cause: 'customer_not_reached',
}

describe('calls out', () => {
  it('says of a call that reached nobody why', () => {
    expect(endOf(CALL)).toBe('busy')
    expect(endOf({ ...CALL, answer: null })).toBe('failed')
    expect(endOf({ ...CALL, outcome: 'called_off', answer: null, cause: 'no_answer' })).toBe('own_phone')
    expect(endOf({ ...CALL, outcome: 'called_off', answer: null, cause: 'rejected' })).toBe('called_off')
  })

  it('has nothing to say of a talk, nor of a call that goes on', () => {
    expect(endOf({ ...CALL, outcome: 'answered', answer: 'answered' })).toBeNull()
    expect(endOf({ ...CALL, state: 'calling', outcome: null, answer: null })).toBeNull()
  })

  it('offers no call to what is hidden or no number', () => {
    expect(canBeCalled('+86 137 0000 0021')).toBe(true)
    expect(canBeCalled('+86137****0021')).toBe(false)
    expect(canBeCalled('li@example.org')).toBe(false)
  })
})
