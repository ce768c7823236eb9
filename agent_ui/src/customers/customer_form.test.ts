import { describe, expect, it } from 'vitest'

import type { CustomerRecord, CustomField } from '@/api/customers'

import { changesOf, formOf, shownFields, tagsOf } from './customer_form'

const customer: CustomerRecord = {
  customer_id: 'c1',
  kind: 'person',
  name: 'Ada',
  language: 'en',
  segment: 'B',
  account_manager_id: null,
  tags: ['one', 'two'],
  contact_points: [{ kind: 'phone', value: '+442079460000', label: '' }],
  notes: '',
  created_at: '2026-01-01T00:00:00Z',
  consents: [{ channel: 'phone', state: 'granted', at: '2026-01-01T00:00:00Z', by: 'li', source: '' }],
  custom: { size: 12, vip: true, gone: 'x' },
  version: 3,
}
const field = (field_id: string, kind: CustomField['kind'], retired = false): CustomField => ({
  field_id,
  kind,
  retired,
  choices: [],
  label: { zh: field_id, en: field_id },
})
const fields = [field('size', 'number'), field('vip', 'yes_no'), field('since', 'date'), field('gone', 'text', true), field('old', 'text', true)]

describe('the form of a customer', () => {
  it('sends nothing when nothing was changed', () => {
    const form = formOf(customer, fields)
    expect(changesOf(form, formOf(customer, fields), fields)).toBeNull()
  })

  it('sends what was changed and nothing else, each by its kind', () => {
    const base = formOf(customer, fields)
    const form = formOf(customer, fields)
    form.segment = ''
    form.tags = 'one，three、 one'
    form.contact_points.push({ kind: 'email', value: ' ada@example.com ', label: '' }, { kind: 'phone', value: '  ', label: 'empty' })
    form.consents['phone'] = 'do_not_contact'
    form.custom['size'] = '12.5'
    form.custom['vip'] = ''
    expect(changesOf(form, base, fields)).toEqual({
      segment: null,
      tags: ['one', 'three'],
      contact_points: [
        { kind: 'phone', value: '+442079460000', label: '' },
        { kind: 'email', value: 'ada@example.com', label: '' },
      ],
      consents: [{ channel: 'phone', state: 'do_not_contact' }],
      custom: { size: 12.5, vip: null },
    })
  })

  it('sends what is no number as it was typed, for the server to say so', () => {
    const form = formOf(customer, fields)
    form.custom['size'] = 'twelve'
    expect(changesOf(form, formOf(customer, fields), fields)).toEqual({ custom: { size: 'twelve' } })
  })

  it('shows a retired field only while it holds something', () => {
    expect(shownFields(customer, fields).map((one) => one.field_id)).toEqual(['size', 'vip', 'since', 'gone'])
  })

  it('takes tags apart at the commas of both scripts', () => {
    expect(tagsOf(' a, b，c、a,, ')).toEqual(['a', 'b', 'c'])
    expect(tagsOf('')).toEqual([])
  })
})
