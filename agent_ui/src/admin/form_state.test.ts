import { describe, expect, it } from 'vitest'

import type { Field, Json } from './admin_api'
import { documentOf, faultsByField, isShown, merge, valuesOf } from './form_state'

function field(name: string, kind: Field['kind'], usual: Json = null): Field {
  const words = { zh: name, en: name }
  return { name, kind, usual, group: 'main', label: words, help: words, needed: false, low: null, high: null, choices: [], governed_by: '', governing: [] }
}

const FIELDS = [
  field('label', 'label'),
  field('skills', 'levels'),
  field('steps', 'steps'),
  field('ring_timeout_seconds', 'seconds', 20),
  field('max_waiting', 'whole'),
  field('waiting.ask_on_entry', 'yes_no', false),
  field('waiting.information', 'prompts', []),
  field('callback', 'switch', true),
  field('callback.attempts', 'whole', 3),
  field('survey', 'switch', false),
  field('survey.flow', 'survey_flow'),
  field('survey.percent', 'whole', 100),
]
const SALES = { label: { zh: '销售', en: 'Sales' }, skills: { sales: 2 } }

describe('a document as a form', () => {
  it('leaves out what means nothing with the choice that is made', () => {
    const fields = [field('kind', 'choice'), { ...field('threshold', 'whole'), governed_by: 'kind', governing: ['waiting'] }]
    expect(documentOf(fields, { kind: 'waiting', threshold: 3 })).toEqual({ kind: 'waiting', threshold: 3 })
    expect(documentOf(fields, { kind: 'trunk_down', threshold: 3 })).toEqual({ kind: 'trunk_down' })
  })

  it.each([
    SALES,
    { ...SALES, ring_timeout_seconds: 12, max_waiting: 0 },
    { ...SALES, callback: false },
    { ...SALES, callback: { attempts: 5 } },
    { ...SALES, survey: { flow: 'survey', percent: 30 } },
    { ...SALES, waiting: { ask_on_entry: true, information: ['a', 'b'] } },
    { label: SALES.label, steps: [{ after_seconds: 0, who: 'anyone' }] },
  ])('comes back as it was: %j', (document) => {
    expect(documentOf(FIELDS, valuesOf(FIELDS, document))).toEqual(document)
  })

  it('leaves out what is as usual, and what an empty field would say', () => {
    const values = valuesOf(FIELDS, { ...SALES, ring_timeout_seconds: 20, callback: { attempts: 3 }, max_waiting: 7 })
    values['max_waiting'] = ''
    expect(documentOf(FIELDS, values)).toEqual(SALES)
  })

  it('asks for the fields of a switch that is on, and sends it although nothing was said in them', () => {
    const values = valuesOf(FIELDS, SALES)
    const flow = FIELDS[10] as Field
    expect(isShown(flow, FIELDS, values)).toBe(false)
    values['survey'] = true
    expect(isShown(flow, FIELDS, values)).toBe(true)
    expect(documentOf(FIELDS, values)).toEqual({ ...SALES, survey: {} })
  })

  it('has either steps or skills', () => {
    const values = valuesOf(FIELDS, SALES)
    values['steps'] = [{ after_seconds: 0, who: 'anyone' }]
    expect(documentOf(FIELDS, values)).toEqual({ label: SALES.label, steps: [{ after_seconds: 0, who: 'anyone' }] })
  })
})

describe('what the server says', () => {
  it('is shown at the nearest field, and above all where there is none', () => {
    const found = faultsByField(FIELDS, [
      { where: 'survey.flow', message: 'a' },
      { where: 'survey.bells', message: 'b' },
      { where: 'steps.1.who', message: 'c' },
      { where: '', message: 'd' },
    ])
    expect(Object.fromEntries(Object.entries(found).map(([name, faults]) => [name, faults.map((one) => one.message)]))).toEqual({
      'survey.flow': ['a'],
      survey: ['b'],
      steps: ['c'],
      '': ['d'],
    })
  })
})

describe('two who change the same', () => {
  it('keep what each of them changed alone, and are told where both did', () => {
    const base = valuesOf(FIELDS, SALES)
    const mine = { ...base, ring_timeout_seconds: 10, max_waiting: 5 }
    const now = valuesOf(FIELDS, { ...SALES, ring_timeout_seconds: 30, callback: { attempts: 7 } })
    const merged = merge(FIELDS, base, mine, now)
    expect(documentOf(FIELDS, merged.values)).toEqual({
      ...SALES,
      ring_timeout_seconds: 10,
      max_waiting: 5,
      callback: { attempts: 7 },
    })
    expect(merged.theirs.map(({ name, kept }) => [name, kept])).toEqual([
      ['ring_timeout_seconds', 'mine'],
      ['callback.attempts', 'theirs'],
    ])
  })
})
