import { describe, expect, it } from 'vitest'

import type { Opportunity } from '@/api/customers'

import { canSave, newOpportunity, opportunityBodyOf, opportunityFormOf } from './opportunity_form'

const known: Opportunity = {
  opportunity_id: 'o1', customer_id: 'c1', title: 'Fleet', stage: 'offer', state: 'open', value: { amount: '1200.50', currency: 'EUR' },
  probability: 40, next_step: 'Call', next_step_due_at: '2026-11-23T09:00:00Z', owner_id: '1001', reason: null, remark: '',
  quotes: [{ number: 'Q1', given_on: '2026-11-01', value: { amount: '1300', currency: 'EUR' }, valid_until: '2026-12-01' }],
  opened_at: '2026-11-01T09:00:00Z', opened_by: '1001', closed_at: null, version: 3,
}

describe('the form of an opportunity', () => {
  it('sends back what it was filled with, and what it does not show', () => {
    const body = opportunityBodyOf(opportunityFormOf(known, 'CNY'), known)
    expect(body.value).toEqual({ amount: '1200.50', currency: 'EUR' })
    expect(body.owner_id).toBe('1001')
    expect(Date.parse(body.next_step_due_at ?? '')).toBe(Date.parse('2026-11-23T09:00:00Z'))
    expect(body.quotes).toEqual([{ number: 'Q1', given_on: '2026-11-01', value: { amount: '1300', currency: 'EUR' }, valid_until: '2026-12-01' }])
  })

  it('wants a title, whole quotes, and a reason for what was lost', () => {
    const form = { ...newOpportunity('lead', 'CNY', '1001'), title: 'New car' }
    expect(canSave(form)).toBe(true)
    expect(canSave({ ...form, title: ' ' })).toBe(false)
    expect(canSave({ ...form, state: 'lost' })).toBe(false)
    expect(canSave({ ...form, state: 'lost', reason: 'price' })).toBe(true)
    expect(canSave({ ...form, quotes: [{ number: 'Q', given_on: '', amount: '1' }] })).toBe(false)
  })

  it('has no value where none was typed', () => {
    expect(opportunityBodyOf(newOpportunity('lead', 'cny', ''), null)).toMatchObject({ value: null, owner_id: null })
  })
})
