import { describe, expect, it } from 'vitest'

import type { CaseRecord } from '@/api/customers'
import { fromLocalInput, toLocalInput } from '@/time/local_input'

import { bodyOf, caseChangesOf, caseFormOf, newCase, statesFrom } from './case_form'

const complaint: CaseRecord = {
  case_id: 'k1',
  customer_id: 'c1',
  kind: 'complaint',
  subject: 'Late',
  description: '',
  state: 'in_progress',
  priority: 'normal',
  owner_id: '1001',
  opened_at: '2026-11-01T00:00:00Z',
  opened_by: 'li',
  due_at: '2026-11-30T10:30:00Z',
  escalated_at: null,
  escalations: 0,
  resolved_at: null,
  closed_at: null,
  reopened: 0,
  reason: 'late',
  remedy: null,
  outcome: null,
  interactions: [],
  version: 2,
}

describe('the form of a case', () => {
  it('offers the states that the present one may go to', () => {
    expect(statesFrom('resolved')).toEqual(['resolved', 'closed', 'reopened'])
    expect(statesFrom('open')).not.toContain('reopened')
  })

  it('sends what was changed alone; a time it was not touched at stays', () => {
    const base = caseFormOf(complaint)
    expect(caseChangesOf({ ...base }, base)).toBeNull()
    expect(caseChangesOf({ ...base, state: 'resolved', outcome: 'recovered', owner_id: ' ' }, base)).toEqual({
      state: 'resolved',
      outcome: 'recovered',
      owner_id: null,
    })
    expect(caseChangesOf({ ...base, due_at: '' }, base)).toEqual({ due_at: null })
  })

  it('takes away what only complaints have with the complaint', () => {
    const base = caseFormOf(complaint)
    expect(caseChangesOf({ ...base, kind: 'question' }, base)).toEqual({ kind: 'question', reason: null, remedy: null, outcome: null })
  })

  it('opens a case out of the talk, by the service target where no time is set', () => {
    const body = bodyOf({ ...newCase('1001'), subject: ' Broken ', kind: 'fault', reason: 'left over' }, 'i1')
    expect(body).toMatchObject({ kind: 'fault', subject: 'Broken', owner_id: '1001', interaction_id: 'i1' })
    expect(body).not.toHaveProperty('due_at')
    expect(body).not.toHaveProperty('reason')
  })

  it('has moments in the time of the browser, there and back', () => {
    const at = '2026-11-30T10:30:00.000Z'
    expect(fromLocalInput(toLocalInput(at))).toBe(at)
    expect(toLocalInput(null)).toBe('')
    expect(toLocalInput('nonsense')).toBe('')
    expect(fromLocalInput('nonsense')).toBeNull()
  })
})
