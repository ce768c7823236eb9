import { describe, expect, it } from 'vitest'

import { colleaguesFor, toldOf, type Colleague, type InternalCall } from './internal_api'

const CALL: InternalCall = {
  call_id: 'int-1.',
  incoming: false,
  agent_id: '1002',
  name: 'Chen Wei',
  state: 'ringing',
  began_at: '2026-03-02T09:00:00Z',
  answered_at: null,
  ended_at: null,
  end: null,
}
const ROW: Colleague = { agent_id: '1002', name: 'Chen Wei', groups: ['support'], state: 'ready', reason: null, since: CALL.began_at, can_be_called: true, refusal: null }

describe('internal calls', () => {
  it('tells each side what it is to do', () => {
    expect(toldOf(CALL)).toBe('calling')
    expect(toldOf({ ...CALL, state: 'ringing_caller' })).toBe('own_phone')
    expect(toldOf({ ...CALL, incoming: true })).toBe('incoming')
    expect(toldOf({ ...CALL, state: 'talking' })).toBe('talking')
  })

  it('says of a call that came to nothing why, and of one that was a talk nothing', () => {
    const ended = { ...CALL, state: 'ended' as const }
    expect(toldOf({ ...ended, end: 'rejected' })).toBe('not_reached')
    expect(toldOf({ ...ended, end: 'called_off' })).toBeNull()
    expect(toldOf({ ...ended, end: 'talked' })).toBeNull()
    expect(toldOf({ ...ended, incoming: true, end: 'called_off' })).toBe('missed')
    expect(toldOf({ ...ended, incoming: true, end: 'rejected' })).toBeNull()
  })

  it('finds colleagues by name, number and group', () => {
    const rows = [ROW, { ...ROW, agent_id: '1003', name: '李娜', groups: [] }]
    expect(colleaguesFor('wei', rows)).toEqual([rows[0]])
    expect(colleaguesFor(' 李', rows)).toEqual([rows[1]])
    expect(colleaguesFor('SUPPORT', rows)).toEqual([rows[0]])
    expect(colleaguesFor('', rows)).toHaveLength(2)
  })
})
