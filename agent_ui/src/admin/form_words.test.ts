import { describe, expect, it } from 'vitest'

import type { DifferentLine, Form } from './admin_api'
import { fieldWords, placesOf } from './form_words'

const TEXT = `# Skills
skills:
  sales: {zh: 销售, en: Sales}
queues:
  sales:
    label: {zh: 销售, en: Sales}
    treatment:
      first_seconds: 2
    steps:
    - {who: sales}
agents: {}`

const LABEL = { zh: '首次播报', en: 'First word' }
const FORMS = [{ part: 'queues', fields: [{ name: 'treatment.first_seconds', label: LABEL }, { name: 'boosts', label: LABEL }] }] as unknown as Form[]

function line(kind: DifferentLine['kind'], text: string, after: number | null): DifferentLine {
  return { kind, text, before: kind === 'added' ? null : 1, after }
}

describe('the words of the forms', () => {
  it('knows where every line of the file stands', () => {
    const all = TEXT.split('\n').map((text, index) => line('same', text, index + 1))
    expect(placesOf(all, TEXT)).toEqual([
      null,
      { part: 'skills', field: null },
      { part: 'skills', field: null },
      { part: 'queues', field: null },
      { part: 'queues', field: null },
      { part: 'queues', field: 'label' },
      { part: 'queues', field: 'treatment' },
      { part: 'queues', field: 'treatment.first_seconds' },
      { part: 'queues', field: 'steps' },
      { part: 'queues', field: 'steps' },
      { part: 'agents', field: null },
    ])
  })

  it('knows where a line stood that is gone, by those before it', () => {
    const lines = [line('gap', '', null), line('same', '    treatment:', 7), line('removed', '      first_seconds: 3', null), line('added', '      first_seconds: 2', 8), line('removed', '    gone: 1', null)]
    expect(placesOf(lines, TEXT).map((place) => place?.field)).toEqual([undefined, 'treatment', 'treatment.first_seconds', 'treatment.first_seconds', 'gone'])
  })

  it('finds the field that holds what has no words of its own', () => {
    expect(fieldWords(FORMS, 'queues', 'boosts.classes.A')).toEqual({ label: LABEL, rest: ['classes', 'A'] })
    expect(fieldWords(FORMS, 'agents', 'boosts')).toEqual({ label: null, rest: ['boosts'] })
  })
})
